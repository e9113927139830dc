"""What metrics of ranks need of the rows: how many are in each bin, then the influence of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fearless.gate.bins import ERRORS, Binned, Told
from fearless.gate.blocks import Blocks
from fearless.gate.intervals import Array, Measured
from fearless.gate.metrics import ByRank, Metric
from fearless.gate.moments import root_of

# Cells of bins and levels that are counted at a time: what they take is all the memory that ranks need.
# As many as keep what they hide small beside a standard error, which falls with the root of the rows.
CELLS_A_ROOT, MOST_CELLS = 80, 1 << 20
# Influences are looked up in float32, which takes half of the memory: each is off by at most 2^-24 of itself, their
# difference and its square by as much again.
ROUNDING = 2.0**-22


@dataclass(frozen=True)
class Column:
    """A column of the slices: the names of its levels in the order of their numbers on disk."""

    name: str
    names: tuple[str, ...]

    @property
    def kept(self) -> str:
        """What the levels of the rows are called on disk."""
        return kept_of(self.name)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """The numbers in the order of their names, which is the order of every report."""
        return np.argsort(np.array(self.names))


@dataclass(frozen=True)
class Ranked:
    """A metric of ranks in each of L parts, for each model: values, squares of the influences, certified errors.

    Each is (models, L); `apart` (L,) holds the squares of the differences of the influences of the first two models,
    `degrees` (L,) those of freedom; `by_class` (models, 2) the sums of the influences of each class over all rows.
    """

    metric: Metric
    models: Sequence[str]
    values: Array
    squares: Array
    apart: Array
    value_errors: Array
    influence_errors: Array
    degrees: NDArray[np.intp]
    by_class: Array

    def measure(self, which: int, part: int, ranks: Binned) -> NDArray[np.float32]:
        """Enter what the ranks of one model say of one part; gives the influences of each bin and class, (2 bins,)."""
        measured = _by_rank(self.metric)(ranks, None)
        table = measured.influence.astype(np.float32)
        self.values[which, part], self.degrees[part] = measured.value, measured.degrees
        weighed = ranks.counts.reshape(-1) * table.astype(np.float64)
        self.squares[which, part] = float(np.einsum("n,n->", weighed, table))
        self.by_class[which] += weighed.reshape(-1, 2).sum(axis=0)
        value, influence = ERRORS[self.metric.name](ranks)
        self.value_errors[which, part] = value
        self.influence_errors[which, part] = influence + ROUNDING * math.sqrt(self.squares[which, part])
        return table

    def measured(self, model: str, positives: int, rows: int) -> Measured:
        """The metric of one model on all rows, where there is one part.

        The influences of candidate, champion and of the constant baseline have three coordinates. Those of the baseline
        depend on the class alone, so that their products with the others are known from sums.
        """
        squares, apart = self.squares[:, 0], float(self.apart[0])
        p, q = positives, rows - positives
        constant = _by_rank(self.metric)(Binned(np.array([[q, p]]), np.zeros(1, dtype=np.bool_)), None)
        known = constant.influence
        own = float(q * known[0] ** 2 + p * known[1] ** 2)
        with_constant = self.by_class @ known
        products = np.array([[squares[0], with_constant[0]], [with_constant[0], own]])
        if len(self.models) > 1:
            # The first model, how it differs from the second, and the constant one.
            most = math.sqrt(squares[0] * apart)  # what was rounded must not be more than can be
            first_apart = min(max((squares[0] + apart - squares[1]) / 2.0, -most), most)
            apart_constant = with_constant[0] - with_constant[1]
            products = np.array(
                [
                    [squares[0], first_apart, with_constant[0]],
                    [first_apart, apart, apart_constant],
                    [with_constant[0], apart_constant, own],
                ]
            )
        root = root_of(products)
        if model not in self.models:
            return Measured(constant.value, root[-1], constant.degrees)
        at = list(self.models).index(model)
        influence = root[0] if at == 0 else root[0] - root[1]
        return Measured(
            float(self.values[at, 0]),
            influence,
            int(self.degrees[0]),
            float(self.value_errors[at, 0]),
            float(self.influence_errors[at, 0]),
        )


def kept_of(column: str) -> str:
    """What the levels of a column are called on disk, where a column may have the name of a model."""
    return f"level of {column}"


def bin_of(model: str) -> str:
    """What the bins of a model's scores are called on disk: each is twice the bin, and 1 more in a positive row."""
    return f"bin of {model}"


