"""The tasks that a schedule of GitLab runs: what they tell and propose, once, and never green for nothing."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.project.conftest import Rendered, Repo
from tests.workflows.conftest import remote_of, scheduled
from tests.workflows.hub_server import HubServer

from .conftest import asked, bare
from .outcome import assert_red, sentence
from .pipeline import Event, Gitlab, Pipeline

INCLUDE = "include:\n  - local: /.gitlab/fearless/pipeline.yml\n"
BOT = "project_7_bot"
# What `fearless update` leaves behind, without its minutes (test_whole_tasks.py runs it); $CODE is how it ended.
STAND_IN = """
test -n "$VERSION" || exit "$CODE"
branch=fearless-update-$VERSION
git switch --quiet --create "$branch"
echo "# $VERSION" >> .gitlab/fearless/pipeline.yml
git commit --quiet --all --message "Update of the template to $VERSION"
mkdir -p .fearless/update
git bundle create --quiet .fearless/update/update.bundle "HEAD~1..$branch"
echo "From 0.1.0 to $VERSION at $(git rev-parse --short HEAD~1)." > .fearless/update/body.md
exit "$CODE"
"""

Task = Callable[..., Pipeline]


@pytest.fixture
def published(rendered: Rendered, surroundings: dict[str, str], tmp_path: Path) -> Repo:
    """A rendering that was never started, on a bare repository of its own: for what needs no data and no model."""
    repo = Repo(rendered(ci="gitlab"), Path(sys.executable), surroundings)
    repo.git("init", "--quiet", "--initial-branch=main")
    repo.git("remote", "add", "origin", bare(tmp_path / "published.git").as_uri())
    return repo


@pytest.fixture
def server(published: Repo) -> Iterator[HubServer]:
    with HubServer(remote_of(published)) as server:
        yield server


@pytest.fixture
def task(published: Repo, server: HubServer, gitlab: Gitlab, tmp_path: Path) -> Task:
    """Runs a task on what main holds now. `scripts` are run in the place of those of the template's jobs."""
    token = server.token(BOT, {"api": "write", "write_repository": "write"})
    folders = (tmp_path / f"run{number}" for number in itertools.count(1))

    def run(name: str, scripts: dict[str, str], token: str = token) -> Pipeline:
        own = [f'"{job}": {{before_script: [], script: ["{script}"]}}' for job, script in scripts.items()]
        published.write(".gitlab-ci.yml", "\n".join([INCLUDE, *own, ""]))
        event = scheduled(published)
        folder = next(folders)
        folder.mkdir()
        return gitlab.run(
            folder,
            Event(event.remote, "schedule", event.sha),
            variables={"FEARLESS_TASK": name, **asked(server)},
            scoped={"fearless-hub": {"FEARLESS_GITLAB_TOKEN": token}} if token else None,
        )

    return run


def update(published: Repo, version: str, code: int = 0) -> dict[str, str]:
    published.write("update.sh", f"VERSION={version}\nCODE={code}\n{STAND_IN}")
    return {"fearless:update": "bash update.sh"}


def test_a_newer_release_becomes_exactly_one_merge_request(
    task: Task, server: HubServer, published: Repo
) -> None:
    run = task("update", update(published, "0.2.0"))
    assert run.green, run.log
    (request,) = server.requests()
    assert (request.head, request.base) == ("fearless-update-0.2.0", "main")
    assert (request.title, request.author) == ("Update of the template to 0.2.0", BOT)
    first = request.body
    assert first.startswith("From 0.1.0 to 0.2.0 at ")
    published.write("README.md", "Main moved on.\n")
    assert task("update", update(published, "0.2.0")).green
    assert server.requests() == [request]
    assert request.body != first
    branch = published.git("ls-remote", "origin", "refs/heads/fearless-update-0.2.0").split()[0]
    published.git("fetch", "--quiet", "origin", branch)
    assert published.git("rev-parse", "FETCH_HEAD^") == published.git("rev-parse", "HEAD")


