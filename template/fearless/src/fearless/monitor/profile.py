"""The reference profile: what the training rows and the golden scores look like, saved beside the model.

A window of served rows is compared with these counts, never with the rows themselves: they need not be where the
model serves, and no row of a person leaves the training data. The same training gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from fearless.columns.dictionary import Dictionary
from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError
from fearless.core.model_error import first_complaint
from fearless.gate.intervals import Array, Clusters, Measured, interval
from fearless.gate.metrics import TABLES, Metric

if TYPE_CHECKING:
    import polars as pl

FILE = "profile.json"
CELLS = 20
# A level that fewer rows have is counted among the others: its name could name a person.
FEWEST_OF_A_LEVEL = 5
CONFIDENCE = 0.95
Kind = Literal["number", "level", "unique"]


class Column(BaseModel):
    """Counts of one column's training rows.

    kind `number`: cell i holds (edges[i - 1], edges[i]], so there is one more than edges. kind `level`: a cell
    for each of `levels` and one for all others. kind `unique`: names, keys, moments and free text, which are
    never alike twice and are not compared: one cell. `missing` is beside the cells.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    missing: int
    counts: list[int]
    edges: list[float] = []
    levels: list[str] = []
    mean: float | None = None
    sd: float | None = None


class Estimate(BaseModel):
    """A metric on the golden rows: its value, standard error and degrees of freedom."""

    model_config = ConfigDict(frozen=True)

    value: float
    standard_error: float
    degrees: int


class Golden(BaseModel):
    """How good the model was on the golden rows, and what it said there."""

    model_config = ConfigDict(frozen=True)

    rows: int
    scores: Column
    metrics: dict[str, Estimate]
    skills: dict[str, Estimate]


class Profile(BaseModel):
    """profile.json, version 1. `target_mean` is that of the training rows: what knowing nothing would say."""

    model_config = ConfigDict(extra="allow", frozen=True)

    version: Literal[1] = 1
    rows: int
    target_mean: float
    columns: dict[str, Column]
    golden: Golden


def make_profile(
    rows: pl.DataFrame,
    target: Array,
    golden: pl.DataFrame,
    golden_target: Array | None,
    golden_scores: Array,
    dictionary: Dictionary,
) -> Profile:
    """The profile of a model that was trained on `rows` (with `target`, (rows,)) and scored the golden rows.

    `golden_target` is None where it cannot be read; the metrics are left out then.
    """
    groups = golden[dictionary.group].cast(str).to_numpy() if dictionary.group else None
    mean = float(np.mean(target))
    found: dict[str, Measured] = {}
    skills: dict[str, Measured] = {}
    if golden_target is not None and can_be_measured(dictionary.task, golden_target):
        found = measured(TABLES[dictionary.task], golden_target, golden_scores)
        skills = skills_of(TABLES[dictionary.task], golden_target, golden_scores, mean)
    clusters = None if groups is None else Clusters.of(groups)
    return Profile(
        rows=rows.height,
        target_mean=_short(mean),
        columns={name: profile_column(rows[name], name, dictionary) for name in dictionary.known},
        golden=Golden(
            rows=golden.height,
            scores=_numbers(golden_scores),
            metrics={name: _estimate(each, clusters) for name, each in found.items()},
            skills={name: _estimate(each, clusters) for name, each in skills.items()},
        ),
    )


