"""What is recorded: predictions with where they came from, refusals, and deployments. All of it is append-only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

# The two kinds of rows: those of the channel `simulated`, which are never evidence of what is live, and all others.
LIVE, SIMULATED = "live", "simulated"


class Provenance(NamedTuple):
    """Which model, code and service made a prediction. Stored once for all predictions that share it.

    `model_role` is what the model was when it answered: `champion` or `candidate`. `model_sha256` is the digest
    of its manifest, which holds the digest of every file of it. `writer` names the process that recorded.
    """

    model_name: str
    model_role: str
    model_version: str
    model_sha256: str
    git_commit: str
    template_version: str
    columns_sha256: str
    lock_sha256: str
    writer: str


class Prediction(NamedTuple):
    """One answered row. Times are microseconds since 1970 in UTC.

    `idempotency_key` and `request_sha256` are there when the client sent a key: a retry with the same key and the
    same request gets the stored answer. `input` is the row as it was asked, as JSON; `features` are its features
    as little-endian float32, in the order of the model's manifest. `threshold` and `decision` are empty for a
    number. `channel` is `http`, or `simulated` where the evidence is not live.
    """

    id: str
    received_at: int
    decided_at: int
    channel: str
    client_request_id: str | None
    idempotency_key: str | None
    request_sha256: str | None
    row_number: int
    input: str
    features: bytes
    score: float
    threshold: float | None
    decision: str | None
    provenance: Provenance


class Refusal(NamedTuple):
    """One request that was not answered: `status` is `rejected` (its own fault) or `failed` (ours).

    `reason` is a word that is counted (`range`, `level`, ...), `column` the first one concerned, `sentence` what
    the client was told. The values of the request are not kept.
    """

    received_at: int
    channel: str
    client_request_id: str | None
    status: str
    reason: str
    column: str
    sentence: str
    rows: int
    model_sha256: str


class Deployment(NamedTuple):
    """A model that was put in place: the newest row says what is in production. `at` is in microseconds since 1970.

    `kind` is `deploy`, `rollback` or `break-glass`; `actor` who did it, `reason` why.
    """

    at: int
    kind: str
    model_name: str
    model_version: str
    model_sha256: str
    actor: str
    reason: str


class Reject(NamedTuple):
    """A label that was not taken: the row of the frame from 1 on, the id it names, and why."""

    row: int
    prediction_id: str
    reason: str


class Labelled(NamedTuple):
    """What became of the labels that were handed in.

    added: first labels of their prediction.  corrected: another label than the one stored before, which stays in
    the table and counts no more.  repeated: the label that is stored already.  rejects: named one by one.
    """

    added: int
    corrected: int
    repeated: int
    rejects: tuple[Reject, ...]


def micros(moment: datetime) -> int:
    """`moment` as microseconds since 1970; without a zone it is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
