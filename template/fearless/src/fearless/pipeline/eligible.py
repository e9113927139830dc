"""Which live predictions may become golden rows: those whose truth is known, and that nothing was trained on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fearless.columns.dictionary import FILE, Dictionary
from fearless.columns.frame import cast
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden.freeze import row_names
from fearless.golden.frozen import Golden
from fearless.guard.leakage import moment
from fearless.ledger.record import LIVE
from fearless.ledger.store import Ledger, open_ledger
from fearless.monitor.served import of_kind, rows_of
from fearless.pipeline.prepare import open_train
from fearless.serve.rows import RowSchema

if TYPE_CHECKING:
    import polars as pl

DECIDED, NAME = "decided_at", "\x1fname"
READ = ("id", "decided_at", "channel", "input", "score", "truth", "model_sha256")
STEP = timedelta(days=5)
FEWEST = 30
MATURE = 0.9


@dataclass(frozen=True)
class Found:
    """The live predictions that could become golden rows, and how many could not for which reason.

    `rows` has READ, the columns known at prediction time, and NAME. `coverage` is the share of the live predictions of
    that time whose truth is known; `mature` says whether it is high enough up to some moment; none after it is taken.
    """

    rows: pl.DataFrame
    left_out: dict[str, int]
    coverage: float
    mature: bool


def find(project: Project, golden: Golden, dictionary: Dictionary, since: timedelta, now: datetime) -> Found:
    """The live predictions since `now` - `since` that may become golden rows. Raises FearlessError where none can."""
    _refuse_nameless(dictionary)
    ledger = open_ledger(project, create=False)
    try:
        asked, labelled = _labelled(ledger, since, now)
    finally:
        ledger.close()
    left_out: dict[str, int] = {"whose truth is not known yet": asked.height - int(asked["known"].sum())}
    coverage = int(asked["known"].sum()) / max(asked.height, 1)
    rows = labelled

    def keep(mask: pl.Series, why: str) -> None:
        nonlocal rows
        left_out[why] = rows.height - int(mask.sum())
        rows = rows.filter(mask)

    until = _mature_until(asked)
    if until is not None:
        keep(rows[DECIDED] <= until, "so new that the truth of many beside them is not known yet")
    rows = _with_known(rows, dictionary)
    keep(rows.select(_complete(dictionary)).to_series(), "without a key, a time or a group")
    rows = rows.with_columns(row_names(rows, dictionary).alias(NAME))
    keep(~rows[NAME].is_in(row_names(golden.rows, dictionary).implode()), "golden already")
    train = open_train(project)
    keep(~rows[NAME].is_in(row_names(train, dictionary).implode()), "in the training data")
    if dictionary.group:
        groups = train[dictionary.group].unique()
        keep(~rows[dictionary.group].is_in(groups.implode()), f"of a {dictionary.group} in the training data")
    if golden.record.start and dictionary.time:
        start = moment(golden.record.start, rows[dictionary.time].dtype)
        keep(rows[dictionary.time] >= start, "from before the golden data begins")
    keep(rows[NAME].is_last_distinct(), "asked for again later")
    schema = RowSchema(dictionary)
    fits = [not schema.read([json.loads(text)])[1] for text in rows["input"]]
    keep(_mask(fits), f"that {FILE} does not allow any more")
    return Found(rows, {why: count for why, count in left_out.items() if count}, coverage, until is not None)


def told(left_out: dict[str, int]) -> str:
    """How many predictions were left out for which reason, as a clause."""
    return ", ".join(f"{count:,} {why}" for why, count in left_out.items())


def _refuse_nameless(dictionary: Dictionary) -> None:
    names = [*dictionary.key, *filter(None, (dictionary.time, dictionary.group))]
    hidden = [name for name in names if name not in dictionary.known]
    if not dictionary.key:
        raise FearlessError(
            f"{FILE} names no key, so a live row could not be recognised when it comes into data/raw later.",
            fix=f"Name a `key:` in {FILE}, and freeze the golden data anew.",
        )
    if hidden:
        raise FearlessError(
            f"`{hidden[0]}` is not known at prediction time, so the ledger cannot tell what a prediction is about.",
            fix="Golden data can grow where key, time and group are recorded with each prediction.",
        )


def _labelled(ledger: Ledger, since: timedelta, now: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
    """When each live prediction was decided and whether its truth is known; and those whose truth is known."""
    import polars as pl

    asked: list[pl.DataFrame] = []
    labelled: list[pl.DataFrame] = []
    start, end = now - since, now + timedelta(microseconds=1)
    while start < end:
        rows = ledger.joined(start, min(start + STEP, end), READ)
        rows = rows.filter(of_kind(rows["channel"], LIVE))
        known = rows["truth"].is_not_null()
        asked.append(pl.DataFrame([rows[DECIDED], known.alias("known")]))
        labelled.append(rows.filter(known))
        start += STEP
    return pl.concat(asked).sort(DECIDED), pl.concat(labelled).sort(DECIDED)


def _mature_until(asked: pl.DataFrame) -> datetime | None:
    """The last moment up to which the truth of nearly all is known; None where there is none.

    A cancellation is known at once and a stay only later: of newer predictions the quick answers would be too many.
    """
    import polars as pl

    known = asked["known"].cast(pl.Int64).cum_sum()
    share = known / pl.int_range(1, asked.height + 1, eager=True)
    enough = ((share >= MATURE) & (known >= FEWEST)).arg_true()
    last: datetime | None = asked[DECIDED][int(enough[-1])] if len(enough) else None
    return last


def _with_known(rows: pl.DataFrame, dictionary: Dictionary) -> pl.DataFrame:
    given = rows_of(rows["input"], dictionary)
    return rows.with_columns(cast(given[name], dictionary.columns[name]) for name in dictionary.known)


def _complete(dictionary: Dictionary) -> pl.Expr:
    import polars as pl

    names = [*dictionary.key, *filter(None, (dictionary.time, dictionary.group))]
    return pl.all_horizontal(pl.col(name).is_not_null() for name in names)


def _mask(values: list[bool]) -> pl.Series:
    import polars as pl

    return pl.Series(values, dtype=pl.Boolean)
