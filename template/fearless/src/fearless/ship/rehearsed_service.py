"""The service as a process of its own, spoken to over loopback: started, asked, killed, always ended."""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.store import SCHEME, VARIABLE

Rows = list[dict[str, Any]]
LINE = re.compile(r"on http://127\.0\.0\.1:(\d+)/v1/predict")
PATIENCE_S = 60
SWITCH_S = 15  # a service looks every second
CLIENTS = 8
ACKNOWLEDGED = 200  # as many before the kill; then whatever is under way is cut off


class Client:
    """A running service: `port` on loopback, and its process."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.process = process

    def predict(self, rows: Rows) -> tuple[int, Any]:
        """The status and the content of the answer."""
        with self._connected() as connection:
            return _post(connection, rows, {})

    def answers_with(self, model_sha256: str) -> bool:
        """Whether the service answers with this model within a quarter of a minute."""
        until = time.monotonic() + SWITCH_S
        while time.monotonic() < until:
            with self._connected() as connection:
                connection.request("GET", "/version")
                if json.loads(connection.getresponse().read())["model_sha256"] == model_sha256:
                    return True
            time.sleep(0.05)
        return False

    @contextmanager
    def _connected(self) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def served(project: Project, ledger: Path) -> Iterator[Client]:
    """`fearless serve` with the ledger in `ledger`, on a free port, for as long as the block lasts.

    Raises FearlessError with the service's own sentence where it does not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "fearless.cli", "serve", "--port", "0"],
        cwd=project.root,
        env={**os.environ, VARIABLE: f"{SCHEME}{ledger}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield Client(_port(process), process)
    finally:
        process.kill()
        process.communicate()


def acknowledged_before_a_kill(client: Client, rows: Rows) -> list[str]:
    """Ask for single rows from several clients at once and kill the service under that load.

    Returns the ids of the predictions that were answered before it died.
    """
    answered: queue.SimpleQueue[str] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_ask, args=(client.port, rows[number:], answered), daemon=True)
        for number in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + PATIENCE_S
    while answered.qsize() < ACKNOWLEDGED and time.monotonic() < until and any(map(_alive, threads)):
        time.sleep(0.005)
    client.process.kill()
    for thread in threads:
        thread.join(PATIENCE_S)
    return [answered.get() for _ in range(answered.qsize())]


def _alive(thread: threading.Thread) -> bool:
    return thread.is_alive()


def _ask(port: int, rows: Rows, answered: queue.SimpleQueue[str]) -> None:
    """Ask for one row after the other, until the service is gone or refuses."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with suppress(OSError, http.client.HTTPException, ValueError):
        while True:
            for row in rows:
                status, told = _post(connection, row, {"idempotency-key": str(uuid.uuid4())})
                if status != 200:
                    return
                answered.put(told["id"])


def _post(connection: http.client.HTTPConnection, content: Any, headers: dict[str, str]) -> tuple[int, Any]:
    body = json.dumps(content)
    connection.request("POST", "/v1/predict", body, {"content-type": "application/json", **headers})
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def _port(process: subprocess.Popen[bytes]) -> int:
    """The port from the line that the service prints when it answers."""
    assert process.stdout  # noqa: S101  it is a pipe
    said: list[str] = []
    for raw in process.stdout:
        line = raw.decode("utf-8", errors="replace").strip()
        if found := LINE.search(line):
            return int(found[1])
        said.append(line.removeprefix("fearless: ").removeprefix("-> "))
    raise FearlessError(
        f"The service does not start: {said[0] if said else 'it said nothing'}", fix=" ".join(said[1:])
    )
