"""The generated workflow, run on changes of the model: an equal one goes green, and why another turns red."""

from __future__ import annotations

import shutil

import pytest
from tests.project.conftest import Copied, Repo

from .conftest import Proposed, succeeded
from .outcome import GATE, PULL, TRAIN, assert_red

WORSE = ("params.yaml", "max_iter: 60 ", "max_iter: 2 ")


@pytest.fixture(scope="module")
def retrained(started: tuple[Repo, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A model as good as the one before, trained and not yet pushed to the storage."""
    source = started[0]
    root = tmp_path_factory.mktemp("retrained") / "repo"
    shutil.copytree(source.root, root, symlinks=True, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    repo = Repo(root, source.python, source.surroundings)
    repo.edit("params.yaml", "l2_regularization: 1.0 ", "l2_regularization: 1.1 ")
    succeeded(repo, "fearless", "train")
    return repo


@pytest.fixture
def repo(copied: Copied, retrained: Repo) -> Repo:
    return copied(retrained)


def test_an_equal_change_goes_green_from_the_whole_history_and_leaves_the_report(
    repo: Repo, proposed: Proposed
) -> None:
    succeeded(repo, "dvc", "push")
    run = proposed()
    judge = run.job("judge")
    assert (judge.result, run.result("green")) == ("success", "success"), judge.log
    assert "dvc.lock is current" in judge.step(TRAIN).log
    assert "Gate: PASS" in judge.summary
    assert (run.artifacts / "gate" / "report.json").is_file()
    assert judge.workspace is not None
    assert not (judge.workspace / ".git" / "shallow").exists()
    assert repo.git("rev-parse", "origin/main") in (run.artifacts / "gate" / "report.json").read_text("utf-8")


def test_a_worse_model_that_was_trained_and_pushed_is_refused_and_the_check_is_named(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit(*WORSE)
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, GATE)
    assert "dvc.lock is current" in run.job("judge").step(TRAIN).log
    assert "❌ FAIL | log_loss skill" in run.job("judge").summary


def test_a_worse_model_that_ci_is_left_to_train_is_refused_even_if_the_change_asks_for_less(
    repo: Repo, proposed: Proposed
) -> None:
    succeeded(repo, "dvc", "push")
    repo.edit(*WORSE)
    repo.edit("gate.yaml", "min_skill: 0.35", "min_skill: 0.01")
    repo.edit("gate.yaml", "floor: 0.85", "floor: 0.5")
    run = proposed()
    assert_red(run, GATE)
    judge = run.job("judge")
    assert "training here" in judge.step(TRAIN).log
    assert "❌ FAIL | log_loss skill" in judge.summary
    assert "log_loss.min_skill 0.35 -" in judge.summary.replace("&gt;", ">")


def test_golden_data_that_changes_together_with_the_model_is_refused(repo: Repo, proposed: Proposed) -> None:
    succeeded(repo, "fearless", "golden", "freeze", "--again", "--share", "0.3")
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, GATE)
    assert "data/golden.dvc names other golden data, together with params.yaml" in run.job("judge").summary


def test_a_forgotten_push_to_the_storage_is_named(repo: Repo, proposed: Proposed) -> None:
    run = proposed()
    assert_red(run, PULL)
    summary = run.job("judge").summary
    assert "models/candidate is not whole in" in summary
    assert "`uv run dvc push`" in summary
    assert summary.count("\n") == 1
