"""The streaming engine in the parts of the golden rows: from sums in cells, and from ranks level by level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fearless.gate.counts import Counted
from fearless.gate.grid import Grid
from fearless.gate.intervals import Array, difference
from fearless.gate.metrics import Metric
from fearless.gate.moments import Moments
from fearless.gate.parts import Compared, Parts, Sliced
from fearless.gate.rank_pass import Column, Ranked
from fearless.gate.scored import CANDIDATE, CHAMPION
from fearless.gate.streamed import Streamed


@dataclass(frozen=True)
class StreamedParts:
    """The columns of `slices.by` beside golden rows that are measured block by block."""

    golden: Streamed
    _known: dict[tuple[str, str], Compared] = field(default_factory=dict)

    def compare(self, names: Sequence[str]) -> list[Compared]:
        found: list[Compared] = []
        for column in self.golden.columns:
            ranked = self.golden.ranked_in(
                column, [each for each in names if self.golden.metric(each).ranked]
            )
            for name in names:
                compared = self._compared([column], self.golden.metric(name), ranked.get(name))
                self._known[column.name, name] = compared
                found.append(compared)
        return found

    def pairs(self, name: str) -> Iterator[Compared]:
        metric = self.golden.metric(name)
        for column in self.golden.columns:
            yield self._known.get((column.name, name)) or self._compared([column], metric, None)
        for pair in combinations(self.golden.columns, 2):
            yield self._compared(pair, metric, None)

    def _compared(self, columns: Sequence[Column], metric: Metric, ranked: Ranked | None) -> Compared:
        grid = next(each for each in self.golden.grids if each.has(columns))
        parts, there = _parts(grid, columns)
        sign = 1.0 if metric.better == "higher" else -1.0
        if ranked is not None:
            measured = _ranked(ranked, sign)
            if CHAMPION in self.golden.alike and measured[2] is not None:
                measured = (*measured[:2], replace(measured[2], value_errors=0.0, error_errors=0.0))
        elif metric.counted is not None:
            table = grid.table_of(metric.counted.threshold, columns)[there]
            measured = _counted(metric.counted, table, len(self.golden.judged) > 1)
        else:
            sums, products = grid.moments_of(metric.name, columns)
            sums, products = sums[:, there], products[:, :, there]
            if metric.loss is not None:
                measured = _means(grid.shifts[metric.name], parts.rows, sums, products, sign)
            else:
                measured = self._formed(metric, grid.shifts[metric.name], parts, sums, products, sign)
        return Compared(parts, metric, *measured)

    def _formed(
        self, metric: Metric, shift: Array, parts: Parts, sums: Array, products: Array, sign: float
    ) -> tuple[Sliced, Sliced | None, Sliced | None]:
        levels, compared = len(parts.rows), CHAMPION in self.golden.scores
        values, errors = np.zeros((3, levels)), np.zeros((3, levels))
        for at in np.flatnonzero(parts.measurable):
            means = Moments(shift, int(parts.rows[at]), sums[:, at], products[:, :, at]).measured()
            found = [self.golden.sums.combined(metric.name, CANDIDATE, means)]
            if compared:
                found.append(self.golden.sums.combined(metric.name, CHAMPION, means))
                found.append(difference(*found))
            for which, each in enumerate(found):
                values[which, at], errors[which, at] = each.value, float(np.linalg.norm(each.influence))
        degrees = parts.rows - 1
        candidate = Sliced(values[0], errors[0], degrees)
        if not compared:
            return candidate, None, None
        champion = Sliced(values[1], errors[1], degrees)
        return candidate, champion, candidate.minus(champion, errors[2], sign)


def _parts(grid: Grid, columns: Sequence[Column]) -> tuple[Parts, NDArray[np.intp]]:
    """The parts of one or two columns, and where they are among all that might be: a pair may have no row."""
    rows, positives = grid.rows_of(columns), grid.positives_of(columns)
    names = [tuple(column.names[at] for at in column.order) for column in columns]
    named = (
        list(names[0]) if len(names) == 1 else [f"{one}, {other}" for one in names[0] for other in names[1]]
    )
    there = np.flatnonzero(rows) if len(columns) > 1 else np.arange(len(rows))
    parts = Parts(
        ", ".join(column.name for column in columns),
        tuple(named[at] for at in there),
        rows[there],
        None if positives is None else positives[there],
    )
    return parts, there


def _means(
    shift: Array, rows: NDArray[np.intp], sums: Array, products: Array, sign: float
) -> tuple[Sliced, Sliced | None, Sliced | None]:
    """Means of row losses; the second column is how much more the candidate's are than the champion's."""
    n = np.maximum(rows, 1)
    means = shift[:, None] + sums / n

    def errors(sum_: Array, square: Array) -> Array:
        variance = np.maximum(square - np.square(sum_) / n, 0.0) / np.maximum(rows * (rows - 1.0), 1.0)
        return np.asarray(np.sqrt(variance))

    candidate = Sliced(means[0], errors(sums[0], products[0, 0]), rows - 1)
    if len(sums) == 1:
        return candidate, None, None
    square = products[0, 0] - 2.0 * products[0, 1] + products[1, 1]
    champion = Sliced(means[0] - means[1], errors(sums[0] - sums[1], square), rows - 1)
    apart = Sliced(sign * means[1], errors(sums[1], products[1, 1]), rows - 1)
    return candidate, champion, apart


def _counted(
    counted: Counted, table: NDArray[np.intp], compared: bool
) -> tuple[Sliced, Sliced | None, Sliced | None]:
    """A metric of yes and no, from the rows in eight cells of each part."""
    cell = np.arange(8)
    rows = table.sum(axis=1)
    scale = 1.0 / np.sqrt(np.maximum(rows * (rows - 1.0), 1.0))
    found: list[Sliced] = []
    slopes: list[Array] = []
    for says in (cell // 2 % 2, cell % 2):
        own = 2 * (cell // 4) + says
        counts = np.zeros((len(table), 4), dtype=np.intp)
        for at in range(8):
            counts[:, own[at]] += table[:, at]
        slope = (counted.gradient(counts) * scale[:, None])[:, own]
        slopes.append(slope)
        found.append(
            Sliced(
                np.array([counted.value(line) for line in counts]),
                np.sqrt(np.sum(table * np.square(slope), axis=1)),
                np.array([counted.degrees(line) for line in counts], dtype=np.intp),
            )
        )
    candidate, champion = found
    if not compared:
        return candidate, None, None
    errors = np.sqrt(np.sum(table * np.square(slopes[0] - slopes[1]), axis=1))
    return candidate, champion, candidate.minus(champion, errors, 1.0)


def _ranked(ranked: Ranked, sign: float) -> tuple[Sliced, Sliced | None, Sliced | None]:
    found = [
        Sliced(values, np.sqrt(squares), ranked.degrees, of_value, of_influence)
        for values, squares, of_value, of_influence in zip(
            ranked.values, ranked.squares, ranked.value_errors, ranked.influence_errors, strict=True
        )
    ]
    if len(found) == 1:
        return found[0], None, None
    return found[0], found[1], found[0].minus(found[1], np.sqrt(ranked.apart), sign)
