"""Which jobs the generated GitLab pipeline has for which event, by its rules alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.project.conftest import Repo
from tests.workflows.conftest import IDENTITY, scheduled

from .conftest import merge_request
from .outcome import CHECK, COMMENT, GATE, RELEASE
from .pipeline import Event, Gitlab

NIGHTLY = {"fearless:nightly", "fearless:deep", "fearless:red", "fearless:healthy"}
UPDATE = {"fearless:update", "fearless:propose"}
NOT_ARMED = {"fearless:not-armed"}
MONITOR = {"fearless:monitor", "fearless:breach", "fearless:watched"}


@pytest.fixture
def merged(repo: Repo, hub: Path) -> Event:
    """What is on main, pushed a moment ago."""
    before = repo.git("rev-parse", "HEAD")
    repo.git(*IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "Merged")
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    return Event(hub, "push", repo.git("rev-parse", "HEAD"), before=before)


def test_a_merge_request_is_judged_and_commented(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    assert gitlab.planned(tmp_path, merge_request(repo, hub)) == {GATE, CHECK, COMMENT}


def test_a_merge_request_from_a_fork_is_judged_and_not_commented(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    event = merge_request(repo, hub)
    assert gitlab.planned(tmp_path, event, {"CI_MERGE_REQUEST_PROJECT_ID": "9"}) == {GATE, CHECK}


def test_what_was_merged_is_judged_and_another_branch_is_not_judged_twice(
    merged: Event, gitlab: Gitlab, tmp_path: Path
) -> None:
    assert gitlab.planned(tmp_path, merged) == {GATE, CHECK}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert gitlab.planned(elsewhere, replace(merged, branch="change")) == set()


@pytest.mark.parametrize(
    ("source", "task", "jobs"),
    [
        ("schedule", "nightly", NIGHTLY),
        ("schedule", "update", UPDATE),
        ("schedule", "monitor", NOT_ARMED),
        ("web", "nightly", NIGHTLY),
        ("web", "update", UPDATE),
        ("web", "", {GATE, CHECK}),
        ("schedule", "nightlyy", {"fearless:task"}),
        ("schedule", "", set()),
        ("push", "nightly", {GATE, CHECK}),
    ],
)
def test_a_task_runs_its_own_jobs_and_nothing_else(
    merged: Event, gitlab: Gitlab, tmp_path: Path, source: str, task: str, jobs: set[str]
) -> None:
    variables = {"FEARLESS_TASK": task} if task else {}
    assert gitlab.planned(tmp_path, replace(merged, source=source), variables) == jobs


def test_a_script_that_brings_the_ledger_arms_the_monitor(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    repo.write("ops/ci/ledger.sh", "exit 0\n")
    event = scheduled(repo)
    planned = Event(event.remote, "schedule", event.sha)
    assert gitlab.planned(tmp_path, planned, {"FEARLESS_TASK": "monitor"}) == MONITOR


def test_a_merge_request_cannot_turn_its_judges_off_with_a_task(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    file = repo.root / ".gitlab-ci.yml"
    repo.write(".gitlab-ci.yml", file.read_text("utf-8") + "variables:\n  FEARLESS_TASK: update\n")
    assert gitlab.planned(tmp_path, merge_request(repo, hub)) == {GATE, CHECK, COMMENT}


def test_a_push_that_brings_another_champion_is_a_release_where_the_team_has_steps_for_it(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    before = repo.git("rev-parse", "HEAD")
    for number, (file, jobs) in enumerate(
        [("models/champion.dvc", {GATE, CHECK}), ("ops/ci/release.sh", {GATE, CHECK, RELEASE})]
    ):
        repo.write(file, "outs: []\n")
        repo.git("add", "--all")
        repo.git(*IDENTITY, "commit", "--quiet", "--message", "A champion")
        repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
        folder = tmp_path / str(number)
        folder.mkdir()
        event = Event(hub, "push", repo.git("rev-parse", "HEAD"), before=before)
        assert gitlab.planned(folder, event) == jobs


def test_a_change_that_no_longer_includes_the_pipeline_has_no_job_and_so_is_never_green(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    repo.write(".gitlab-ci.yml", "stages: [test]\n")
    assert gitlab.planned(tmp_path, merge_request(repo, hub)) == set()
