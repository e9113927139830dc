"""The ledger as the other rooms see it: one interface, with SQLite behind it. PostgreSQL will stand behind the same."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ledger.chain import Verified
from fearless.ledger.record import Deployment, Labelled, Prediction, Refusal

if TYPE_CHECKING:
    import polars as pl

VARIABLE = "FEARLESS_LEDGER"
SCHEME = "sqlite:///"
FILE = "predictions.sqlite"


class LedgerError(FearlessError):
    """The ledger cannot be read or written now; nothing of the call that raised it is stored."""


class Ledger(Protocol):
    """Append-only tables of predictions, refusals, labels and deployments.

    An object belongs to the thread that uses it. Every method raises LedgerError where the ledger cannot be read or
    written; the next call tries again, so a ledger that is mended is used again without a restart.
    """

    address: str

    def append(self, predictions: Sequence[Prediction], refusals: Sequence[Refusal] = ()) -> None:
        """Store all of them or none, in one transaction; when this returns they survive a power cut."""

    def prove_writable(self) -> None:
        """Write and take back, as `append` would; returns when the ledger takes predictions now."""

    def get(self, prediction_id: str) -> dict[str, Any] | None:
        """One prediction with its provenance and its newest label (`truth`, `labelled_at`), or None."""

    def by_idempotency_key(self, key: str) -> list[dict[str, Any]]:
        """The rows of the request that was answered under `key`, by `row_number`; empty where there was none."""

    def window(
        self, since: datetime | None = None, until: datetime | None = None, columns: Sequence[str] = ()
    ) -> pl.DataFrame:
        """The predictions decided from `since` (included) to `until` (not included), oldest first.

        Columns: `seq`, the fields of Prediction, and those of Provenance in place of `provenance`; `columns` takes
        fewer of them. Times are Datetime("us", "UTC"). Costs what the window holds, not what the ledger holds.
        """

    def joined(
        self, since: datetime | None = None, until: datetime | None = None, columns: Sequence[str] = ()
    ) -> pl.DataFrame:
        """`window` with the newest label of each prediction: `truth`, `labelled_at`, `label_received_at`, or null."""

    def refusals(self, since: datetime | None = None, until: datetime | None = None) -> pl.DataFrame:
        """The requests that were not answered in the window of `received_at`, with the fields of Refusal."""

    def add_labels(self, labels: pl.DataFrame) -> Labelled:
        """Store what turned out to be true: columns `prediction_id` and `label` (a number; 1 is the positive class).

        `labelled_at` (date or datetime: when it was known) and `source` (text) may be there. An unknown id, a
        second label for the same id, and a missing or infinite label are rejected by row; the others are stored.
        """

    def deploy(self, deployment: Deployment, known: int | None = None) -> None:
        """Store durably that a model was put in place.

        `known` is how many deployments there were when it was decided; raises LedgerError where there are more now.
        """

    def deployments(self) -> list[Deployment]:
        """All of them, oldest first; the last one is in production."""

    def production(self) -> Deployment | None:
        """The newest deployment, or None before the first; as cheap in a long history as in a short one."""

    def verify(self) -> list[Verified]:
        """Follow the hash chain through each table; see fearless.ledger.chain."""

    def close(self) -> None:
        """Let the file go. A later call opens it again."""


def ledger_address(project: Project) -> str:
    """Where the ledger is: FEARLESS_LEDGER, else a file in the scratch of this machine."""
    return os.environ.get(VARIABLE) or f"{SCHEME}{project.scratch / 'ledger' / FILE}"


def open_ledger(project: Project, *, create: bool = True) -> Ledger:
    """The ledger of this project, chained where the answer `profile` is `regulated`.

    Raises FearlessError for an address that is none, and with create=False where nothing was recorded yet. The file
    itself is opened by the first call, which with create=False raises LedgerError where it holds no ledger.
    """
    from fearless.ledger.sqlite import SqliteLedger

    address = ledger_address(project)
    if not address.startswith(SCHEME) or address == SCHEME:
        scheme = address.split(":", 1)[0]
        raise FearlessError(
            f"{VARIABLE} names a ledger of the kind `{scheme}`, and this toolkit keeps one in SQLite only.",
            fix=f"Write {VARIABLE}={SCHEME}/path/to/{FILE} with an absolute path, or leave it out.",
        )
    path = Path(address.removeprefix(SCHEME))
    if not path.is_absolute():
        path = project.root / path
    if not create and not path.is_file():
        raise FearlessError(
            f"There is no ledger at {project.relative(path)}: nothing was predicted yet.",
            fix="Start the service with `uv run fearless serve`, or name the ledger in FEARLESS_LEDGER.",
        )
    return SqliteLedger(path, chained=project.answers.get("profile") == "regulated", create=create)
