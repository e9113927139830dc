"""The running service, as one who asks it sees it: one kept connection, and rows as they are sent."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fearless.core.errors import FearlessError
from fearless.ledger.record import SIMULATED

if TYPE_CHECKING:
    import polars as pl

PATIENCE_S = 30.0


def as_sent(rows: pl.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """The columns `names` of `rows` as a client sends them, a JSON object each."""
    return [{name: as_json(value) for name, value in row.items()} for row in rows.select(names).to_dicts()]


def as_json(value: Any) -> Any:
    """A value as JSON has it: a moment or a day as text, NaN as null."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return None if isinstance(value, float) and value != value else value


@dataclass(frozen=True)
class Answer:
    """A status of HTTP and the JSON object that came with it."""

    status: int
    content: dict[str, Any]


class Service:
    """The service at `url`, such as http://127.0.0.1:8000; raises FearlessError where nothing of ours answers."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise FearlessError(f"`--url {url}` is no address.", fix="Write it as http://127.0.0.1:8000.")
        if parts.username or parts.password:  # the address stands in the evidence
            raise FearlessError(
                "`--url` holds a name or a password.", fix="Write it as http://127.0.0.1:8000."
            )
        self._url = url
        self._path = parts.path.rstrip("/")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, port, timeout=PATIENCE_S)

    def __enter__(self) -> Service:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def model_sha256(self) -> str:
        """The digest of the model that answers now."""
        found = self._call("GET", "/version", None, {}).content.get("model_sha256")
        if not isinstance(found, str):
            raise self._stranger()
        return found

    def predict(self, row: dict[str, Any], key: str) -> Answer:
        """Ask for one row, under an idempotency key where `key` is one."""
        headers = {"content-type": "application/json", "x-fearless-channel": SIMULATED}
        if key:
            headers["idempotency-key"] = key
        return self._call("POST", "/v1/predict", json.dumps(row), headers)

    def _call(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        try:
            self._connection.request(method, self._path + path, body, headers)
            reply = self._connection.getresponse()
            content = json.loads(reply.read())
        except (OSError, http.client.HTTPException) as error:
            said = getattr(error, "strerror", None) or type(error).__name__
            raise FearlessError(
                f"Nothing answers at {self._url}: {said}.",
                fix="Start the service with `uv run fearless serve`, or name it with --url.",
            ) from None
        except ValueError:
            raise self._stranger() from None
        if not isinstance(content, dict):
            raise self._stranger()
        return Answer(reply.status, content)

    def _stranger(self) -> FearlessError:
        return FearlessError(
            f"What answers at {self._url} is no service of this toolkit.",
            fix="Name the address that `uv run fearless serve` printed, with --url.",
        )
