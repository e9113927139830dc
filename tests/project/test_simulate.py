"""A simulated season against the running service, on both stories: the monitor keeps still, and names a drift."""

from __future__ import annotations

import http.server
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fearless.ledger.sqlite import SqliteLedger

from .conftest import Copied, Repo, refusal
from .test_serve import Serve, Service, extra, serve

pytestmark = extra
__all__ = ["serve"]


def of_these_tests(repo: Repo) -> Repo:
    """The repository, run with the packages of these tests, which hold the extra `serve`."""
    return Repo(repo.root, type(repo.root)(sys.executable), repo.surroundings)


def played(repo: Repo, service: Service, *arguments: str, code: int = 0) -> dict[str, Any]:
    url = f"http://127.0.0.1:{service.port}"
    result = repo.fearless("simulate", "--url", url, "--rows", "900", "--json", *arguments)
    assert result.returncode == code, result.stdout + result.stderr
    details: dict[str, Any] = json.loads(result.stdout)
    return details


def reported(repo: Repo, *arguments: str, code: int) -> dict[str, Any]:
    result = repo.fearless(*arguments, "--json")
    assert result.returncode == code, result.stdout[:600] + result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@pytest.mark.parametrize("story", ["churn", "travel-delay"])
def test_a_season_without_and_with_a_drift(
    story: str, started: tuple[Repo, str], copied: Copied, serve: Serve, request: pytest.FixtureRequest
) -> None:
    repo = of_these_tests(copied(started[0] if story == "churn" else request.getfixturevalue("delayed")))
    service = serve(repo)
    quiet = played(repo, service)
    assert quiet["passed"] is False  # half a proof is none
    assert quiet["drift"] is None
    half = quiet["quiet"]
    assert (half["held"], half["why"], half["alarmed"], half["monitor"]) == (True, "", False, "HEALTHY")
    assert (half["answered"], half["differed"], half["repeated"]) == ([], 0, 18)
    assert set(half["refused"]) == {"level", "missing", "not_known", "range", "type", "unknown"}
    assert sum(half["refused"].values()) == 22
    assert half["labels"] + half["not_yet"] == 900
    assert 0.5 < half["labels"] / 900 < 0.95

    drifted = played(repo, service, "--drift")
    column = drifted["drift"]["column"]
    assert (drifted["passed"], drifted["quiet"], drifted["drift"]["monitor"]) == (True, half, "BREACH")
    proof = json.loads((repo.root / "ops" / "evidence" / "simulation.json").read_text(encoding="utf-8"))
    assert (proof["source"], proof["passed"]) == ("simulated", True)
    assert proof["details"]["model_sha256"] == service.ask("GET", "/version")[1]["model_sha256"]

    watched = json.loads((repo.root / ".fearless/monitor-simulated/report.json").read_text(encoding="utf-8"))
    red = [
        each["about"] for each in watched["findings"] if each["kind"] == "drift" and each["light"] == "red"
    ]
    assert red == [column]
    measured = json.loads((repo.root / ".fearless/truth-simulated/report.json").read_text(encoding="utf-8"))
    assert 0.5 < measured["models"][0]["truth"]["coverage"] < 0.95
    assert measured["models"][0]["truth"]["delay_days"]["median"] > 10

    live = reported(repo, "monitor", code=1)  # all of that is no live row
    assert (live["headline"], live["window"]["left_out"]) == ("Nothing was served.", 1800)
    assert reported(repo, "monitor", "--simulated", code=0)["window"]["rows"] == 1800  # both seasons together
    assert service.stored("DISTINCT channel") == ["simulated"]
    assert repo.changes() == ["?? ops/evidence/"]


def test_a_monitor_that_sees_nothing_is_found_out(
    started: tuple[Repo, str], copied: Copied, serve: Serve
) -> None:
    repo = of_these_tests(copied(started[0]))
    repo.edit("fearless/src/fearless/monitor/chance.py", "LIMIT = 0.1\n", "LIMIT = 100.0\n")
    service = serve(repo)
    half = played(repo, service, "--drift", code=1)["drift"]
    assert (half["held"], half["monitor"]) == (False, "HEALTHY")
    assert half["why"] == f"the monitor did not call the drift of `{half['column']}` a breach"


def test_a_service_that_answers_messy_rows_is_found_out(
    started: tuple[Repo, str], copied: Copied, serve: Serve
) -> None:
    repo = of_these_tests(copied(started[0]))
    repo.edit(
        "columns.yaml", "range: [1, 600]", "range: [1, 100]"
    )  # the model was trained with the wider one
    service = serve(repo)
    half = played(repo, service, code=1)["quiet"]
    assert ["tenure_months", "range"] in half["answered"]
    assert half["why"].startswith("a messy row was answered: `")


def test_where_nothing_of_ours_answers_that_is_told_in_a_sentence(
    started: tuple[Repo, str], copied: Copied, serve: Serve
) -> None:
    repo = of_these_tests(copied(started[0]))
    assert "is no address" in refusal(repo.fearless("simulate", "--url", "localhost"))
    secret = refusal(repo.fearless("simulate", "--url", "http://ada:secret@127.0.0.1:8000"))
    assert "holds a name or a password" in secret
    assert "ada:secret" not in secret
    assert "is none" in refusal(repo.fearless("simulate", "--rows", "0"))
    with stranger() as port:
        said = refusal(repo.fearless("simulate", "--url", f"http://127.0.0.1:{port}"))
        assert "is no service of this toolkit" in said
    said = refusal(repo.fearless("simulate", "--url", f"http://127.0.0.1:{port}"))
    assert f"Nothing answers at http://127.0.0.1:{port}" in said
    service = serve(repo)
    elsewhere = f"sqlite:///{repo.root / '.fearless' / 'other.sqlite'}"
    other = SqliteLedger(repo.root / ".fearless" / "other.sqlite")
    other.get("nothing yet")
    other.close()
    said = refusal(
        repo.fearless("simulate", "--url", f"http://127.0.0.1:{service.port}", FEARLESS_LEDGER=elsewhere)
    )
    assert "The service records somewhere else" in said
    assert not (repo.root / "ops" / "evidence").exists()


@contextmanager
def stranger() -> Iterator[int]:
    """A server that speaks HTTP and is none of ours."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<h1>Hello</h1>")

        log_message: Callable[..., None] = lambda *_: None

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
