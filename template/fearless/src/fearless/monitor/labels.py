"""A file of what turned out to be true: read, typed and tied to predictions; each row that cannot be used is named."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fearless.columns.dictionary import Dictionary
from fearless.columns.frame import ENDINGS, cast, moments, read_untyped
from fearless.core.errors import FearlessError
from fearless.ledger.record import Reject

if TYPE_CHECKING:
    import polars as pl

ID, LABEL, WHEN, ROW = "prediction_id", "label", "labelled_at", "row"


@dataclass(frozen=True)
class Labels:
    """The usable rows of a file, and the others by name.

    `frame` has `row` (from 1 on, as in the file below its header), either `prediction_id` or the columns of
    `key`, `label` (1 for the positive class and 0 for the other, or the number) and `labelled_at` (may be missing).
    `rows` is how many the file has.
    """

    frame: pl.DataFrame
    key: tuple[str, ...]
    rows: int
    rejects: tuple[Reject, ...]


def read_labels(file: Path, dictionary: Dictionary) -> Labels:
    """The labels in a CSV or Parquet file.

    It has the column `prediction_id`, or the columns of `key` in columns.yaml; the truth, called `label` or like
    the target; and perhaps `labelled_at`, an ISO date or moment. Other columns are not read. Raises FearlessError
    where the file cannot be read or lacks a column.
    """
    import polars as pl

    if not file.is_file():
        raise FearlessError(f"{file} is not there.", fix="Name a CSV or Parquet file with the labels.")
    if file.suffix.lower() not in ENDINGS:
        raise FearlessError(f"{file.name} is no CSV or Parquet file.", fix="Save the labels as one of them.")
    given = read_untyped(file)
    if given.height == 0:
        raise FearlessError(f"{file.name} has no rows.", fix="Put the labels below its header line.")
    key = _key(given, dictionary, file.name)
    truth = _one_of(given, (LABEL, dictionary.target), file.name)
    rows = pl.DataFrame({ROW: range(1, given.height + 1)}, schema={ROW: pl.Int64})
    reasons = pl.Series("reason", [""] * given.height)
    for name in key or (ID,):
        named = _named(given[name], name, dictionary)
        rows = rows.with_columns(named.alias(name))
        reasons = _reason(reasons, named.is_null(), f"`{name}` is missing or of another type")
    label = _label(given[truth], dictionary)
    rows = rows.with_columns(label.alias(LABEL), _when(given).alias(WHEN))
    missing = _absent(given[truth])
    wanted = "0 or 1" if dictionary.task == "binary" else "a number"
    if levels := dictionary.columns[dictionary.target].levels:
        wanted = " or ".join(f"`{level}`" for level in levels)
    reasons = _reason(reasons, missing, f"`{truth}` is missing")
    reasons = _reason(reasons, label.is_null() & ~missing, f"`{truth}` is not {wanted}")
    if WHEN in given.columns:
        odd = rows[WHEN].is_null() & ~_absent(given[WHEN])
        reasons = _reason(reasons, odd, f"`{WHEN}` is no date such as 2026-03-31")
    good = reasons == ""
    shown = [name for name in (key or (ID,)) if name in given.columns]
    rejects = tuple(
        Reject(at + 1, ", ".join(_word(given[name][at]) for name in shown), reasons[at])
        for at in (~good).arg_true().to_list()
    )
    return Labels(rows.filter(good), key, given.height, rejects)


def tied(labels: Labels, predictions: Iterable[pl.DataFrame]) -> tuple[pl.DataFrame, tuple[Reject, ...]]:
    """The labels by `prediction_id`, for a file that names rows by their key; and the rows whose key nobody asked for.

    `predictions` are frames with `id` and the columns of the key, typed. A key that was asked for more than once
    has the same truth each time: the label goes to every one of its predictions. A key that stands twice in the
    file goes no further than its first row.
    """
    import polars as pl

    key = list(labels.key)
    first = labels.frame.unique(key, keep="first", maintain_order=True)
    found = [first.join(each, on=key, how="inner") for each in predictions if each.height]
    hits = pl.concat(found) if found else first.clear().with_columns(pl.lit("").alias("id"))
    twice = labels.frame.filter(~labels.frame[ROW].is_in(first[ROW].to_list()))
    unknown = first.filter(~first[ROW].is_in(hits[ROW].unique().to_list()))
    rejects = [Reject(*_shown(each, key), "its key is there a second time") for each in twice.to_dicts()]
    rejects += [
        Reject(*_shown(each, key), "no prediction was recorded for its key") for each in unknown.to_dicts()
    ]
    ready = hits.select(ROW, pl.col("id").alias(ID), LABEL, WHEN)
    return ready, tuple(sorted(rejects))


def _key(given: pl.DataFrame, dictionary: Dictionary, name: str) -> tuple[str, ...]:
    if ID in given.columns:
        return ()
    if dictionary.key and all(each in given.columns for each in dictionary.key):
        hidden = [each for each in dictionary.key if each not in dictionary.known]
        if not hidden:
            return dictionary.key
        raise FearlessError(
            f"{name} names rows by `{hidden[0]}`, which is not known at prediction time and so not recorded.",
            fix=f"Name them by `{ID}`, which each answer of the service carries.",
        )
    ways = f"`{ID}`" + (
        f", or the key of columns.yaml ({', '.join(dictionary.key)})" if dictionary.key else ""
    )
    raise FearlessError(
        f"{name} does not say which prediction a label belongs to: it needs the column {ways}.",
        fix=f"It has: {', '.join(given.columns[:12])}.",
    )


def _one_of(given: pl.DataFrame, names: tuple[str, ...], file: str) -> str:
    for name in names:
        if name in given.columns:
            return name
    raise FearlessError(
        f"{file} has no label: it needs a column `{names[0]}` or `{names[1]}`.",
        fix=f"It has: {', '.join(given.columns[:12])}.",
    )


def _named(values: pl.Series, name: str, dictionary: Dictionary) -> pl.Series:
    import polars as pl

    if name == ID:
        words = values.cast(pl.String, strict=False).str.strip_chars()
        return words.set(words == "", None)
    return cast(_stripped(values), dictionary.columns[name])


def _label(values: pl.Series, dictionary: Dictionary) -> pl.Series:
    """1 for the positive class and 0 for the other, or the number; null where the value is neither."""
    import polars as pl

    column = dictionary.columns[dictionary.target]
    if dictionary.task == "binary" and column.levels:
        words = _stripped(values).cast(pl.String, strict=False)
        known = words.is_in(list(column.levels))
        return (words == dictionary.positive).cast(pl.Float64).set(~known.fill_null(False), None)
    numbers = cast(_stripped(values), column).cast(pl.Float64)
    numbers = numbers.set(~numbers.is_finite() & numbers.is_not_null(), None)
    if dictionary.task == "binary":
        numbers = numbers.set(~numbers.is_in([0.0, 1.0]) & numbers.is_not_null(), None)
    return numbers


def _when(given: pl.DataFrame) -> pl.Series:
    import polars as pl

    if WHEN not in given.columns:
        return pl.Series(WHEN, [None] * given.height, dtype=pl.Datetime("us", "UTC"))
    values = given[WHEN]
    if values.dtype == pl.String:
        known = moments(_stripped(values))
    elif values.dtype in (pl.Date, pl.Datetime):
        if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone:
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        known = values.cast(pl.Datetime("us"), strict=False)
    else:
        known = pl.Series(WHEN, [None] * given.height, dtype=pl.Datetime("us"))
    return known.dt.replace_time_zone("UTC")


def _stripped(values: pl.Series) -> pl.Series:
    import polars as pl

    if values.dtype != pl.String:
        return values
    words = values.str.strip_chars()
    return words.set(words == "", None)


def _absent(values: pl.Series) -> pl.Series:
    return _stripped(values).is_null()


def _reason(reasons: pl.Series, where: pl.Series, text: str) -> pl.Series:
    return reasons.set(where.fill_null(False) & (reasons == ""), text)


def _word(value: object) -> str:
    return "" if value is None else str(value)


def _shown(row: dict[str, object], key: list[str]) -> tuple[int, str]:
    return int(str(row[ROW])), ", ".join(str(row[name]) for name in key)
