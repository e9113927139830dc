"""What the service does with a batch of requests: check, score and record them together, then answer each.

Everything here runs on the one thread of the batches. The order is the promise: an answer with a prediction exists only
after the ledger has it on disk.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fearless.core.errors import FearlessError
from fearless.ledger.identity import prediction_ids
from fearless.ledger.record import Prediction, Provenance, Refusal
from fearless.ledger.store import SCHEME, Ledger, LedgerError
from fearless.serve.counters import Counters
from fearless.serve.rows import Complaint, Value
from fearless.serve.scoring import InPlace, Scored

LEAST_FREE_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """One request for predictions. `texts` are its rows as JSON again, `many` is whether an array was sent."""

    rows: list[Any]
    many: bool
    received_at: int
    channel: str = "http"
    client_request_id: str | None = None
    idempotency_key: str | None = None
    sha256: str | None = None


class Answer(NamedTuple):
    """A status of HTTP and what is sent as JSON."""

    status: int
    content: Any


@dataclass(slots=True)
class _Open:
    """A request whose rows fit, on its way through the batch."""

    place: int
    request: Request
    values: list[tuple[Value, ...]]
    scored: Scored | None = None
    predictions: list[Prediction] = field(default_factory=list)


class Service:
    """The model in place, the ledger, and the counters. `encode` makes JSON text of a row."""

    def __init__(self, ready: InPlace, ledger: Ledger, encode: Callable[[Any], str]) -> None:
        self.in_place = ready
        self.ledger = ledger
        self.counters = Counters()
        self.trouble = ""  # why predictions are refused now; empty while they are not
        self._encode = encode

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer for each request of the batch, in order; all predictions in it are recorded."""
        try:
            return self._answer(requests)
        except LedgerError as error:
            self.counters.ledger_errors += 1
            self.counters.refused["ledger"] += len(requests)
            self.trouble = error.what
            told = "The ledger cannot be written, and nothing is predicted that is not recorded. Try again later."
            return [_refused(503, "ledger", told)] * len(requests)
        except Exception:
            # A fault of ours that one request brings out must not fail the others of its batch.
            if len(requests) == 1:
                raise
            return [each for request in requests for each in self._alone(request)]

    def replace(self, make: Callable[[], InPlace]) -> InPlace:
        """Put another model in place; the one before answers until this is read, and stays where `make` raises."""
        ready = make()
        self.in_place = ready
        return ready

    def prove_ready(self) -> str:
        """Write to the ledger as a prediction would; returns why the service is not ready, or an empty text."""
        try:
            self.ledger.prove_writable()
        except LedgerError as error:
            self.trouble = error.what
        else:
            free = _free_bytes(self.ledger.address)
            self.trouble = (
                ""
                if free >= LEAST_FREE_BYTES
                else f"{free // 1_000_000} MB are free where the ledger lies, and {LEAST_FREE_BYTES // 1_000_000}"
                " MB are wanted."
            )
        return self.trouble

    def _alone(self, request: Request) -> list[Answer]:
        try:
            return self.answer([request])
        except Exception as error:
            self.counters.refused["fault"] += 1
            return [_refused(500, "fault", f"This is a fault of the service: {type(error).__name__}.")]

    def _answer(self, requests: Sequence[Request]) -> list[Answer]:
        ready = self.in_place  # one model for the whole batch, whatever is put in place meanwhile
        answers: dict[int, Answer] = {}
        refusals: list[Refusal] = []
        todo: list[_Open] = []
        first_of: dict[str, int] = {}  # requests of this batch by their key
        again: list[int] = []
        for place, request in enumerate(requests):
            if (key := request.idempotency_key) is not None:
                if key in first_of:
                    again.append(place)
                    continue
                first_of[key] = place
                if stored := self.ledger.by_idempotency_key(key):
                    answers[place] = self._stored_answer(request, stored)
                    continue
            values, complaints = ready.schema.read(request.rows)
            if complaints:
                answers[place] = _complained(complaints)
                refusals.append(self._refusal(request, complaints, ready))
            else:
                todo.append(_Open(place, request, values))
        if todo:
            self._score(todo, ready, answers, refusals)
        self._record([each for each in todo if each.scored], refusals, ready)
        for each in todo:
            if each.scored:
                told = [_told(row) for row in each.predictions]
                answers[each.place] = Answer(200, told if each.request.many else told[0])
        for place in again:
            answers[place] = self._same_key(requests[place], requests, first_of, answers)
        return [answers[place] for place in range(len(requests))]

    def _score(
        self, todo: list[_Open], ready: InPlace, answers: dict[int, Answer], refusals: list[Refusal]
    ) -> None:
        """Score all requests at once; where that fails each alone, so that only those fail that make it fail."""
        try:
            scored = ready.score([row for each in todo for row in each.values])
        except FearlessError as error:
            if len(todo) > 1:
                for each in todo:
                    self._score([each], ready, answers, refusals)
                return
            request = todo[0].request
            answers[todo[0].place] = _refused(
                500, "failed", "The model's own code could not score this. What it said is in the ledger."
            )
            self.counters.refused["failed"] += 1
            model = ready.provenance.model_sha256
            refusals.append(
                Refusal(
                    *(
                        request.received_at,
                        request.channel,
                        request.client_request_id,
                        "failed",
                        "failed",
                        "",
                    ),
                    *(error.what, len(request.rows), model),
                )
            )
            return
        start = 0
        for each in todo:
            end = start + len(each.values)
            each.scored = Scored(scored.features[start:end], scored.scores[start:end])
            start = end

    def _record(self, done: list[_Open], refusals: list[Refusal], ready: InPlace) -> None:
        if not done and not refusals:
            return
        decided_at = time.time_ns() // 1000
        ids = iter(prediction_ids(sum(len(each.values) for each in done), decided_at))
        encode, decide, provenance = self._encode, ready.decide, ready.provenance
        for each in done:
            assert each.scored  # noqa: S101  the caller chose those
            request, (features, scores) = each.request, each.scored
            content = features.astype("<f4", copy=False).tobytes()
            width = len(content) // len(scores)
            for number, (row, score) in enumerate(zip(request.rows, scores, strict=True)):
                threshold, decision = decide(score)
                each.predictions.append(
                    Prediction(
                        next(ids),
                        request.received_at,
                        decided_at,
                        request.channel,
                        request.client_request_id,
                        request.idempotency_key,
                        request.sha256,
                        number,
                        encode(row),
                        content[number * width : (number + 1) * width],
                        score,
                        threshold,
                        decision,
                        provenance,
                    )
                )
        self.ledger.append([row for each in done for row in each.predictions], refusals)
        self.trouble = ""
        self._count(done, ready)

    def _count(self, done: list[_Open], ready: InPlace) -> None:
        counters = self.counters
        counters.batches += 1
        now = time.time_ns() // 1000
        for each in done:
            counters.predictions[ready.provenance.model_version, each.request.channel] += len(each.values)
            counters.took((now - each.request.received_at) / 1e6)

    def _refusal(self, request: Request, complaints: list[Complaint], ready: InPlace) -> Refusal:
        first = complaints[0]
        self.counters.refused[first.reason] += 1
        # What a client wrote as the name of a column may be anything, and is not ours to keep.
        column = first.column if first.column in ready.schema.dictionary.columns else ""
        return Refusal(
            received_at=request.received_at,
            channel=request.channel,
            client_request_id=request.client_request_id,
            status="rejected",
            reason=first.reason,
            column=column,
            sentence=_SENTENCES[first.reason],
            rows=len(request.rows),
            model_sha256=ready.provenance.model_sha256,
        )

    def _stored_answer(self, request: Request, stored: list[dict[str, Any]]) -> Answer:
        if stored[0]["request_sha256"] != request.sha256:
            return self._other_request()
        self.counters.repeated += 1
        told = []
        for row in stored:
            origin = Provenance(*(row[name] for name in Provenance._fields))
            plain = {name: row[name] for name in Prediction._fields[:-1]}
            told.append(_told(Prediction(**plain, provenance=origin)))
        return Answer(200, told if request.many else told[0])

    def _same_key(
        self,
        request: Request,
        requests: Sequence[Request],
        first_of: dict[str, int],
        answers: dict[int, Answer],
    ) -> Answer:
        """The answer to a second request of the same batch with the same key."""
        first = first_of[request.idempotency_key or ""]
        if requests[first].sha256 != request.sha256:
            return self._other_request()
        self.counters.repeated += 1
        return answers[first]

    def _other_request(self) -> Answer:
        self.counters.refused["idempotency_key"] += 1
        return _refused(
            422, "idempotency_key", "Another request was answered under this Idempotency-Key. Take a new one."
        )