def rank(
    blocks: Blocks,
    column: Column | None,
    models: Sequence[str],
    told: Mapping[str, Told],
    metrics: Mapping[str, Metric],
) -> dict[str, Ranked]:
    """Metrics of ranks in each level of the column, in the order of the names, or of all rows without one.

    The blocks hold the level of each row and the bin of its score from each model. What is counted and looked up lies
    bin by bin, and within a bin class by class and level by level, since rows come by ascending score.
    """
    levels = 1 if column is None else len(column.names)
    bins = {model: len(told[model].mixed) for model in models}
    rows = sum(blocks.rows(block, bin_of(models[0])) for block in range(len(blocks)))
    most = min(int(CELLS_A_ROOT * math.sqrt(rows)), MOST_CELLS)
    shift = 0
    while levels > 1 and levels * max((each >> shift) + 1 for each in bins.values()) > most:
        shift += 1
    width = {model: (bins[model] - 1 >> shift) + 1 for model in models}
    mixed = {model: told[model].merged(shift) for model in models}
    counts = {model: np.zeros(levels * width[model] * 2, dtype=np.int32) for model in models}
    for block in range(len(blocks)):
        for model, cells in _cells(blocks, block, column, models, shift).items():
            np.add.at(counts[model], cells, np.int32(1))
    order = np.zeros(1, dtype=np.intp) if column is None else column.order
    # The influences of a row by all metrics lie side by side, so that one look finds them.
    tables = [np.zeros((len(each), len(metrics)), dtype=np.float32) for each in counts.values()]
    found = {name: _unmeasured(metric, models, levels) for name, metric in metrics.items()}
    for which, model in enumerate(models):
        by_level = counts[model].reshape(-1, levels)
        for part, level in enumerate(order):
            ranks = Binned(np.ascontiguousarray(by_level[:, level]).reshape(-1, 2), mixed[model])
            if min(ranks.positives, ranks.rows - ranks.positives) >= 2:
                by_metric = tables[which].reshape(-1, levels, len(metrics))
                for at, each in enumerate(found.values()):
                    by_metric[:, level, at] = each.measure(which, part, ranks)
    if len(models) > 1:
        for block in range(len(blocks)):
            ours, theirs = _cells(blocks, block, column, models, shift).values()
            level = None if column is None else blocks.read(block, column.kept)
            apart = np.take(tables[0], ours, axis=0, mode="clip")  # without a second look at each index
            apart -= np.take(tables[1], theirs, axis=0, mode="clip")
            np.square(apart, out=apart)
            for at, each in enumerate(found.values()):
                squares = apart[:, at]
                sums = (
                    np.array([squares.sum(dtype=np.float64)])
                    if level is None
                    else np.bincount(level, squares, levels)
                )
                each.apart[:] += sums[order]
    return found


def _cells(
    blocks: Blocks,
    block: int,
    column: Column | None,
    models: Sequence[str],
    shift: int,
) -> dict[str, NDArray[np.intp]]:
    """For each model (n,) the cell of each row: bin, class, level."""
    level = None if column is None else blocks.read(block, column.kept)
    found = {}
    for model in models:
        codes = blocks.read(block, bin_of(model))
        if shift:
            positive = codes & np.uint32(1)
            codes >>= np.uint32(shift + 1)
            codes <<= np.uint32(1)
            codes |= positive
        if column is not None and level is not None:
            codes *= np.uint32(len(column.names))
            codes += level
        at = codes.astype(np.intp)
        found[model] = at
    return found


def _unmeasured(metric: Metric, models: Sequence[str], levels: int) -> Ranked:
    values, squares, value_errors, influence_errors = (np.zeros((len(models), levels)) for _ in range(4))
    degrees = np.zeros(levels, dtype=np.intp)
    by_class = np.zeros((len(models), 2))
    return Ranked(
        metric, models, values, squares, np.zeros(levels), value_errors, influence_errors, degrees, by_class
    )


def _by_rank(metric: Metric) -> ByRank:
    if metric.ranked is None:
        raise ValueError(f"{metric.name} is no metric of ranks")
    return metric.ranked
