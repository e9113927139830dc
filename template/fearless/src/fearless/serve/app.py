"""The service over HTTP: what is read from a request, and which answer has which status.

A body is one JSON object for one row, or an array of objects for many; the answer has the same shape.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.ledger.record import SIMULATED
from fearless.ledger.store import Ledger, LedgerError
from fearless.serve.batcher import Batcher
from fearless.serve.dashboard import heartbeats, routes
from fearless.serve.follow import EVERY_S, Follower
from fearless.serve.openapi import description
from fearless.serve.scoring import InPlace
from fearless.serve.service import Answer, Request, Service

MOST_BYTES = 5_000_000
MOST_ROWS = 10_000
MOST_WAITING = 2 * MOST_ROWS
MOST_LETTERS = 200
CHANNELS = ("http", SIMULATED)
PREDICT = "/v1/predict"
JSON = "application/json"
JSON_BYTES = JSON.encode()
Headers = dict[bytes, bytes]


class PredictionsFirst:
    """Hands predictions on by themselves: a request costs Starlette's layers as much CPU as all else in HTTP."""

    def __init__(self, predictions: ASGIApp, others: ASGIApp) -> None:
        self._predictions = predictions
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PREDICT and scope["method"] == "POST":
            await self._predictions(scope, receive, send)
        else:
            await self._others(scope, receive, send)


