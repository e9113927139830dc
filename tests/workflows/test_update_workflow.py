"""The generated update, run: exactly one pull request by the app, without one an issue, and never green for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.project.conftest import Repo

from .conftest import Executed, remote_of, scheduled
from .hub_server import BOT, HubServer, can_serve_git
from .runner import Run

WORKFLOW = ".github/workflows/fearless-update.yml"
UPDATE = "uv run --locked fearless update"
PROPOSE = "Have exactly one pull request"
TELL = "Or say how it went"
APP = {"FEARLESS_APP_ID": "42"}
KEY = {"FEARLESS_APP_PRIVATE_KEY": "the key of the app"}
GRANTED = {"contents": "write", "pull-requests": "write", "workflows": "write"}
# Left out where only what is proposed counts, to be quick: no job needs data or packages for it.
SLOW = ("bash fearless/ci/install.sh", "bash fearless/ci/pull.sh")
# What `fearless update` leaves behind, without its minutes (test_whole_tasks.py runs it); $CODE is how it ended.
STAND_IN = """
test -n "$VERSION" || exit "$CODE"
branch=fearless-update-$VERSION
git switch --quiet --create "$branch"
echo "# $VERSION" >> .github/workflows/fearless-update.yml
git commit --quiet --all --message "Update of the template to $VERSION"
mkdir -p .fearless/update
git bundle create --quiet .fearless/update/update.bundle "main..$branch"
echo "From 0.1.0 to $VERSION at $(git rev-parse --short main)." > .fearless/update/body.md
printf 'version=%s\\nbranch=%s\\n' "$VERSION" "$branch" >> "$GITHUB_OUTPUT"
exit "$CODE"
"""

Updated = Callable[..., Run]

pytestmark = pytest.mark.skipif(
    not can_serve_git(), reason="pushing over HTTP needs git with git-http-backend"
)


@pytest.fixture
def server(published: Repo) -> Iterator[HubServer]:
    with HubServer(remote_of(published)) as server:
        server.apps["42"] = ("the key of the app", GRANTED)
        yield server


@pytest.fixture
def updated(published: Repo, executed: Executed, server: HubServer) -> Updated:
    """Runs the update on what main holds now; `version` is the newest release, empty where this one is."""

    def run(
        version: str = "0.2.0", code: int = 0, app: bool = True, change: tuple[str, str] = ("", "")
    ) -> Run:
        published.write("update.sh", f"VERSION={version}\nCODE={code}\n{STAND_IN}")
        event = scheduled(published)
        text = published.git("show", f"{event.sha}:{WORKFLOW}")
        assert text.count(UPDATE) == 1
        text = text.replace(UPDATE, "bash update.sh")
        for each in SLOW:
            text = text.replace(f"run: {each}\n", "run: exit 0\n")
        if any(change):
            assert change[0] in text
            text = text.replace(*change)
        apps = {"variables": APP, "secrets": KEY} if app else {}
        return executed(text, event, server=server, **apps)

    return run


def test_a_newer_release_becomes_exactly_one_pull_request_of_the_app(
    updated: Updated, server: HubServer, published: Repo
) -> None:
    run = updated()
    assert (run.result("update"), run.result("propose")) == ("success", "success"), run.job("propose").log
    (request,) = server.requests()
    assert (request.head, request.base) == ("fearless-update-0.2.0", "main")
    assert (request.title, request.author) == ("Update of the template to 0.2.0", "fearless-app[bot]")
    assert request.body.startswith("From 0.1.0 to 0.2.0 at ")
    assert server.issues() == []
    assert {call.account for call in server.calls} == {"fearless-app[bot]", BOT}
    assert [call for call in server.calls if call.account == BOT and call.method != "GET"] == []
    first = request.body
    published.write("README.md", "Main moved on.\n")
    run = updated()
    assert run.result("propose") == "success", run.job("propose").log
    assert server.requests() == [request]
    assert request.body != first
    branch = published.git("ls-remote", "origin", "refs/heads/fearless-update-0.2.0").split()[0]
    published.git("fetch", "--quiet", "origin", branch)
    assert published.git("rev-parse", "FETCH_HEAD^") == published.git("rev-parse", "HEAD")


def test_without_an_app_one_issue_names_the_command_until_there_is_one(
    updated: Updated, server: HubServer
) -> None:
    assert updated(app=False).result("propose") == "success"
    (issue,) = server.issues()
    assert "`uv run fearless update`" in issue.body
    assert issue.author == BOT
    run = updated("0.3.0", app=False)
    assert server.issues() == [issue]
    assert issue.title == "Update of the template to 0.3.0"
    assert f"Issue {issue.number} names the command" in run.job("propose").summary
    assert server.requests() == []
    assert "Become the app" not in [
        step.name for step in run.job("propose").steps if step.outcome == "success"
    ]
    updated("0.3.0")
    assert [request.title for request in server.requests()] == ["Update of the template to 0.3.0"]
    assert server.issues() == []


def test_where_this_release_is_the_newest_nothing_is_written_and_an_old_issue_is_closed(
    updated: Updated, server: HubServer
) -> None:
    run = updated("")
    assert (run.result("update"), run.result("propose")) == ("success", "success")
    assert server.writes() == []
    updated(app=False)
    assert len(server.issues()) == 1
    updated("", app=False)
    assert server.issues() == []


def test_an_update_that_cannot_be_made_is_red_and_told_once(updated: Updated, server: HubServer) -> None:
    for _ in range(2):
        run = updated("", code=2)
        assert run.result("update") == "failure"
        (issue,) = server.issues()
        assert "could not be made" in issue.body
        assert issue.notes == []
    assert run.job("propose").step(PROPOSE).outcome == "skipped"
    assert server.requests() == []


def test_an_update_that_the_gate_refuses_is_red_and_proposed_all_the_same(
    updated: Updated, server: HubServer
) -> None:
    run = updated(code=1)
    assert run.result("update") == "failure"
    assert run.result("propose") == "success", run.job("propose").log
    assert len(server.requests()) == 1


def test_a_token_that_has_expired_is_red_with_one_sentence_in_the_summary(
    updated: Updated, server: HubServer
) -> None:
    server.born_expired = True
    run = updated()
    propose = run.job("propose")
    assert propose.red == [PROPOSE]
    assert propose.summary.count("\n") == 1
    assert "⛔ **Not told.**" in propose.summary
    assert "FEARLESS_TOKEN" in propose.summary
    assert server.requests() == []


@pytest.mark.parametrize(
    ("grant", "named"),
    [
        ("          permission-workflows: write\n", "`contents: write` and `workflows: write`"),
        ("          permission-contents: write\n", "`contents: write` and `workflows: write`"),
        ("          permission-pull-requests: write\n", "FEARLESS_TOKEN lacks `pull-requests: write`"),
        ("      issues: write # to name", "GITHUB_TOKEN lacks `issues: write`"),
    ],
)
def test_each_right_of_the_proposal_is_needed(updated: Updated, grant: str, named: str) -> None:
    run = updated(change=(grant, "      # to name" if "# to name" in grant else ""))
    assert run.job("propose").red == [PROPOSE]
    assert named in run.job("propose").summary


def test_no_step_shows_a_token(updated: Updated, server: HubServer) -> None:
    run = updated()
    said = run.job("update").log + run.job("propose").log + run.job("propose").summary
    assert not [token for token in server.tokens if token in said]
