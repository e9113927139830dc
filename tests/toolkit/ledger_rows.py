"""Rows for the tests of the ledger, with one thing said and the rest made up."""

from __future__ import annotations

from typing import Any

from fearless.ledger.identity import prediction_ids
from fearless.ledger.record import Deployment, Prediction, Provenance, Refusal

DAY = 86_400_000_000
START = 1_790_000_000_000_000  # a moment in 2026, in microseconds
ORIGIN = Provenance("churn", "champion", "1", "a" * 64, "b" * 40, "0.1.0", "c" * 64, "d" * 64, "host/1")


def prediction(decided_at: int = START, **said: Any) -> Prediction:
    plain = Prediction(
        id=prediction_ids(1, decided_at)[0],
        received_at=decided_at - 1000,
        decided_at=decided_at,
        channel="http",
        client_request_id=None,
        idempotency_key=None,
        request_sha256=None,
        row_number=0,
        input='{"calls":3}',
        features=b"\x00\x00@@",
        score=0.25,
        threshold=0.5,
        decision="no",
        provenance=ORIGIN,
    )
    return plain._replace(**said)


def refusal(received_at: int = START, **said: Any) -> Refusal:
    plain = Refusal(received_at, "http", None, "rejected", "range", "calls", "`calls` is 99.", 1, "a" * 64)
    return plain._replace(**said)


def deployment(at: int = START, **said: Any) -> Deployment:
    return Deployment(at, "deploy", "churn", "1", "a" * 64, "Ada", "the gate passed")._replace(**said)
