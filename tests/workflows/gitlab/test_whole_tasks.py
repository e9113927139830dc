"""The tasks of a schedule, run whole on GitLab with a trained repository: no script is stood in for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.project.conftest import Repo
from tests.project.published import JUDGE, NEW, made_from
from tests.project.published import published as published
from tests.workflows.conftest import scheduled, succeeded
from tests.workflows.hub_server import HubServer
from tests.workflows.test_monitor_workflow import armed, recorded

from .conftest import asked
from .pipeline import Event, Gitlab, Pipeline
from .test_tasks import BOT

pytestmark = pytest.mark.slow


def run(repo: Repo, server: HubServer, gitlab: Gitlab, folder: Path, task: str) -> Pipeline:
    event = scheduled(repo)
    folder.mkdir()
    token = server.token(BOT, {"api": "write", "write_repository": "write"})
    return gitlab.run(
        folder,
        Event(event.remote, "schedule", event.sha),
        variables={"FEARLESS_TASK": task, **asked(server)},
        scoped={"fearless-hub": {"FEARLESS_GITLAB_TOKEN": token}},
    )


def test_a_newer_release_of_the_template_arrives_as_exactly_one_merge_request(
    repo: Repo, hub: Path, published: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    made_from(repo, published, "v0.1.0")
    succeeded(repo, "dvc", "push")
    with HubServer(hub) as server:
        done = run(repo, server, gitlab, tmp_path / "update", "update")
        assert done.green, done.log
        (request,) = server.requests()
    assert (request.head, request.base) == ("fearless-update-0.2.0", "main")
    assert "| `fearless gate` | PASS |" in request.body
    repo.git("fetch", "--quiet", "origin", request.head)
    assert NEW in repo.git("show", f"FETCH_HEAD:{JUDGE}")


def test_a_ledger_that_a_script_brings_is_watched(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    armed(repo, kept)
    repo.edit("ops/ci/ledger.sh", 'test "$FEARLESS_LEDGER_SECRET" = "the key of the ledger"\n', "")
    with HubServer(hub) as server:
        recorded(repo, kept, "monthly_fee", "2")
        done = run(repo, server, gitlab, tmp_path / "breach", "monitor")
        assert not done.green
        (issue,) = server.issues()
        assert "monitor: BREACH: `monthly_fee` is no longer what the model was trained on." in issue.body
        recorded(repo, kept)
        done = run(repo, server, gitlab, tmp_path / "quiet", "monitor")
        assert done.green, done.log
        assert server.issues() == []


def test_a_healthy_night_trains_again_and_runs_the_expensive_guards(
    repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path
) -> None:
    succeeded(repo, "dvc", "push")
    # The versions of the lock stand for the newest: what is newest today is nothing for a test to depend on.
    newest = repo.root / "fearless" / "ci" / "newest.sh"
    before = hashlib.sha256(newest.read_bytes()).hexdigest()
    repo.write(newest, "exit 0\n")
    repo.edit("fearless/MANIFEST", before, hashlib.sha256(newest.read_bytes()).hexdigest())
    with HubServer(hub) as server:
        done = run(repo, server, gitlab, tmp_path / "night", "nightly")
        assert done.green, done.log
        assert server.issues() == []
    assert "PASS: The candidate passes" in done.job("fearless:nightly").log
    assert "do not reach the model" in done.job("fearless:deep").log
