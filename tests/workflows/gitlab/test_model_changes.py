"""The generated GitLab pipeline, run on changes of the model: what is as good is merged, and what is worse is named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.project.conftest import Copied, Repo
from tests.workflows.conftest import IDENTITY, succeeded

from .conftest import Proposed, merge_request
from .outcome import CHECK, GATE, RELEASE, assert_red, sentence
from .pipeline import Event

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
    run = proposed(environments=None)
    assert run.green, run.log
    assert {name: job.result for name, job in run.jobs.items()} == {
        GATE: "success",
        CHECK: "success",
        "fearless:comment": "success",
    }
    job = run.job(GATE)
    assert "dvc.lock is current" in job.log
    assert "PASS: The candidate passes" in job.log
    report = job.artifacts / ".fearless" / "gate" / "report.json"
    assert repo.git("rev-parse", "origin/main") in report.read_text(encoding="utf-8")
    assert not (job.workspace / ".git" / "shallow").exists()


def test_a_worse_model_that_was_trained_and_pushed_is_refused_and_the_check_is_named(
    repo: Repo, proposed: Proposed
) -> None:
    repo.edit(*WORSE)
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, GATE)
    assert "dvc.lock is current" in run.job(GATE).log
    assert "FAIL     log_loss skill" in run.job(GATE).log


def test_a_worse_model_that_ci_is_left_to_train_is_refused_even_if_the_change_asks_for_less(
    repo: Repo, proposed: Proposed
) -> None:
    succeeded(repo, "dvc", "push")
    repo.edit(*WORSE)
    repo.edit("gate.yaml", "min_skill: 0.35", "min_skill: 0.01")
    repo.edit("gate.yaml", "floor: 0.85", "floor: 0.5")
    run = proposed()
    assert_red(run, GATE, CHECK)
    job = run.job(GATE)
    assert "training here" in job.log
    assert "FAIL     log_loss skill" in job.log
    assert "log_loss.min_skill 0.35 -" in run.job(CHECK).log


def test_golden_data_that_changes_together_with_the_model_is_refused(repo: Repo, proposed: Proposed) -> None:
    succeeded(repo, "fearless", "golden", "freeze", "--again", "--share", "0.3")
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert_red(run, GATE, CHECK)
    for job in (run.job(GATE), run.job(CHECK)):
        assert "data/golden.dvc names other golden data, together with params.yaml" in job.log


def test_a_forgotten_push_to_the_storage_is_named(repo: Repo, proposed: Proposed) -> None:
    run = proposed()
    assert_red(run, GATE, CHECK)
    said = sentence(run.job(GATE))
    assert "models/candidate is not whole in" in said
    assert "`uv run dvc push`" in said


def test_two_changes_that_both_trained_are_brought_together_by_what_the_message_says(
    repo: Repo, hub: Path, proposed: Proposed
) -> None:
    succeeded(repo, "dvc", "push")
    commit(repo, "The first change")
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    repo.git("switch", "--quiet", "--create", "second", "HEAD~1")
    repo.edit("params.yaml", "learning_rate: 0.1 ", "learning_rate: 0.11 ")
    succeeded(repo, "fearless", "train")
    succeeded(repo, "dvc", "push")
    commit(repo, "The second change")
    merged = repo.fearless("check")  # the state before: no conflict is told
    assert "conflict of two branches" not in merged.stdout
    with pytest.raises(Exception, match="merge"):
        repo.git(*IDENTITY, "merge", "--quiet", "origin/main")
    told = repo.fearless("train")
    assert "dvc.lock holds the conflict of two branches that both trained" in told.stderr
    repo.git("checkout", "--theirs", "dvc.lock", "ops/reports/metrics.json")
    succeeded(repo, "fearless", "train")
    repo.git("add", "dvc.lock", "ops/reports")
    succeeded(repo, "dvc", "push")
    run = proposed()
    assert run.green, run.log
    assert "dvc.lock is current" in run.job(GATE).log


def test_what_the_target_has_gained_meanwhile_is_no_part_of_the_change_in_a_pipeline_of_merged_results(
    repo: Repo, hub: Path, proposed: Proposed
) -> None:
    succeeded(repo, "dvc", "push")
    event = merge_request(repo, hub)
    repo.git("switch", "--quiet", "--create", "meanwhile", "origin/main")
    repo.edit("gate.yaml", "floor: 0.85", "floor: 0.84")
    commit(repo, "Ask for less, in a change of its own")
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    target = repo.git("rev-parse", "HEAD")
    repo.git(*IDENTITY, "merge", "--quiet", "--no-ff", "--no-edit", event.sha)
    repo.git("push", "--quiet", "origin", "HEAD:refs/merge-requests/1/merge")
    run = proposed(replace(event, sha=repo.git("rev-parse", "HEAD"), target=target))
    assert run.green, run.log
    assert "this change touches none of its judges" in run.job(CHECK).log
    assert target in (run.job(GATE).artifacts / ".fearless/gate/report.json").read_text(encoding="utf-8")


def test_a_push_that_brings_another_champion_is_judged_as_a_release_and_runs_the_team_s_steps(
    repo: Repo, hub: Path, proposed: Proposed
) -> None:
    before = repo.git("rev-parse", "HEAD")
    shutil.copytree(repo.root / "models" / "candidate", repo.root / "models" / "champion")
    succeeded(repo, "dvc", "add", "models/champion")
    succeeded(repo, "dvc", "push")
    repo.write("ops/ci/release.sh", 'echo "released $(git rev-parse HEAD)"\n')
    commit(repo, "A champion")
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    released = repo.git("rev-parse", "HEAD")
    run = proposed(Event(hub, "push", released, before=before))
    assert run.green, run.log
    report = (run.job(GATE).artifacts / ".fearless/gate/report.json").read_text(encoding="utf-8")
    assert json.loads(report)["mode"] == "release"
    assert sentence(run.job(RELEASE)) == f"released {released}"


def commit(repo: Repo, message: str) -> None:
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--message", message)
