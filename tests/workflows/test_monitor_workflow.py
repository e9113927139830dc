"""The generated monitor, run: a breach is one issue until it is healthy; what is not armed does not look watched."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.project.conftest import Repo
from tests.project.conftest import run as run_in
from tests.project.test_monitor import SERVE, labels_of_golden

from .conftest import Executed, remote_of, scheduled, succeeded
from .hub_server import HubServer
from .runner import Job, Run

WORKFLOW = ".github/workflows/fearless-monitor.yml"
LEDGER = "predictions.sqlite"
# What a team writes: it fetches a copy of the ledger from where it is kept, and the labels where there are some.
SCRIPT = """\
set -euo pipefail
test "$FEARLESS_LEDGER_SECRET" = "the key of the ledger"
if test "$1" = bring; then
    cp {kept}/predictions.sqlite* .fearless/ledger/
    test ! -f {kept}/labels.csv || cp {kept}/labels.csv .fearless/
else
    mkdir -p {kept}/seen
    cp -r .fearless/heartbeats .fearless/monitor {kept}/seen/
fi
"""
SECRET = {"FEARLESS_LEDGER_SECRET": "the key of the ledger"}

Told = Callable[..., Run]


@pytest.fixture
def server(published: Repo) -> Iterator[HubServer]:
    with HubServer(remote_of(published)) as server:
        yield server


@pytest.fixture
def told(published: Repo, executed: Executed, server: HubServer) -> Told:
    """Runs the job that tells, after a watch that ended so and said so."""

    def run(result: str, said: str = "", armed: str = "true") -> Run:
        event = scheduled(published)
        given = {
            "armed": Job("armed", "success", outputs={"ledger": armed}),
            "watch": Job("watch", result, outputs={"said": said} if said else {}),
        }
        return executed(published.git("show", f"{event.sha}:{WORKFLOW}"), event, server=server, given=given)

    return run


def test_a_breach_is_one_issue_and_a_healthy_run_closes_it(told: Told, server: HubServer) -> None:
    assert told("failure", "monitor: BREACH: `fee` moved.").result("tell") == "success"
    (issue,) = server.issues()
    assert issue.title == "Fearless: monitor is red"
    assert "monitor: BREACH: `fee` moved." in issue.body
    told("failure", "monitor: BREACH: `fee` moved.")
    assert (server.issues(), issue.notes) == ([issue], [])
    told("success", "monitor: HEALTHY: all is well.")
    assert server.issues() == []
    assert issue.notes[-1].body.startswith("Healthy again. monitor: HEALTHY")
    written = server.writes()
    told("success", "monitor: HEALTHY: all is well.")
    assert server.writes() == written


@pytest.mark.parametrize("result", ["failure", "cancelled", "skipped"])
def test_a_watch_that_did_not_end_is_told_too(told: Told, server: HubServer, result: str) -> None:
    told(result)
    (issue,) = server.issues()
    assert "The run stopped before anything was watched" in issue.body


def test_without_a_script_nothing_is_watched_and_nothing_is_said_to_be_healthy(
    published: Repo, executed: Executed, server: HubServer, told: Told
) -> None:
    told("failure", "monitor: BREACH: `fee` moved.")
    written = server.writes()
    event = scheduled(published)
    run = executed(published.git("show", f"{event.sha}:{WORKFLOW}"), event, server=server)
    assert {name: run.result(name) for name in ("armed", "watch", "tell")} == {
        "armed": "success",
        "watch": "skipped",
        "tell": "skipped",
    }
    (line,) = run.job("armed").summary.splitlines()
    assert line.startswith("⚠️ **Not armed:** nothing that was served is watched here. Write ops/ci/ledger.sh")
    assert server.writes() == written  # an open issue stays open


def test_a_drift_opens_the_issue_and_a_quiet_ledger_closes_it(
    repo: Repo, hub: Path, executed: Executed, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    armed(repo, kept)
    with HubServer(hub) as server:

        def watched() -> Run:
            event = scheduled(repo)
            text = repo.git("show", f"{event.sha}:{WORKFLOW}")
            return executed(text, event, server=server, secrets=SECRET)

        recorded(repo, kept, "monthly_fee", "2")
        run = watched()
        assert run.result("watch") == "failure", run.job("watch").log
        (issue,) = server.issues()
        assert "monitor: BREACH: `monthly_fee` is no longer what the model was trained on." in issue.body
        assert "BREACH: `monthly_fee`" in run.job("watch").summary
        assert (run.artifacts / "monitor" / "monitor" / "report.html").is_file()
        assert (kept / "seen" / "heartbeats" / "monitor.json").is_file()

        recorded(repo, kept)
        shutil.copy(labels_of_golden(repo, "labels.csv"), kept / "labels.csv")
        run = watched()
        assert run.result("watch") == "success", run.job("watch").log
        said = run.job("watch").outputs["said"]
        assert said.startswith("truth: HEALTHY: The model is as good as was asked")
        assert "monitor: " in said
        assert (run.artifacts / "monitor" / "truth" / "report.html").is_file()
        assert server.issues() == []

        for file in kept.glob("predictions*"):
            file.unlink()
        repo.write("ops/ci/ledger.sh", "exit 0\n")
        run = watched()
        assert run.job("watch").red == ["Hold what was served against training and the truth"]
        assert (
            "brought no ledger: it belongs at .fearless/ledger/predictions.sqlite."
            in run.job("watch").summary
        )
        assert len(server.issues()) == 1


def armed(repo: Repo, kept: Path) -> None:
    """Gives the repository its script, and pushes what the runner pulls."""
    kept.mkdir()
    (repo.root / "ops" / "ci").mkdir(parents=True, exist_ok=True)
    repo.write("ops/ci/ledger.sh", SCRIPT.format(kept=kept))
    succeeded(repo, "dvc", "push")


def recorded(repo: Repo, kept: Path, *arguments: str) -> None:
    """A ledger of the last three days in the folder `kept`, in place of the one there."""
    for file in kept.glob("predictions*"):
        file.unlink()
    ledger = f"sqlite:///{kept / LEDGER}"
    done = run_in(
        [str(repo.python), "-c", SERVE, *arguments], repo.root, repo.environment(FEARLESS_LEDGER=ledger)
    )
    assert done.returncode == 0, done.stdout + done.stderr