# What is recorded of a refusal: the kind of fault and no value of the request.
_SENTENCES = {
    "row": "A row was no JSON object.",
    "unknown": "A column that columns.yaml does not describe was sent.",
    "not_known": "A column was sent that is not known when a prediction is made.",
    "missing": "A value was missing where columns.yaml allows none.",
    "type": "A value had another type than the column.",
    "range": "A value was outside the range of the column.",
    "level": "A value was none of the levels of the column.",
}


def _told(row: Prediction) -> dict[str, Any]:
    origin = row.provenance
    told: dict[str, Any] = {"id": row.id, "score": row.score}
    if row.decision is not None:
        told["decision"] = row.decision
        told["threshold"] = row.threshold
    told["model"] = origin.model_name
    told["model_version"] = origin.model_version
    told["model_sha256"] = origin.model_sha256
    return told


def _complained(complaints: list[Complaint]) -> Answer:
    first = complaints[0]
    return Answer(
        422,
        {
            "error": first.reason,
            "message": first.message,
            "complaints": [each._asdict() for each in complaints],
        },
    )


def _refused(status: int, reason: str, message: str) -> Answer:
    return Answer(status, {"error": reason, "message": message})


def _free_bytes(address: str) -> int:
    folder = Path(address.removeprefix(SCHEME)).parent
    return shutil.disk_usage(folder).free if folder.is_dir() else 0
