"""The job of the generated workflow that comments, run: one comment below the change, written by the base's script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.project.conftest import Repo

from .conftest import WORKFLOW, Executed, pull_request, remote_of, scheduled
from .hub_server import BOT, REPOSITORY, HubServer, Thread
from .runner import Job, Run

MARKER = "<!-- fearless:gate -->"
SCRIPT = "fearless/ci/hub.py"

Commented = Callable[..., Run]


@pytest.fixture
def change(published: Repo) -> Thread:
    return Thread(0, "A change", "", "ada", head="change", base="main")


@pytest.fixture
def commented(published: Repo, executed: Executed, change: Thread, tmp_path: Path) -> Commented:
    """Runs the job after a judge that ended so, and left this report or none."""
    scheduled(published)
    published.git("fetch", "--quiet", "origin")
    base = published.git("rev-parse", "origin/main")

    def run(result: str, report: str = "", *, head: str = REPOSITORY, old: str = "", new: str = "") -> Run:
        event = pull_request(published, remote_of(published))
        text = published.git("show", f"{event.sha}:{WORKFLOW}")
        assert old in text
        kept = {}
        if report:
            folder = tmp_path / "gate"
            folder.mkdir(exist_ok=True)
            (folder / "report.md").write_text(report, encoding="utf-8")
            kept = {"gate": folder}
        with HubServer(remote_of(published)) as server:
            server.threads.append(change)
            change.number = change.number or server.add("Another").number
            asked = {"number": change.number, "base": {"sha": base}, "head": {"repo": {"full_name": head}}}
            judge = Job("judge", result, outputs={"report": "1" if report else "", "mode": "pull_request"})
            return executed(
                text.replace(old, new) if old else text,
                replace(event, payload={"pull_request": asked}),
                server=server,
                given={"check": "success", "judge": judge},
                kept=kept,
            )

    return run


def test_the_verdict_is_one_comment_which_is_replaced_where_nothing_was_judged(
    commented: Commented, change: Thread
) -> None:
    run = commented("success", "# Gate: PASS\n")
    assert run.result("comment") == "success", run.job("comment").log
    (note,) = change.notes
    assert (note.author, note.body) == (BOT, f"{MARKER}\n# Gate: PASS")
    commented("failure", "# Gate: FAIL\n")
    assert change.notes == [note]
    assert note.body == f"{MARKER}\n# Gate: FAIL"
    commented("failure")
    assert change.notes == [note]
    assert "Not judged" in note.body
    assert "FAIL" not in note.body


def test_the_script_that_holds_the_token_is_not_the_change_s(
    commented: Commented, change: Thread, published: Repo
) -> None:
    published.write(SCRIPT, "raise SystemExit('the script of the change')\n")
    run = commented("success", "# Gate: PASS\n")
    assert run.result("comment") == "success", run.job("comment").log
    assert change.notes[0].body == f"{MARKER}\n# Gate: PASS"


def test_a_fork_gets_no_comment(commented: Commented, change: Thread) -> None:
    assert commented("success", "# Gate: PASS\n", head="mallory/model").result("comment") == "skipped"
    assert change.notes == []


def test_the_right_to_comment_is_needed_and_its_lack_is_named(commented: Commented, change: Thread) -> None:
    run = commented("success", "# Gate: PASS\n", old="pull-requests: write", new="pull-requests: read")
    assert run.result("comment") == "failure"
    assert "GITHUB_TOKEN lacks `pull-requests: write`." in run.job("comment").summary
    assert run.result("green") == "success"
    assert change.notes == []
