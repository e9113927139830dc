"""The scheduled workflows, run whole with a trained repository: no step is left out, none is stood in for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.project.conftest import Repo
from tests.project.published import JUDGE, NEW, OLD, made_from
from tests.project.published import published as published

from .conftest import Executed, scheduled, succeeded
from .hub_server import HubServer
from .test_update_workflow import APP, GRANTED, KEY

pytestmark = pytest.mark.slow
FOLDER = ".github/workflows"


def test_a_newer_release_of_the_template_arrives_as_exactly_one_pull_request(
    repo: Repo, hub: Path, published: Path, executed: Executed
) -> None:
    made_from(repo, published, "v0.1.0")
    succeeded(repo, "dvc", "push")
    event = scheduled(repo)
    text = repo.git("show", f"{event.sha}:{FOLDER}/fearless-update.yml")
    with HubServer(hub) as server:
        server.apps["42"] = ("the key of the app", GRANTED)
        for _ in range(2):
            run = executed(text, event, server=server, variables=APP, secrets=KEY)
            assert run.result("update") == "success", run.job("update").log
            assert run.result("propose") == "success", run.job("propose").log
        (request,) = server.requests()
    assert (request.head, request.base) == ("fearless-update-0.2.0", "main")
    assert "| `fearless gate` | PASS |" in request.body
    repo.git("fetch", "--quiet", "origin", request.head)
    assert NEW in repo.git("show", f"FETCH_HEAD:{JUDGE}")
    changed = repo.git("diff", "--name-only", "HEAD", "FETCH_HEAD").splitlines()
    assert {JUDGE, "fearless/MANIFEST", ".copier-answers.yml"} <= {*changed}
    assert all(name.startswith(("fearless/", ".copier-answers.yml", "uv.lock")) for name in changed)


def test_an_update_that_meets_an_edit_of_the_same_lines_goes_red_and_proposes_nothing(
    repo: Repo, hub: Path, published: Path, executed: Executed
) -> None:
    made_from(repo, published, "v0.1.0")
    repo.edit(JUDGE, OLD, "The verdict in our own words.")
    succeeded(repo, "dvc", "push")
    event = scheduled(repo)
    text = repo.git("show", f"{event.sha}:{FOLDER}/fearless-update.yml")
    with HubServer(hub) as server:
        server.apps["42"] = ("the key of the app", GRANTED)
        run = executed(text, event, server=server, variables=APP, secrets=KEY)
        assert run.result("update") == "failure"
        assert JUDGE in run.job("update").log
        assert server.requests() == []
        (issue,) = server.issues()
    assert "could not be made" in issue.body
    assert repo.git("ls-remote", "origin", "refs/heads/fearless-update-0.2.0") == ""


def test_a_healthy_night_trains_with_the_newest_versions_and_runs_the_expensive_guards(
    repo: Repo, hub: Path, executed: Executed
) -> None:
    succeeded(repo, "dvc", "push")
    event = scheduled(repo)
    text = repo.git("show", f"{event.sha}:{FOLDER}/fearless-nightly.yml")
    with HubServer(hub) as server:
        # The versions of the lock stand for the newest: what is newest today is nothing for a test to depend on.
        run = executed(text.replace("bash fearless/ci/newest.sh", "true"), event, server=server)
        assert server.issues() == []
    for job in ("newest", "deep", "tell"):
        assert run.result(job) == "success", run.job(job).log
    assert "Gate: PASS" in run.job("newest").summary
    assert "all 2 guards are content" in run.job("deep").summary