class Served:
    """The service and the application that speaks HTTP for it.

    With `follows` it puts in place what is deployed while it runs; else it answers from `ready` alone.
    """

    def __init__(self, ready: InPlace, ledger: Ledger, follows: Project | None = None) -> None:
        self.service = Service(ready, ledger, lambda row: msgspec.json.encode(row).decode())
        self.batcher: Batcher[Request, Answer] = Batcher(
            self.service.answer, lambda request: len(request.rows), MOST_ROWS
        )
        self.follower = Follower(follows, ledger, self.service.replace) if follows else None
        get = ["GET"]
        others = Starlette(
            routes=[
                Route(PREDICT, _only_post, methods=["POST"]),
                Route("/v1/predictions/{id}", self.prediction, methods=get),
                Route("/healthz", self.alive, methods=get),
                Route("/readyz", self.ready, methods=get),
                Route("/version", self.version, methods=get),
                Route("/metrics", self.metrics, methods=get),
                Route("/openapi.json", self.openapi, methods=get),
                *routes(self._project),
            ],
            exception_handlers={HTTPException: _not_found, Exception: _fault},
            lifespan=self._lifespan,
        )
        self.app = PredictionsFirst(self._predict, others)

    async def _predict(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Score one row or many, and answer when they are recorded."""
        received_at = time.time_ns() // 1000
        headers = dict(reversed(scope["headers"]))  # of a header that is sent twice the first one counts
        try:
            asked = await _read(headers, receive, received_at)
            answer = asked if isinstance(asked, Answer) else await self._answered(asked)
        except ClientDisconnect:
            return
        except Exception as error:
            await _send(send, _fault_of(error))
            raise  # uvicorn writes it down
        if isinstance(asked, Answer):
            self.service.counters.refused[asked.content["error"]] += 1
        await _send(send, answer)

    async def _answered(self, asked: Request) -> Answer:
        if self.batcher.rows_waiting + len(asked.rows) > MOST_WAITING:
            self.service.counters.refused["busy"] += 1
            return _wrong(503, "busy", "Too many rows are waiting. Try again later.")
        return await self.batcher.submit(asked)

    async def prediction(self, request: HttpRequest) -> Response:
        """One recorded prediction, with the names of its features where the model that made it answers now."""
        asked = request.path_params["id"]
        try:
            stored = await self.batcher.between(lambda: self.service.ledger.get(asked))
        except LedgerError:
            return _json(Answer(503, {"error": "ledger", "message": "The ledger cannot be read."}))
        if stored is None:
            return _json(Answer(404, {"error": "unknown", "message": "No prediction has this id."}))
        return _json(Answer(200, _shown(stored, self.service.in_place)))

    async def alive(self, _: HttpRequest) -> Response:
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def ready(self, _: HttpRequest) -> Response:
        """A prediction would be answered: a model is in place and the ledger takes a write."""
        trouble = await self.batcher.between(self.service.prove_ready)
        model = self.service.in_place.provenance
        behind = self.follower.trouble if self.follower else ""
        content = {
            "ready": not trouble,
            "model_sha256": model.model_sha256,
            "trouble": trouble,
            "behind": behind,  # it answers, and not with the model that was deployed
        }
        return _json(Answer(503 if trouble else 200, content))

    async def version(self, _: HttpRequest) -> Response:
        """What answers: digests of the model, of each of its files, of columns.yaml and of the lock."""
        ready = self.service.in_place
        manifest = ready.model.manifest
        told = {
            "fearless": toolkit_version(),
            **{name: value for name, value in ready.provenance._asdict().items() if name != "writer"},
            "task": manifest.task,
            "files": manifest.files,
            "deployment": self.follower.told() if self.follower else None,
        }
        return _json(Answer(200, told))

    async def metrics(self, _: HttpRequest) -> Response:
        """The counters, for Prometheus."""
        service = self.service
        behind = bool(self.follower and self.follower.trouble)
        text = service.counters.text(service.in_place.provenance, ready=not service.trouble, behind=behind)
        text += await asyncio.to_thread(heartbeats, self._project(), datetime.now(UTC))
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def openapi(self, _: HttpRequest) -> Response:
        """The description of this interface, made from columns.yaml."""
        return _json(Answer(200, description(self.service.in_place, MOST_ROWS)))

    def _project(self) -> Project:
        return self.service.in_place.model.team.project

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.batcher.between(self.service.prove_ready)
        await self._look()
        following = asyncio.create_task(self._follow())
        yield
        following.cancel()
        await asyncio.to_thread(self.batcher.close)
        self.service.ledger.close()

    async def _follow(self) -> None:
        while self.follower:
            await asyncio.sleep(EVERY_S)
            await self._look()

    async def _look(self) -> None:
        if follower := self.follower:
            now = self.service.in_place.provenance
            await self.batcher.between(partial(follower.look, now))


async def _read(headers: Headers, receive: Receive, received_at: int) -> Request | Answer:
    """The request for predictions that arrives, or why there is none."""
    kind = headers.get(b"content-type", b"")
    if kind != JSON_BYTES and kind.partition(b";")[0].strip().lower() != JSON_BYTES:
        return _wrong(415, "content_type", f"Send the rows as {JSON}.")
    body = await _body(headers, receive)
    if body is None:
        return _wrong(413, "size", f"The body is larger than {MOST_BYTES:,} bytes. Send fewer rows at once.")
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _wrong(400, "json", f"The body is not valid JSON: {error}.")
    many = isinstance(content, list)
    rows = content if many else [content]
    if not rows:
        return _wrong(422, "rows", "The array holds no row.")
    if len(rows) > MOST_ROWS:
        return _wrong(
            413, "rows", f"The array holds {len(rows):,} rows, and {MOST_ROWS:,} are the most. Split it."
        )
    channel = headers.get(b"x-fearless-channel", b"http").decode("latin-1")
    if channel not in CHANNELS:
        return _wrong(422, "channel", f"X-Fearless-Channel is one of {', '.join(CHANNELS)}.")
    sent = headers.get(b"idempotency-key")
    key = None if sent is None else sent.decode("latin-1")
    if key is not None and not (0 < len(key) <= MOST_LETTERS and key.isprintable()):
        return _wrong(
            422, "idempotency_key", f"An Idempotency-Key has 1 to {MOST_LETTERS} printable letters."
        )
    asked = headers.get(b"x-request-id", b"").decode("latin-1")
    return Request(
        rows=rows,
        many=many,
        received_at=received_at,
        channel=channel,
        client_request_id=asked[:MOST_LETTERS] or None,
        idempotency_key=key,
        sha256=None if key is None else hashlib.sha256(body).hexdigest(),
    )


async def _body(headers: Headers, receive: Receive) -> bytes | None:
    """The body, or None as soon as it is known to be too large: the rest is not kept."""
    told = headers.get(b"content-length", b"")
    if told.isdigit() and int(told) > MOST_BYTES:
        return None
    parts, length, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        length += len(part)
        if length > MOST_BYTES:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, answer: Answer) -> None:
    body = msgspec.json.encode(answer.content)
    headers = [(b"content-type", JSON_BYTES), (b"content-length", b"%d" % len(body))]
    if answer.status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _shown(stored: dict[str, Any], ready: InPlace) -> dict[str, Any]:
    told = {
        name: value
        for name, value in stored.items()
        if name not in ("input", "features", "seq", "idempotency_key", "request_sha256", "writer")
    }
    for name in ("received_at", "decided_at", "labelled_at", "label_received_at"):
        if told[name] is not None:
            told[name] = datetime.fromtimestamp(told[name] / 1e6, UTC).isoformat()
    numbers = [
        None if number != number else number for number in np.frombuffer(stored["features"], "<f4").tolist()
    ]
    if stored["model_sha256"] == ready.provenance.model_sha256:
        features: Any = dict(zip(ready.model.manifest.features, numbers, strict=True))
    else:
        features = numbers
    return {**told, "input": msgspec.json.decode(stored["input"]), "features": features}


def _wrong(status: int, reason: str, message: str) -> Answer:
    return Answer(status, {"error": reason, "message": message})


def _json(answer: Answer) -> Response:
    return Response(msgspec.json.encode(answer.content), answer.status, media_type=JSON)


async def _not_found(request: HttpRequest, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    detail = error.detail if isinstance(error, HTTPException) else ""
    return _json(_wrong(status, "address", f"{detail}: {request.method} is not answered here."))


async def _only_post(_: HttpRequest) -> Response:
    raise AssertionError("a POST to this address never comes here")


async def _fault(_: HttpRequest, error: Exception) -> Response:
    return _json(_fault_of(error))


def _fault_of(error: Exception) -> Answer:
    return _wrong(500, "fault", f"This is a fault of the service: {type(error).__name__}.")