def save_profile(folder: Path, profile: Profile) -> None:
    """Write profile.json into the artifact in `folder`; sorted and rounded, so that equal profiles are equal bytes."""
    plain = profile.model_dump(mode="json", exclude_defaults=True) | {"version": profile.version}
    write_text(folder / FILE, json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_profile(folder: Path, name: str) -> Profile:
    """The profile of the artifact in `folder`; `name` is how messages call it (`models/candidate`)."""
    file = folder / FILE
    if not file.is_file():
        raise FearlessError(
            f"{name} has no {FILE}: it was trained before there were profiles, so what it serves cannot be compared.",
            fix="Train again with `uv run fearless train --again`; the model that comes of it has one.",
        )
    try:
        return Profile.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise first_complaint(error, f"{name}/{FILE}", Profile.model_fields) from None


def profile_column(values: pl.Series, name: str, dictionary: Dictionary) -> Column:
    """The counts of one typed column."""
    column = dictionary.columns[name]
    roles = (*dictionary.key, dictionary.time, dictionary.group)
    if name in roles or column.type in ("string", "date", "datetime"):
        missing = values.null_count()
        return Column(kind="unique", missing=missing, counts=[len(values) - missing])
    if column.type in ("category", "boolean"):
        return _levels(values)
    return _numbers(as_numbers(values))


def cells_of(values: pl.Series, column: Column) -> NDArray[np.intp]:
    """(rows,) the cell of each value; the last cell, number len(counts), is for missing values."""
    import polars as pl

    if column.kind == "number":
        numbers = as_numbers(values)
        cells = np.searchsorted(np.asarray(column.edges), numbers, side="left")
        cells[np.isnan(numbers)] = len(column.counts)
        return cells
    missing, other = len(column.counts), len(column.counts) - 1
    if column.kind == "unique":
        found = pl.Series(np.zeros(len(values), dtype=np.int64))
    else:
        levels = pl.Series(column.levels, dtype=pl.String)
        found = as_words(values).replace_strict(
            levels, pl.Series(range(len(levels)), dtype=pl.Int64), default=other, return_dtype=pl.Int64
        )
    cells = found.to_numpy().astype(np.intp)
    if values.null_count():
        cells[values.is_null().to_numpy()] = missing
    return cells


def counts_of(column: Column) -> NDArray[np.int64]:
    """(cells + 1,) the reference counts, the missing values last."""
    return np.array([*column.counts, column.missing], dtype=np.int64)


def as_numbers(values: pl.Series) -> Array:
    """(rows,) float64 with NaN for missing."""
    import polars as pl

    return values.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def as_words(values: pl.Series) -> pl.Series:
    """Levels as text: truth values as `true` and `false`."""
    import polars as pl

    return values.cast(pl.String)


def can_be_measured(task: str, target: Array) -> bool:
    """Whether the metrics mean something: two rows of each class, or two different numbers."""
    if len(target) < 2:
        return False
    if task == "binary":
        return bool(2 <= target.sum() <= len(target) - 2)
    return bool(target.min() < target.max())


def measured(metrics: Mapping[str, Metric], target: Array, scores: Array) -> dict[str, Measured]:
    """Each metric that these rows give a number for; a precision without a single yes, say, has none."""
    found: dict[str, Measured] = {}
    with np.errstate(all="ignore"):
        for name, metric in metrics.items():
            each = metric.measure(target, scores)
            if _finite(each):
                found[name] = each
    return found


def skills_of(
    metrics: Mapping[str, Metric], target: Array, scores: Array, constant: float
) -> dict[str, Measured]:
    """The skill in each metric that has one: how far from always saying `constant` (0) to perfect (1)."""
    nothing = np.full(len(target), constant)
    found: dict[str, Measured] = {}
    with np.errstate(all="ignore"):
        for name, metric in metrics.items():
            if not metric.skilled:
                continue
            # A metric that knows its chance level needs no constant to be measured beside.
            base = metric.measure(target, nothing if metric.chance is None else scores)
            if metric.chance is None and not metric.missed(base).value > 0:
                continue
            each = metric.skill(metric.measure(target, scores), base)
            if _finite(each):
                found[name] = each
    return found


def _finite(found: Measured) -> bool:
    return bool(np.isfinite(found.value) and np.isfinite(found.influence).all())


def _numbers(values: Array) -> Column:
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return Column(kind="number", missing=len(values), counts=[0])
    at = np.arange(1, CELLS) / CELLS
    edges = np.unique(np.quantile(known, at, method="inverted_cdf"))
    edges = edges[edges < known.max()]  # the last cell is never empty
    counts = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return Column(
        kind="number",
        missing=len(values) - len(known),
        counts=[int(each) for each in counts],
        edges=[float(each) for each in edges],
        mean=_moment(known, np.mean),
        sd=_moment(known, np.std),
    )


def _levels(values: pl.Series) -> Column:
    counted = as_words(values).drop_nulls().alias("level").value_counts(name="rows")
    ordered = counted.sort(["rows", "level"], descending=[True, False])
    kept = ordered.filter(ordered["rows"] >= FEWEST_OF_A_LEVEL).head(CELLS)
    other = int(ordered["rows"].sum()) - int(kept["rows"].sum())
    return Column(
        kind="level",
        missing=values.null_count(),
        counts=[*kept["rows"].to_list(), other],
        levels=kept["level"].to_list(),
    )


def _estimate(found: Measured, clusters: Clusters | None) -> Estimate:
    bounds = interval(found, CONFIDENCE, clusters)
    return Estimate(
        value=_short(bounds.value), standard_error=_short(bounds.standard_error), degrees=bounds.degrees
    )


def _moment(values: Array, of: Callable[[Array], np.floating[Any]]) -> float | None:
    """Rounded, so that another order of the rows gives the same bytes; None where float64 cannot hold it."""
    with np.errstate(over="ignore", invalid="ignore"):
        found = float(of(values))
    return _short(found) if np.isfinite(found) else None


def _short(number: float) -> float:
    return float(f"{number:.12g}")
