"""Leakage: golden rows in training, groups on both sides, training rows from after the golden data began."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from fearless.columns.dictionary import Dictionary
from fearless.golden.freeze import row_names
from fearless.golden.frozen import Golden
from fearless.guard.finding import Finding

if TYPE_CHECKING:
    import polars as pl

RESET = "Set it back, or freeze anew with `uv run fearless golden freeze --again`."
RETRAIN = "Run `uv run fearless train`: its prepare stage leaves those rows out."


def overlap(train: pl.DataFrame, golden: Golden, dictionary: Dictionary) -> list[Finding]:
    """Rows of the golden data that were trained on, by key (without a key: by all columns but the target)."""
    frozen = row_names(golden.rows, dictionary)
    both = row_names(train, dictionary).is_in(frozen.implode())
    if not both.any():
        return []
    first = both.arg_true()[0]
    names = list(dictionary.key)
    which = f" (the first: {', '.join(str(train[name][first]) for name in names)})" if names else ""
    return [
        Finding(
            f"{int(both.sum())} golden rows are in the training data{which}, so the gate would reward memory.",
            RETRAIN,
        )
    ]


def groups(train: pl.DataFrame, golden: Golden, dictionary: Dictionary) -> list[Finding]:
    """Groups with rows on both sides."""
    if not dictionary.group:
        return []
    both = train[dictionary.group].is_in(golden.rows[dictionary.group].unique().implode())
    if not both.any():
        return []
    first = train[dictionary.group][both.arg_true()[0]]
    return [Finding(f"The {dictionary.group} {first} has rows in training and in the golden data.", RETRAIN)]


def order(train: pl.DataFrame, golden: Golden, dictionary: Dictionary) -> list[Finding]:
    """Training rows from the golden data's first moment on: a model must not learn from its future."""
    if not golden.record.start:
        return []
    if dictionary.time != golden.record.time:
        was, now = golden.record.time, dictionary.time
        return [
            Finding(
                f"The golden data was frozen with the time `{was}`, and columns.yaml now says `{now}`.", RESET
            )
        ]
    start = moment(golden.record.start, train[dictionary.time].dtype)
    late = train.filter(train[dictionary.time] >= start)
    if late.is_empty():
        return []
    return [
        Finding(
            f"{late.height} training rows are from {dictionary.time} {golden.record.start} or later, where the golden"
            " data begins.",
            RETRAIN,
        )
    ]


def moment(text: str, kind: pl.DataType) -> date | datetime:
    """The ISO date or moment `text` as a value to compare a column of type `kind` with."""
    import polars as pl

    return date.fromisoformat(text[:10]) if kind == pl.Date else datetime.fromisoformat(text)
