"""The generated workflow, run on changes of model and data: what passes the gate, and what it refuses by name."""

from __future__ import annotations

import subprocess

import pytest
from tests.project.conftest import Repo

from .conftest import IDENTITY, Proposed, succeeded
from .outcome import CHANGE, GATE, PULL, TRAIN, assert_green, assert_red

# What the jobs that are not looked at are said to have given.
ONLY_JUDGE = {"check": "success"}
AS_GOOD = ("params.yaml", "l2_regularization: 1.0 ", "l2_regularization: 1.1 ")
WORSE = ("params.yaml", "max_iter: 60 ", "max_iter: 1 ")


def test_an_equal_change_goes_green_from_the_whole_history_and_leaves_the_report(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit(*AS_GOOD)
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_green(run)
    judge = run.job("judge")
    assert "dvc.lock is current" in judge.step(TRAIN).log
    assert "Gate: PASS" in judge.summary
    assert "All 2 guards are content" in run.job("check").step(CHANGE).log
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
    run = proposed(given=ONLY_JUDGE)
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
    assert_red(run, CHANGE, job="check")
    assert "gate.yaml asks for less" in run.job("check").summary


@pytest.mark.parametrize(
    ("path", "old", "new"), [("gate.yaml", "min_skill: 0.35", "min_skill: 0.01")], ids=["a floor"]
)
def test_a_loosened_number_alone_is_shown_and_goes_green(
    repo: Repo, proposed: Proposed, path: str, old: str, new: str
) -> None:
    repo.edit(path, old, new)
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_green(run)
    assert "log_loss.min_skill 0.35 -" in run.job("check").summary.replace("&gt;", ">")


def test_golden_data_that_changes_alone_goes_green_and_together_with_the_model_is_refused(
    repo: Repo, proposed: Proposed
) -> None:
    succeeded(repo, "fearless", "golden", "freeze", "--again", "--share", "0.3")
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_green(run)
    assert "data/golden.dvc names other golden data, in a change of its own" in run.job("judge").summary
    assert "PASS by the golden data of the base (4,000 rows)." in run.job("judge").summary
    pulled = run.job("check").workspace  # where nothing judges, so that only ci/pull.sh can have brought it
    assert pulled is not None
    assert (pulled / ".fearless" / "golden-of-base" / "rows.parquet").is_file()

    repo.edit("params.yaml", "learning_rate: 0.1 ", "learning_rate: 0.09 ")
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, GATE)
    assert_red(run, CHANGE, job="check")
    told = "data/golden.dvc names other golden data, together with params.yaml"
    assert told in run.job("judge").summary
    assert told in run.job("check").summary


def test_golden_data_of_the_base_that_the_storage_no_longer_holds_is_named_and_red(
    repo: Repo, proposed: Proposed
) -> None:
    pointer = (repo.root / "data" / "golden.dvc").read_text("utf-8")
    old = pointer.partition("md5: ")[2].partition(".dir")[0]
    succeeded(repo, "fearless", "golden", "freeze", "--again", "--share", "0.3")
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    (repo.root / ".storage" / "files" / "md5" / old[:2] / f"{old[2:]}.dir").unlink()
    run = proposed(given=ONLY_JUDGE)
    assert_red(run, PULL)
    summary = run.job("judge").summary
    assert (
        "that of the base must judge it too, but neither the cache nor the storage holds all of it."
        in summary
    )
    assert "`uv run dvc push`" in summary
    assert summary.count("\n") == 1


def test_a_forgotten_push_to_the_storage_is_named(repo: Repo, proposed: Proposed) -> None:
    repo.edit(*AS_GOOD)
    succeeded(repo, "fearless", "train")
    run = proposed(given=ONLY_JUDGE)
    assert_red(run, PULL)
    summary = run.job("judge").summary
    assert "models/candidate is not whole in" in summary
    assert "`uv run dvc push`" in summary
    assert summary.count("\n") == 1


def test_two_open_changes_that_both_trained_are_brought_together_by_the_command_that_is_told(
    repo: Repo, proposed: Proposed
) -> None:
    repo.git("switch", "--quiet", "--create", "first")
    repo.edit("params.yaml", "max_iter: 60", "max_iter: 70")
    _trained(repo)
    repo.git("switch", "--quiet", "main")
    repo.git("switch", "--quiet", "--create", "second")
    features = repo.package / "features.py"
    repo.write(features, features.read_text("utf-8") + "\n\n# The same numbers, told otherwise.\n")
    _trained(repo)
    repo.git("push", "--quiet", "origin", "first:main")
    repo.git("fetch", "--quiet", "origin")
    merge = subprocess.run(
        ["git", *IDENTITY, "merge", "origin/main"],
        cwd=repo.root,
        env={**repo.surroundings},
        capture_output=True,
        encoding="utf-8",
    )
    assert merge.returncode == 1
    assert "CONFLICT (content): Merge conflict in dvc.lock" in merge.stdout

    stopped = repo.fearless("train")
    assert stopped.returncode == 2
    assert "dvc.lock holds the conflict of two branches that both trained." in stopped.stderr
    told = "git checkout --theirs dvc.lock ops/reports/metrics.json"
    assert f"`{told}`" in stopped.stderr
    repo.git(*told.split()[1:])
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    repo.git("add", "dvc.lock", "ops/reports")
    assert_green(proposed())


def _trained(repo: Repo) -> None:
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--message", "Another model")
