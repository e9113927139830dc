"""The exact engine in the parts of the golden rows: every row's influence on its own part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fearless.gate.counts import Counted
from fearless.gate.intervals import Array
from fearless.gate.levels import Levels, crossed
from fearless.gate.metrics import Metric
from fearless.gate.parts import Compared, Parts, Sliced
from fearless.gate.scored import CANDIDATE, CHAMPION, Scored


@dataclass(frozen=True)
class ScoredParts:
    """The columns of `slices.by` beside golden rows that are all in memory."""

    golden: Scored
    columns: Sequence[Levels]
    _known: dict[tuple[str, str], Compared] = field(default_factory=dict)

    def compare(self, names: Sequence[str]) -> list[Compared]:
        found: list[Compared] = []
        for levels in self.columns:
            of_column = [_compare(self.golden, levels, self.golden.metric(name)) for name in names]
            self._known.update({(levels.column, each.metric.name): each for each in of_column})
            found += of_column
            self.golden.forget(levels)
        return found

    def pairs(self, name: str) -> Iterator[Compared]:
        metric = self.golden.metric(name)
        for levels in (*self.columns, *(crossed(one, other) for one, other in combinations(self.columns, 2))):
            yield self._known.get((levels.column, metric.name)) or _compare(self.golden, levels, metric)
            self.golden.forget(levels)


def parts_of(golden: Scored, levels: Levels) -> Parts:
    """How many rows, positives and groups there are in each level."""
    groups = None
    if golden.clusters is not None:
        _, part = golden.groups_within(levels, golden.clusters)
        groups = np.bincount(part, minlength=levels.count)
    return Parts(levels.column, levels.names, levels.rows, golden.positives_within(levels), groups)


def _compare(golden: Scored, levels: Levels, metric: Metric) -> Compared:
    """The two models and their difference, turned so that a positive one speaks for the candidate."""
    compared = CHAMPION in golden.scores
    parts = parts_of(golden, levels)
    sign = 1.0 if metric.better == "higher" else -1.0
    if metric.loss is not None and golden.clusters is None:
        deviation, mean = golden.deviations(CANDIDATE, metric.name)
        candidate = _means(levels, deviation, mean)
        if not compared:
            return Compared(parts, metric, candidate, None, None)
        deviation_too, mean_too = golden.deviations(CHAMPION, metric.name)
        champion = _means(levels, deviation_too, mean_too)
        np.subtract(deviation, deviation_too, out=deviation)
        deviation *= sign
        return Compared(
            parts, metric, candidate, champion, _means(levels, deviation, sign * (mean - mean_too))
        )
    values, influence, degrees = _measured(golden, levels, metric, CANDIDATE)
    candidate = Sliced(values, _errors(golden, levels, influence), degrees)
    if not compared:
        return Compared(parts, metric, candidate, None, None)
    values_too, influence_too, degrees_too = _measured(golden, levels, metric, CHAMPION)
    champion = Sliced(values_too, _errors(golden, levels, influence_too), degrees_too)
    np.subtract(influence, influence_too, out=influence)
    difference = candidate.minus(champion, _errors(golden, levels, influence), sign)
    return Compared(parts, metric, candidate, champion, difference)


def _means(levels: Levels, deviation: Array, mean: float) -> Sliced:
    """The mean of rows that stand alone in each part, from their (n,) deviations from the mean of all."""
    rows = levels.rows
    sums = levels.sums(deviation)
    squares = levels.sums(np.square(deviation)) - np.square(sums) / np.maximum(rows, 1)
    variance = np.maximum(squares, 0.0) / np.maximum(rows * (rows - 1.0), 1.0)
    return Sliced(mean + sums / np.maximum(rows, 1), np.sqrt(variance), rows - 1)


def _measured(
    golden: Scored, levels: Levels, metric: Metric, model: str
) -> tuple[Array, Array, NDArray[np.intp]]:
    """The metric in each part: values (L,), the influence of each row on its part (n,), degrees of freedom (L,)."""
    if metric.counted is not None:
        return _counted(levels, metric.counted, golden.cells(model, metric.counted.threshold))
    values, degrees = np.zeros(levels.count), np.zeros(levels.count, dtype=np.intp)
    influence = np.zeros(golden.rows)
    ranks = golden.ranks_within(model, levels) if metric.ranked is not None else []
    for at in np.flatnonzero(parts_of(golden, levels).measurable):
        if metric.ranked is not None:
            found = metric.ranked(ranks[at], influence)
        else:
            rows = levels.order[levels.segments()[at]]
            found = metric.measure(golden.y[rows], golden.scores[model][rows])
            influence[rows] = found.influence
        values[at], degrees[at] = found.value, found.degrees
    return values, influence, degrees


def _counted(
    levels: Levels, counted: Counted, cells: NDArray[np.intp]
) -> tuple[Array, Array, NDArray[np.intp]]:
    at = levels.codes * 4
    at += cells
    table = np.bincount(at, minlength=4 * levels.count).reshape(levels.count, 4)
    rows = levels.rows
    scale = 1.0 / np.sqrt(np.maximum(rows * (rows - 1.0), 1.0))
    slope = counted.gradient(table) * scale[:, None]
    values = np.array([counted.value(line) for line in table])
    degrees = np.array([counted.degrees(line) for line in table], dtype=np.intp)
    return values, slope.reshape(-1)[at], degrees


def _errors(golden: Scored, levels: Levels, influence: Array) -> Array:
    """(L,) standard errors from the influence of each row on its own part; rows of a group are added first."""
    if golden.clusters is None:
        return np.sqrt(levels.sums(np.square(influence)))
    codes, part = golden.groups_within(levels, golden.clusters)
    sums = np.bincount(codes, influence, len(part))
    groups = np.bincount(part, minlength=levels.count)
    rows = np.maximum(levels.rows, 1)
    factor = groups / np.maximum(groups - 1, 1) * (rows - 1) / rows
    return np.asarray(np.sqrt(factor * np.bincount(part, np.square(sums), levels.count)))
