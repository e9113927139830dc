"""The service as a process of a generated repository: both stories, killed, stopped, starved and tampered with."""

from __future__ import annotations

import http.client
import importlib.util
import json
import queue
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .conftest import Copied, Repo, refusal, run

WANTED = ("starlette", "uvicorn", "msgspec")
lacking = [name for name in WANTED if importlib.util.find_spec(name) is None]
extra = pytest.mark.skipif(
    bool(lacking), reason=f"the service wants {', '.join(lacking)} (the extra `serve`)"
)
LINE = re.compile(r"on http://127\.0\.0\.1:(\d+)/v1/predict, recorded in sqlite:///(.+)")
PATIENCE_S = 60
ROUNDS = 4


@dataclass
class Service:
    """A running `fearless serve`: its process, its port and its ledger."""

    process: subprocess.Popen[str]
    port: int
    ledger: Path

    def ask(self, method: str, path: str, content: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if content is None else json.dumps(content)
        connection.request(method, path, body, {"content-type": "application/json", **named})
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        return reply.status, json.loads(text) if reply.headers["content-type"] == "application/json" else text

    def stored(self, columns: str = "id") -> list[Any]:
        """Values of the ledger, read as another program would."""
        rows = (
            sqlite3.connect(self.ledger).execute(f"SELECT {columns} FROM predictions ORDER BY seq").fetchall()
        )
        return [row[0] if len(row) == 1 else row for row in rows]


Serve = Callable[..., Service]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts the service of a repository and waits for its line; what is left of it is ended by its id."""
    started: list[subprocess.Popen[str]] = []

    def start(repo: Repo, *arguments: str) -> Service:
        command = [str(repo.python), "-m", "fearless.cli", "serve", "--port", "0", *arguments]
        process = subprocess.Popen(
            command,
            cwd=repo.root,
            env={**repo.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if found := LINE.search(line):
                return Service(process, int(found[1]), Path(found[2].strip()))
        raise AssertionError(f"the service did not start: {''.join(said)}")

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def here(copied: Copied) -> Callable[..., Repo]:
    """A copy of a started repository, run with the packages of these tests, which hold the extra `serve`."""

    def make(original: Repo | None = None) -> Repo:
        copy = copied(original)
        return Repo(copy.root, Path(sys.executable), copy.surroundings)

    return make


def golden_rows(repo: Repo, service: Service, count: int) -> list[dict[str, Any]]:
    """The first golden rows as a client sends them: the columns that the service asks for."""
    _, document = service.ask("GET", "/openapi.json")
    names = list(document["components"]["schemas"]["Row"]["properties"])
    (file,) = (repo.root / "data" / "golden").glob("*.parquet")
    rows = pl.read_parquet(file).head(count).select(names)
    sent: list[dict[str, Any]] = json.loads(
        json.dumps(rows.to_dicts(), default=lambda value: value.isoformat())
    )
    return sent


@dataclass
class Load:
    """Clients that send rows as fast as they are answered, each request with a key of its own."""

    service: Service
    rows: list[dict[str, Any]]
    answered: dict[str, str] = field(default_factory=dict)  # key -> id
    open: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # sent, and the answer never came
    other: list[int] = field(default_factory=list)  # another status than 200

    @contextmanager
    def running(self, clients: int = 8) -> Iterator[None]:
        """Sends inside the block, from when each client has its first answer; the block must end the service."""
        first: queue.SimpleQueue[None] = queue.SimpleQueue()
        threads = [threading.Thread(target=self._send, args=(number, first)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for _ in threads:
            first.get(timeout=PATIENCE_S)
        yield
        for thread in threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()

    def _send(self, number: int, first: queue.SimpleQueue[None]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=PATIENCE_S)
        count = 0
        while True:
            key, row = str(uuid.uuid4()), self.rows[(number + count) % len(self.rows)]
            try:
                body = json.dumps(row)
                headers = {"content-type": "application/json", "idempotency-key": key}
                connection.request("POST", "/v1/predict", body, headers)
                reply = connection.getresponse()
                text = reply.read()
            except (OSError, http.client.HTTPException):
                self.open.append((key, row))
                return
            if reply.status == 200:
                self.answered[key] = json.loads(text)["id"]
            else:
                self.other.append(reply.status)
            count += 1
            if count == 5:
                first.put(None)


@extra
@pytest.mark.parametrize("story", ["churn", "travel-delay"])
def test_golden_rows_are_served_with_the_scores_of_the_gate_and_made_again(
    story: str,
    started: tuple[Repo, str],
    here: Callable[..., Repo],
    serve: Serve,
    request: pytest.FixtureRequest,
) -> None:
    repo = here(started[0] if story == "churn" else request.getfixturevalue("delayed"))
    service = serve(repo)
    rows = golden_rows(repo, service, 500)
    status, many = service.ask("POST", "/v1/predict", rows)
    assert (status, len(many)) == (200, 500)
    status, one = service.ask("POST", "/v1/predict", rows[7])
    assert status == 200
    assert one["score"] == many[7]["score"]
    assert ("decision" in one) == (story == "churn")
    told = repo.fearless("trace", one["id"], "--json")
    assert told.returncode == 0, told.stdout + told.stderr
    traced = json.loads(told.stdout)
    assert (traced["equal"], traced["input"]) == (True, rows[7])
    assert abs(traced["score_again"] - one["score"]) <= 1e-9 * max(1.0, abs(one["score"]))
    words = repo.fearless("trace", one["id"]).stdout
    assert "Equal: the recorded digests give this prediction again." in words
    expected = repo_scores(repo, 500)
    assert [each["score"] for each in many] == expected
    broken = {**rows[0], "colour": "red"}
    assert service.ask("POST", "/v1/predict", broken)[0] == 422
    assert service.ask("GET", "/readyz")[0] == 200
    manifest = json.loads((repo.root / "models/candidate/manifest.json").read_text(encoding="utf-8"))
    assert service.ask("GET", "/version")[1]["files"] == manifest["files"]


SCORES = """
import json, sys
from pathlib import Path
from fearless.core.project import Project
from fearless.golden.frozen import open_golden
from fearless.model.artifact import open_model
project = Project(Path.cwd())
model = open_model(project.candidate, "models/candidate", project)
print(json.dumps(model.score_rows(open_golden(project).rows.head(int(sys.argv[1]))).tolist()))
"""


def repo_scores(repo: Repo, count: int) -> list[float]:
    """What stage evaluate and the gate compute for the same rows."""
    done = run([str(repo.python), "-c", SCORES, str(count)], repo.root, repo.environment())
    assert done.returncode == 0, done.stderr
    scores: list[float] = json.loads(done.stdout)
    return scores


@extra
def test_kill_9_under_load_loses_no_acknowledged_prediction(here: Callable[..., Repo], serve: Serve) -> None:
    repo = here()
    answered: dict[str, str] = {}
    left: list[tuple[str, dict[str, Any]]] = []
    for _ in range(ROUNDS):
        service = serve(repo)  # no repair between the rounds
        load = Load(service, golden_rows(repo, service, 50))
        with load.running():
            service.process.kill()
        assert load.other == []
        answered |= load.answered
        left += load.open
    assert len(answered) >= ROUNDS * 40
    service = serve(repo)
    stored = dict(service.stored("idempotency_key, id"))
    assert {key: stored.get(key) for key in answered} == answered
    assert sqlite3.connect(service.ledger).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    # What was sent and never answered is asked again with its key: each is recorded once, before or now.
    assert left
    for key, row in left:
        status, told = service.ask("POST", "/v1/predict", row, idempotency_key=key)
        assert status == 200
        assert told["id"] == stored.get(key, told["id"])
    keys = service.stored("idempotency_key")
    assert len(keys) == len(set(keys)) == len(answered) + len(left)


@extra
def test_sigterm_under_load_answers_what_was_taken_and_ends_well(
    here: Callable[..., Repo], serve: Serve
) -> None:
    repo = here()
    service = serve(repo)
    load = Load(service, golden_rows(repo, service, 50))
    with load.running():
        service.process.send_signal(signal.SIGTERM)
    said = service.process.communicate(timeout=PATIENCE_S)[0]
    assert service.process.returncode == 0, said
    assert said.splitlines()[-1] == "Stopped; every answered prediction is recorded."
    assert load.other == []
    # Nothing was recorded that was not answered: what was taken was finished.
    assert sorted(load.answered.values()) == sorted(service.stored())


@extra
def test_a_service_that_is_stopped_as_soon_as_it_speaks_ends_well(
    here: Callable[..., Repo], serve: Serve
) -> None:
    repo = here()
    for _ in range(3):
        service = serve(repo)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE_S) == 0


@extra
def test_a_full_disk_answers_503_until_there_is_room_again(here: Callable[..., Repo], serve: Serve) -> None:
    repo = here()
    service = serve(repo)
    rows = golden_rows(repo, service, 50)
    assert service.ask("POST", "/v1/predict", rows)[0] == 200
    before = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    # No file of the service may grow, as on a full disk.
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (4096, before[1]))
    status, told = service.ask("POST", "/v1/predict", rows)
    assert (status, told["error"]) == (503, "ledger")
    assert service.ask("GET", "/readyz")[0] == 503
    assert service.ask("GET", "/healthz")[0] == 200
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, before)
    assert service.ask("GET", "/readyz")[0] == 200
    assert service.ask("POST", "/v1/predict", rows[0])[0] == 200
    assert len(service.stored()) == 51


@extra
def test_an_edited_row_of_a_regulated_ledger_is_named(here: Callable[..., Repo], serve: Serve) -> None:
    repo = here()
    repo.edit(".copier-answers.yml", "profile: light", "profile: regulated")
    service = serve(repo)
    assert service.ask("POST", "/v1/predict", golden_rows(repo, service, 9))[0] == 200
    good = repo.fearless("audit", "verify")
    assert (good.returncode, good.stdout.splitlines()[-1]) == (0, "Every chained row is as it was written.")
    with sqlite3.connect(service.ledger) as hostile:
        hostile.execute("DROP TRIGGER predictions_no_update")
        hostile.execute("UPDATE predictions SET score = 0.99 WHERE seq = 4")
    found = repo.fearless("audit", "verify")
    assert found.returncode == 1
    assert "FAIL  predictions: row 4 was changed after it was written." in found.stdout
    assert json.loads(repo.fearless("audit", "verify", "--json").stdout)["faults"] == [
        "predictions: row 4 was changed after it was written."
    ]


@extra
def test_what_cannot_be_served_is_said_in_a_sentence(here: Callable[..., Repo]) -> None:
    repo = here()
    assert "There is no model in models/champion." in refusal(repo.fearless("serve", "--model", "champion"))
    assert "There is no model `best`." in refusal(repo.fearless("serve", "--model", "best"))
    assert "nothing was predicted yet" in refusal(repo.fearless("trace", "nobody"))
    assert "nothing was predicted yet" in refusal(repo.fearless("audit", "verify"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(repo.fearless("serve", "--port", str(port)))
    assert f"cannot listen on 127.0.0.1 port {port}" in said
    assert "of the kind `mysql`" in refusal(repo.fearless("serve", FEARLESS_LEDGER="mysql://host/db"))
    file = repo.root / "models" / "candidate" / "model.onnx"
    content = file.read_bytes()
    file.unlink()  # DVC may have linked it to its cache
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "model.onnx is not the file that was trained" in refusal(repo.fearless("serve"))


def test_without_the_extra_the_command_that_adds_it_is_named_and_it_works(repo: Repo, serve: Serve) -> None:
    lacks = run([str(repo.python), "-c", "import starlette"], repo.root, repo.environment()).returncode != 0
    assert lacks, "the environment of a started repository holds the service, so this test shows nothing"
    said = refusal(repo.fearless("serve"))
    assert "uv add 'fearless[serve]'" in said
    added = run(["uv", "add", "fearless[serve]"], repo.root, repo.surroundings)
    assert added.returncode == 0, added.stderr
    text = (repo.root / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'"fearless\[(.*,)?serve(,.*)?\]"', text), text
    own = Repo(repo.root, repo.root / ".venv" / "bin" / "python", repo.surroundings)
    service = serve(own)
    assert service.ask("POST", "/v1/predict", golden_rows(own, service, 3))[0] == 200
