"""What a pipeline tells GitHub and GitLab: once, in its place, with no more rights than it needs, and never a token."""

from __future__ import annotations

import ast
import base64
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_api import Api

from .hub_server import BOT, PROJECT, REPOSITORY, Fault, HubServer, Thread, can_serve_git

CI = Path(__file__).resolve().parents[2] / "template" / "fearless" / "ci"
MARKER = "<!-- fearless:gate -->"
BRANCH = "fearless-update-0.2.0"
COMMAND = "uv run fearless update"
IDENTITY = {
    "GIT_AUTHOR_NAME": "Robot",
    "GIT_AUTHOR_EMAIL": "robot@example.com",
    "GIT_COMMITTER_NAME": "Robot",
    "GIT_COMMITTER_EMAIL": "robot@example.com",
}


pytestmark = pytest.mark.skipif(
    not can_serve_git(), reason="pushing over HTTP needs git with git-http-backend"
)


@dataclass
class Host:
    """One of the two hosts with a change on it, a clone of its repository, and what a job there has in its hands."""

    name: str
    server: HubServer
    clone: Path
    variables: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.clone.parent)}
        environment |= {"GIT_CONFIG_NOSYSTEM": "1", "NO_PROXY": "127.0.0.1", **self.variables, **self.tokens}
        done = subprocess.run(
            [sys.executable, "-I", str(CI / "hub.py"), *arguments],
            cwd=self.clone,
            env={**environment, **variables},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        said = done.stdout + done.stderr + self.summary
        for token in filter(None, {*self.tokens.values(), *self.server.tokens}):
            assert token not in said
            assert base64.b64encode(f"x-access-token:{token}".encode()).decode() not in said
        assert "Traceback" not in said, said
        return done

    def works(self, *arguments: str, **variables: str) -> str:
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def fails(self, *arguments: str, **variables: str) -> str:
        """The one sentence of a failure, which is in the log and in the summary."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        sentence = done.stderr.removeprefix("fearless: ").strip()
        assert self.summary.endswith(f"⛔ **Not told.** {sentence}\n")
        return sentence

    @property
    def summary(self) -> str:
        path = Path(self.variables["GITHUB_STEP_SUMMARY"])
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    @property
    def account(self) -> str:
        return BOT if self.name == "github" else "project_7_bot"

    def pushers_token(self, **rights: str) -> None:
        """Hand over a token that may push and open requests, or one with just these rights."""
        granted = rights or {"contents": "write", "pull_requests": "write", "workflows": "write"}
        if self.name == "github":
            named = {right.replace("_", "-"): level for right, level in granted.items()}
            self.tokens["FEARLESS_TOKEN"] = self.server.token("fearless-app[bot]", named)


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Host]:
    with hosted(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Host]:
    with hosted("github", tmp_path) as made:
        yield made


@pytest.fixture
def gitlab(tmp_path: Path) -> Iterator[Host]:
    with hosted("gitlab", tmp_path) as made:
        yield made


class hosted:  # noqa: N801 (used like a function)
    """A host with a repository of two files, and a clone of it as a job has one."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    def __enter__(self) -> Host:
        bare, clone = self.folder / "model.git", self.folder / "clone"
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        git(self.folder, "clone", "--quiet", str(bare), str(clone))
        commit(clone, "main", {"README.md": "A model\n", ".github/workflows/fearless.yml": "on: push\n"})
        git(clone, "push", "--quiet", "origin", "HEAD:refs/heads/main")
        self.server = HubServer(bare).__enter__()
        git(clone, "remote", "set-url", "origin", self.server.origin)
        variables = {"GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        if self.name == "github":
            rights = {"contents": "read", "issues": "write", "pull-requests": "write"}
            tokens = {"GITHUB_TOKEN": self.server.token(BOT, rights)}
            variables |= {
                "GITHUB_ACTIONS": "true",
                "GITHUB_API_URL": f"{self.server.url}/api/v3",
                "GITHUB_SERVER_URL": "https://git.example.com",
                "GITHUB_REPOSITORY": REPOSITORY,
                "GITHUB_RUN_ID": "123",
            }
        else:
            rights = {"api": "write", "write_repository": "write"}
            tokens = {"FEARLESS_GITLAB_TOKEN": self.server.token("project_7_bot", rights)}
            credentials = self.server.origin.replace("://", "://gitlab-ci-token:of-the-job@")
            git(clone, "remote", "set-url", "origin", credentials)
            variables |= {
                "GITLAB_CI": "true",
                "CI_API_V4_URL": f"{self.server.url}/api/v4",
                "CI_PROJECT_ID": str(PROJECT),
                "CI_PIPELINE_URL": "https://git.example.com/team/model/pipelines/123",
            }
        return Host(self.name, self.server, clone, variables, tokens)

    def __exit__(self, *raised: object) -> None:
        self.server.__exit__(None, None, None)


@pytest.fixture
def change(host: Host) -> Thread:
    return host.server.add("A change", head="change", base="main")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.md"
    path.write_text("# Gate: PASS\n", encoding="utf-8")
    return path


def written_comment(host: Host, change: Thread, report: Path) -> str:
    host.works("comment", "--number", str(change.number), "--report", str(report))
    (note,) = [note for note in change.notes if note.author == host.account]
    return note.body


# The comment.


def test_the_report_is_one_comment_that_is_updated_in_place(host: Host, change: Thread, report: Path) -> None:
    assert written_comment(host, change, report) == f"{MARKER}\n# Gate: PASS"
    report.write_text("# Gate: FAIL\n", encoding="utf-8")
    assert written_comment(host, change, report) == f"{MARKER}\n# Gate: FAIL"
    before = host.server.writes()
    assert len(before) == 2
    written_comment(host, change, report)
    assert host.server.writes() == before


def test_where_the_gate_left_no_report_the_comment_says_that_nothing_was_judged(
    host: Host, change: Thread, report: Path
) -> None:
    written_comment(host, change, report)
    report.unlink()
    body = written_comment(host, change, report)
    assert body.startswith(f"{MARKER}\n⛔ **Not judged:** the run stopped before the gate.")
    assert "https://git.example.com/team/model/" in body
    assert "PASS" not in body


def test_a_comment_of_somebody_else_that_begins_with_the_marker_is_left_alone(
    host: Host, change: Thread, report: Path
) -> None:
    theirs = host.server.note(change, "mallory", f"{MARKER}\n# Gate: PASS, believe me")
    ours = host.server.note(change, host.account, f"Somebody wrote {MARKER} here")
    written = ours.body
    host.works("comment", "--number", str(change.number), "--report", str(report))
    assert theirs.body == f"{MARKER}\n# Gate: PASS, believe me"
    assert ours.body == written
    assert [note.body for note in change.notes[2:]] == [f"{MARKER}\n# Gate: PASS"]


def test_markdown_and_html_of_the_report_arrive_unharmed(host: Host, change: Thread, report: Path) -> None:
    text = "# **PASS** ✅\n\n<details>\n\n| a | &amp; |\n|---|---|\n| `x\\|y` | \"'$(id)` |\n</details>"
    report.write_text(text, encoding="utf-8")
    assert written_comment(host, change, report) == f"{MARKER}\n{text}"


def test_a_report_longer_than_a_comment_may_be_is_cut_and_says_so_first(
    host: Host, change: Thread, report: Path
) -> None:
    report.write_text("<details>\n" + "a row of the report\n" * 5000, encoding="utf-8")
    body = written_comment(host, change, report)
    assert len(body) <= 60_000
    assert body.startswith(
        f"{MARKER}\n*This is cut after 60,000 characters: [the run](https://git.example.com/"
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 40), longest=st.integers(1, 12))
def test_every_entry_of_every_page_is_seen_once_and_in_order(
    tmp_path: Path, count: int, longest: int
) -> None:
    with HubServer(tmp_path / "none", longest_page=longest) as server:
        thread = server.add("A change", head="change", base="main")
        for number in range(count):
            server.note(thread, "ada", str(number))
        api = Api(
            "GitHub",
            f"{server.url}/api/v3/repos/{REPOSITORY}/",
            ("Authorization", f"Bearer {server.token()}"),
            "T",
        )
        found = api.pages(f"issues/{thread.number}/comments?per_page=100", "read comments", "a right")
        assert [each["body"] for each in found] == [str(number) for number in range(count)]
        assert len(server.calls) == max(1, -(-count // longest))


def test_a_comment_on_the_last_page_is_found(host: Host, change: Thread, report: Path) -> None:
    host.server.longest_page = 3
    for number in range(7):
        host.server.note(change, "ada", f"I say {number}")
    assert written_comment(host, change, report) == f"{MARKER}\n# Gate: PASS"
    report.write_text("# Gate: FAIL\n", encoding="utf-8")
    assert written_comment(host, change, report) == f"{MARKER}\n# Gate: FAIL"


# The proposal of an update.


def test_an_update_is_exactly_one_request_which_is_updated_when_the_update_is(host: Host) -> None:
    host.pushers_token()
    first = bundled(host, "0.2.0 of the toolkit\n")
    said = host.works(*proposal(host))
    (request,) = host.server.requests()
    assert (request.head, request.base, request.title) == (BRANCH, "main", "Update of the template to 0.2.0")
    assert request.body == "It brings much."
    assert on_origin(host) == first
    assert f" {request.number} proposes it." in said
    assert said.strip() in host.summary
    before = host.server.writes()
    assert bundled(host, "0.2.0 of the toolkit\n", GIT_COMMITTER_DATE="2030-01-01T00:00:00Z") != first
    host.works(*proposal(host))
    assert host.server.writes() == before
    second = bundled(host, "0.2.0 of the toolkit, trained again\n")
    host.works(*proposal(host, "It brings more."))
    assert host.server.requests() == [request]
    assert request.body == "It brings more."
    assert on_origin(host) == second


def test_an_issue_that_asked_for_the_update_is_closed_by_its_request(github: Host) -> None:
    bundled(github, "0.2.0 of the toolkit\n")
    github.works(*proposal(github))
    (issue,) = github.server.issues()
    assert COMMAND in issue.body
    assert "It brings much." in issue.body
    assert not on_origin(github)
    github.works(*proposal(github, "It brings more."))
    assert github.server.issues() == [issue]
    assert "It brings more." in issue.body
    github.pushers_token()
    github.works(*proposal(github))
    (request,) = github.server.requests()
    assert github.server.issues() == []
    assert [note.body for note in issue.notes] == [f"#{request.number} proposes it."]


def test_commits_of_somebody_else_on_the_branch_are_never_pushed_over(host: Host) -> None:
    host.pushers_token()
    bundled(host, "0.2.0 of the toolkit\n")
    host.works(*proposal(host))
    other = host.clone.parent / "updating"
    theirs = commit(other, BRANCH, {"README.md": "Mended by Ada\n"}, GIT_COMMITTER_EMAIL="ada@example.com")
    git(other, "push", "--quiet", "origin", BRANCH)
    bundled(host, "0.2.0 of the toolkit, trained again\n")
    said = host.works(*proposal(host, "It brings more."))
    assert "holds commits of others" in said
    assert on_origin(host) == theirs
    assert host.server.requests()[0].body == "It brings much."


def test_a_request_that_somebody_closed_is_not_opened_again(host: Host) -> None:
    host.pushers_token()
    bundled(host, "0.2.0 of the toolkit\n")
    host.server.add("Update", head=BRANCH, base="main", state="closed")
    said = host.works(*proposal(host))
    assert "was closed, so it is not opened again" in said
    assert host.server.writes() == []
    assert not on_origin(host)


def test_a_branch_of_the_same_name_in_a_fork_is_not_taken_for_ours(host: Host) -> None:
    host.pushers_token()
    bundled(host, "0.2.0 of the toolkit\n")
    theirs = host.server.add("Mine", "Mine", head=BRANCH, base="main", fork=True)
    host.works(*proposal(host))
    assert theirs.title == "Mine"
    assert [each.title for each in host.server.requests() if not each.fork] == [
        "Update of the template to 0.2.0"
    ]


@pytest.mark.parametrize(
    "branch", ["main", "fearless-update-", "fearless-update-1:main", "+fearless-update-1"]
)
def test_no_branch_but_an_update_s_is_ever_pushed(host: Host, branch: str) -> None:
    host.pushers_token()
    bundled(host, "0.2.0 of the toolkit\n")
    arguments = [branch if each == BRANCH else each for each in proposal(host)]
    assert "no other branch is ever pushed" in host.fails(*arguments)
    assert host.server.writes() == []


def test_a_token_that_may_not_change_workflows_is_told_what_it_lacks(github: Host) -> None:
    github.pushers_token(contents="write", pull_requests="write")
    bundled(github, "on: [push, pull_request]\n", ".github/workflows/fearless.yml")
    sentence = github.fails(*proposal(github))
    assert "`git push` failed: ! [remote rejected]" in sentence
    assert "`contents: write` and `workflows: write`" in sentence
    assert github.server.requests() == []
    github.pushers_token()
    github.works(*proposal(github))


def test_a_bundle_that_is_damaged_or_missing_is_said(host: Host) -> None:
    host.pushers_token()
    bundled(host, "0.2.0 of the toolkit\n")
    bundle = host.clone.parent / "update.bundle"
    bundle.write_bytes(bundle.read_bytes()[:60])
    assert "`git fetch` failed" in host.fails(*proposal(host))
    bundle.unlink()
    assert "update.bundle is missing" in host.fails(*proposal(host))
    assert host.server.writes() == []


def test_the_token_that_pushes_is_in_no_argument_and_in_no_file(host: Host, tmp_path: Path) -> None:
    host.pushers_token()
    bundled(host, "0.2.0 of the toolkit\n")
    spy, seen = tmp_path / "spy", tmp_path / "arguments.txt"
    spy.mkdir()
    (spy / "git").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >> "{seen}"\nexec "{shutil.which("git")}" "$@"\n'
    )
    (spy / "git").chmod(0o755)
    host.works(*proposal(host), PATH=f"{spy}{os.pathsep}{os.environ['PATH']}")
    arguments = seen.read_text(encoding="utf-8")
    assert "push" in arguments
    files = b"".join(file.read_bytes() for file in host.clone.rglob("*") if file.is_file())
    for token in host.tokens.values():
        for user in ("x-access-token", "oauth2"):
            encoded = base64.b64encode(f"{user}:{token}".encode())
            assert encoded.decode() not in arguments
            assert encoded not in files
        assert token not in arguments
        assert token.encode() not in files


# The issue of a task.


def test_a_task_has_one_issue_while_it_is_red_and_a_comment_only_when_the_reason_changes(host: Host) -> None:
    red = ("tell", "nightly", "--result", "failure", "--text")
    host.works(*red, "newest versions: failure")
    (issue,) = host.server.issues()
    assert "newest versions: failure" in issue.body
    host.works(*red, "newest versions: failure")
    assert issue.notes == []
    host.works(*red, "expensive guards: failure")
    host.works(*red, "expensive guards: failure")
    host.works(*red, "newest versions: failure")
    assert [note.body.partition("\n")[0] for note in issue.notes] == [
        "expensive guards: failure",
        "newest versions: failure",
    ]
    assert host.server.issues() == [issue]
    host.works("tell", "nightly", "--result", "success", "--text", "All is well.")
    assert host.server.issues() == []
    assert issue.notes[-1].body.startswith("Healthy again.")
    host.works(*red, "newest versions: failure")
    (another,) = host.server.issues()
    assert another is not issue


def test_a_healthy_task_without_an_issue_writes_nothing(host: Host) -> None:
    host.server.add("Theirs", "<!-- fearless:nightly -->\nopen", author="mallory")
    host.server.add("Another task's", "<!-- fearless:update -->\nopen", author=host.account)
    host.works("tell", "nightly", "--result", "success", "--text", "All is well.")
    assert host.server.writes() == []


# What may go wrong.


def test_an_expired_token_is_one_sentence(host: Host, change: Thread, report: Path) -> None:
    name = "GITHUB_TOKEN" if host.name == "github" else "FEARLESS_GITLAB_TOKEN"
    host.server.revoke(host.tokens[name])
    sentence = host.fails("comment", "--number", str(change.number), "--report", str(report))
    assert f"does not accept {name} (401): it has expired or was revoked." in sentence
    assert len(host.server.calls) == 1


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [
        (("comment", "--number", "1"), "`pull-requests: write`"),
        (("tell", "nightly", "--result", "failure", "--text", "red"), "`issues: write`"),
    ],
)
def test_a_right_that_is_missing_is_named(github: Host, arguments: tuple[str, ...], lacking: str) -> None:
    change = github.server.add("A change", head="change", base="main")
    arguments = tuple(str(change.number) if each == "1" else each for each in arguments)
    github.tokens["GITHUB_TOKEN"] = github.server.token(BOT, {"contents": "read"})
    assert f"GITHUB_TOKEN lacks {lacking}." in github.fails(*arguments)
    rights = {"contents": "read", "issues": "read", "pull-requests": "read"}
    github.tokens["GITHUB_TOKEN"] = github.server.token(BOT, rights)
    assert f"GITHUB_TOKEN lacks {lacking}." in github.fails(*arguments)
    assert len(github.server.calls) == 3


def test_a_token_of_gitlab_without_the_scope_is_told_which(gitlab: Host) -> None:
    gitlab.tokens["FEARLESS_GITLAB_TOKEN"] = gitlab.server.token("project_7_bot", {"api": "read"})
    sentence = gitlab.fails("tell", "nightly", "--result", "failure", "--text", "red")
    assert "FEARLESS_GITLAB_TOKEN lacks the scope `api` and the role Developer." in sentence


def test_two_faults_of_the_server_are_borne(host: Host, change: Thread, report: Path) -> None:
    host.server.faults = [Fault(500), Fault(502, "<html>")]
    written_comment(host, change, report)


def test_a_comment_whose_answer_got_lost_is_not_written_twice(
    host: Host, change: Thread, report: Path
) -> None:
    host.server.faults = [Fault(500, method="POST", late=True)]
    assert written_comment(host, change, report) == f"{MARKER}\n# Gate: PASS"
    assert len(change.notes) == 1


def test_a_server_that_stays_broken_is_asked_three_times_and_no_more(host: Host) -> None:
    host.server.faults = [Fault(503)] * 9
    sentence = host.fails("tell", "nightly", "--result", "failure", "--text", "red")
    assert "could not list issues: it answered with a fault of its own (503)." in sentence
    assert len(host.server.calls) == 3


def test_a_server_that_is_not_there_is_one_sentence(github: Host) -> None:
    sentence = github.fails(
        "tell", "nightly", "--result", "failure", "--text", "red", GITHUB_API_URL="http://127.0.0.1:9"
    )
    assert sentence.startswith("GitHub could not be reached to list issues:")


@pytest.mark.parametrize("content", ["<html>Sign in</html>", "", "[", "\ufffd"])
def test_an_answer_that_is_no_json_is_one_sentence(host: Host, content: str) -> None:
    host.server.faults = [Fault(200, content)]
    sentence = host.fails("tell", "nightly", "--result", "success", "--text", "well")
    assert "answered with no JSON when asked to list issues" in sentence


@pytest.mark.parametrize(
    "content", ['{"message": "hello"}', "[1]", '[{"body": "<!-- fearless:nightly -->"}]']
)
def test_an_answer_of_another_shape_is_one_sentence(host: Host, content: str) -> None:
    host.server.faults = [Fault(200, content)]
    assert "answered with" in host.fails("tell", "nightly", "--result", "success", "--text", "well")


def test_a_moved_repository_is_followed_on_the_same_host_only(github: Host, tmp_path: Path) -> None:
    told = ("tell", "nightly", "--result", "failure", "--text", "red")
    place = f"/api/v3/repos/{REPOSITORY}/issues"
    github.server.faults = [Fault(307, method="POST", location=github.server.url + place)]
    github.works(*told)
    assert len(github.server.issues()) == 1
    with HubServer(tmp_path / "none") as elsewhere:
        github.server.faults = [Fault(301, location=elsewhere.url + place)]
        assert "the token goes to no other host" in github.fails(*told)
        assert elsewhere.calls == []


def test_without_a_token_of_gitlab_a_comment_is_no_verdict_and_a_proposal_is_missing(gitlab: Host) -> None:
    gitlab.tokens["FEARLESS_GITLAB_TOKEN"] = ""
    assert "FEARLESS_GITLAB_TOKEN is not set" in gitlab.works("comment", "--number", "1")
    told = gitlab.works("tell", "nightly", "--result", "failure", "--text", "red")
    assert "nothing is written on GitLab" in told
    bundled(gitlab, "0.2.0 of the toolkit\n")
    assert COMMAND in gitlab.fails(*proposal(gitlab))
    assert gitlab.server.calls == []


@pytest.mark.parametrize("name", ["GITHUB_REPOSITORY", "GITHUB_TOKEN"])
def test_a_variable_that_is_missing_is_named(github: Host, name: str) -> None:
    sentence = github.fails("tell", "nightly", "--result", "failure", "--text", "red", **{name: ""})
    assert sentence.startswith(f"The variable {name} is empty or not set")


def test_outside_a_pipeline_it_says_so(github: Host) -> None:
    assert "runs in a pipeline" in github.fails("comment", "--number", "1", GITHUB_ACTIONS="")


@pytest.mark.parametrize("path", sorted(CI.glob("hub*.py")), ids=lambda path: path.name)
def test_it_is_read_by_python_3_9(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def proposal(host: Host, body: str = "It brings much.") -> list[str]:
    """The arguments to propose the bundle that `bundled` made."""
    text = host.clone.parent / "body.md"
    text.write_text(f"{body}\n", encoding="utf-8")
    bundle = host.clone.parent / "update.bundle"
    named = ["--branch", BRANCH, "--title", "Update of the template to 0.2.0", "--base", "main"]
    return ["propose", "--bundle", str(bundle), "--body", str(text), *named]


def bundled(host: Host, content: str, path: str = "fearless/MANIFEST", **variables: str) -> str:
    """Make the update's branch in another clone and bundle it; returns its commit."""
    other = host.clone.parent / "updating"
    shutil.rmtree(other, ignore_errors=True)
    git(host.clone.parent, "clone", "--quiet", str(host.server.repository), str(other))
    git(other, "checkout", "--quiet", "-b", BRANCH, "origin/main")
    made = commit(other, BRANCH, {path: content}, **variables)
    git(
        other,
        "bundle",
        "create",
        "--quiet",
        str(host.clone.parent / "update.bundle"),
        f"origin/main..{BRANCH}",
    )
    return made


def on_origin(host: Host) -> str:
    return git(host.server.repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")


def commit(folder: Path, branch: str, files: dict[str, str], **variables: str) -> str:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", f"For {branch}", **variables)
    return git(folder, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
