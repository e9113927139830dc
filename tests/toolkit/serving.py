"""A small trained model in a Tree, and the real service over HTTP in a thread of the test."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl
import pytest

from fearless.ledger.sqlite import SqliteLedger
from fearless.model.artifact import matrix, pack_code, seal
from fearless.model.contract import Team, Training
from fearless.model.export import export_onnx
from fearless.serve.rows import example_row
from fearless.serve.scoring import InPlace, put_in_place

from .conftest import Tree, make_rows

pytest.importorskip("starlette", reason="the service wants the packages of the toolkit's extra `serve`")
pytest.importorskip("uvicorn", reason="the service wants the packages of the toolkit's extra `serve`")
pytest.importorskip("msgspec", reason="the service wants the packages of the toolkit's extra `serve`")

import uvicorn

from fearless.serve.app import Served
from fearless.serve.run import _bound


def trained(tree: Tree, role: str = "candidate", seed: int = 0) -> InPlace:
    """A model of the tree's own code in models/<role>, read again as the service reads it."""
    project, dictionary = tree.project, tree.dictionary
    rows = make_rows(200, left=[(number * 7 + seed) % 13 > 6 for number in range(200)])
    features = Team.of(project, dictionary).features(rows)
    y = rows["left"].cast(pl.Float64).to_numpy()
    training = Training(matrix(features), y, tuple(features.columns), {}, seed, "binary")
    fitted = tree.team.train(training)
    folder = project.root / "models" / role
    folder.mkdir(parents=True)
    export_onnx(fitted, features.width, "binary", folder)
    pack_code(folder, project)
    seal(
        folder,
        {
            "name": "shop",
            "loader": "onnx",
            "task": "binary",
            "features": features.columns,
            "made_from": {},
            "train_rows": 200,
            "seed": seed,
            "estimator": type(fitted).__name__,
            "parity": {"rows": 1, "worst_difference": 0.0},
        },
    )
    return put_in_place(project, role)


class Reply(NamedTuple):
    status: int
    content: Any
    headers: Mapping[str, str]


@dataclass
class Client:
    """One kept connection to the service."""

    port: int

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path: str) -> Reply:
        return self._ask("GET", path, None, {})

    def predict(self, rows: object, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.post(json.dumps(rows).encode(), {"content-type": "application/json", **named})

    def post(self, body: Any, headers: dict[str, str]) -> Reply:
        return self._ask("POST", "/v1/predict", body, headers)

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Reply:
        self._connection.request(method, path, body, headers)
        reply = self._connection.getresponse()
        text = reply.read()
        is_json = reply.headers["content-type"] == "application/json"
        return Reply(reply.status, json.loads(text) if is_json else text.decode(), dict(reply.headers))


@dataclass
class Running:
    """The service in a thread: `client` speaks with it, `ledger` is a second view of what it records."""

    served: Served
    port: int
    ledger: SqliteLedger
    row: dict[str, Any]

    @property
    def client(self) -> Client:
        return Client(self.port)


@contextmanager
def running(tree: Tree, ready: InPlace, *, chained: bool = False) -> Iterator[Running]:
    path = tree.root / "ledger.sqlite"
    served = Served(ready, SqliteLedger(path, chained=chained))
    bound = _bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(served.app, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        yield Running(served, bound.getsockname()[1], SqliteLedger(path), example_row(tree.dictionary))
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