def test_an_update_that_the_gate_refuses_is_red_and_proposed_all_the_same(
    task: Task, server: HubServer, published: Repo
) -> None:
    run = task("update", update(published, "0.2.0", code=1))
    assert_red(run, "fearless:update")
    assert [request.head for request in server.requests()] == ["fearless-update-0.2.0"]


def test_an_update_that_cannot_be_made_is_red_and_told_once_until_there_is_nothing_newer(
    task: Task, server: HubServer, published: Repo
) -> None:
    for _ in range(2):
        assert_red(task("update", update(published, "", code=2)), "fearless:update")
        (issue,) = server.issues()
        assert "could not be made" in issue.body
        assert issue.notes == []
    assert server.requests() == []
    assert task("update", update(published, "")).green
    assert server.issues() == []


def test_without_a_token_an_update_is_not_proposed_and_red(
    task: Task, server: HubServer, published: Repo
) -> None:
    run = task("update", update(published, "0.2.0"), token="")
    assert_red(run, "fearless:propose")
    assert "FEARLESS_GITLAB_TOKEN is not set" in sentence(run.job("fearless:propose"))
    assert server.calls == []


def test_an_expired_token_is_one_sentence_and_red(task: Task, server: HubServer, published: Repo) -> None:
    token = server.token(BOT)
    server.revoke(token)
    run = task("update", update(published, "0.2.0"), token=token)
    assert_red(run, "fearless:propose")
    assert sentence(run.job("fearless:propose")).startswith("fearless: ")
    assert token not in run.log


@pytest.mark.parametrize("red", ["fearless:nightly", "fearless:deep"])
def test_a_red_nightly_has_one_issue_and_a_healthy_one_closes_it(
    task: Task, server: HubServer, red: str
) -> None:
    healthy = {"fearless:nightly": "true", "fearless:deep": "true"}
    for _ in range(2):
        run = task("nightly", {**healthy, red: "false"})
        assert_red(run, red)
        assert run.job("fearless:healthy").result == "not run"
        (issue,) = server.issues()
        assert "fearless:nightly" in issue.body
        assert issue.notes == []
    run = task("nightly", healthy)
    assert run.green
    assert run.job("fearless:red").result == "not run"
    assert server.issues() == []


def test_a_breach_has_one_issue_and_a_healthy_run_closes_it(
    task: Task, server: HubServer, published: Repo
) -> None:
    published.write("ops/ci/ledger.sh", "exit 0\n")
    published.write(
        "watched.sh", 'mkdir -p .fearless/watched\necho "$1" > .fearless/watched/said.txt\nexit $2\n'
    )
    for _ in range(2):
        run = task("monitor", {"fearless:monitor": "bash watched.sh 'monitor: BREACH: It moved.' 1"})
        assert_red(run, "fearless:monitor")
        assert run.job("fearless:watched").result == "not run"
        (issue,) = server.issues()
        assert "monitor: BREACH: It moved." in issue.body
        assert issue.notes == []
    assert_red(task("monitor", {"fearless:monitor": "false"}), "fearless:monitor")
    assert "The run stopped before anything was watched" in issue.notes[-1].body
    run = task("monitor", {"fearless:monitor": "bash watched.sh 'monitor: HEALTHY: As trained.' 0"})
    assert run.green, run.log
    assert run.job("fearless:breach").result == "not run"
    assert server.issues() == []
    assert issue.notes[-1].body.startswith("Healthy again. monitor: HEALTHY: As trained.")


def test_what_is_not_armed_is_a_warning_and_tells_nothing(task: Task, server: HubServer) -> None:
    run = task("monitor", {})
    assert set(run.jobs) == {"fearless:not-armed"}
    assert run.job("fearless:not-armed").result not in ("success", "failed"), run.log
    assert "Not armed: nothing that was served is watched here." in run.job("fearless:not-armed").log
    assert server.calls == []


def test_a_task_that_is_misspelled_is_red_with_a_sentence(task: Task) -> None:
    run = task("nightlyy", {})
    assert_red(run, "fearless:task")
    assert sentence(run.job("fearless:task")) == (
        "fearless: FEARLESS_TASK is 'nightlyy', and the tasks are monitor, nightly and update."
    )
