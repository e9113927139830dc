"""Metrics of yes and no at a threshold: each is a function of how many rows fall into four cells.

A row says yes where its score is at or above the threshold. Since only counts matter, a bootstrap of the rows
is a draw from a multinomial distribution over the cells: its cost does not depend on the number of rows. For
two models the cells are those of (target, candidate, champion), so that the pairing is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fearless.gate.evidence import Draws, Evidence, Tango
from fearless.gate.intervals import Array, Measured

THRESHOLD = 0.5
DRAWS = 10_000
# Any number: a judgement must come out the same when it is repeated.
SEED = 1998
STEP = 1e-30

# Numbers of rows, or shares of them; complex in `Counted.gradient`.
Counts = NDArray[Any]


class Cells(NamedTuple):
    """How many rows are true negatives, false positives, false negatives and true positives, each an array."""

    tn: Counts
    fp: Counts
    fn: Counts
    tp: Counts

    @classmethod
    def of(cls, counts: Counts) -> Cells:
        """The cells of (..., 4) counts."""
        return cls(counts[..., 0], counts[..., 1], counts[..., 2], counts[..., 3])


Formula = Callable[[Cells], Counts]


@dataclass(frozen=True)
class Counted:
    """A metric of the four cells at a threshold. `rests_on` counts the rows that its variance depends on."""

    formula: Formula
    rests_on: Formula
    threshold: float = THRESHOLD

    def measure(self, y: Array, scores: Array) -> Measured:
        """The value with the influence of each row by the delta method, for (n,) target and scores."""
        cells = cells_of(y, scores, self.threshold)
        counts = np.bincount(cells, minlength=4)
        rows = len(y)
        influence = self.gradient(counts)[cells] / math.sqrt(rows * (rows - 1.0))
        return Measured(self.value(counts), influence, self.degrees(counts))

    def value(self, counts: Counts) -> float:
        return float(self.formula(Cells.of(counts)))

    def degrees(self, counts: Counts) -> int:
        return int(self.rests_on(Cells.of(counts))) - 1

    def gradient(self, counts: Counts) -> Array:
        """The derivative of the value by the share of each cell, (..., 4) for counts (..., 4).

        By a complex step, which is exact to the last digits (Squire and Trapp, SIAM Review 40, 1998).
        """
        shares = counts / counts.sum(axis=-1, keepdims=True)
        found = np.empty(shares.shape)
        for cell in range(4):
            moved = shares.astype(np.complex128)
            moved[..., cell] += 1j * STEP
            found[..., cell] = self.formula(Cells.of(moved)).imag / STEP
        return found

    def evidence(self, table: Table) -> Evidence:
        """The value of the first model of the table, with the bootstrap's bounds."""
        counts = table.first
        return Draws.of(
            self.value(counts), self.formula(Cells.of(table.draws_of_first)), self.degrees(counts)
        )

    def advantage(self, table: Table) -> Evidence:
        """The first model minus the second: Tango's score interval for accuracy, the bootstrap for the others."""
        if self.formula is accuracy:
            return table.tango
        value = self.value(table.first) - self.value(table.second)
        first, second = (
            self.formula(Cells.of(each)) for each in (table.draws_of_first, table.draws_of_second)
        )
        degrees = min(self.degrees(table.first), self.degrees(table.second))
        return Draws.of(value, first - second, degrees)


@dataclass(frozen=True)
class Table:
    """How many rows fall into each cell of (target, first model's yes, second model's yes), (2, 2, 2)."""

    counts: NDArray[np.intp]

    @classmethod
    def of(cls, y: Array, first: Array, second: Array, threshold: float) -> Table:
        cells = 2 * cells_of(y, first, threshold) + (second >= threshold)
        return cls(np.bincount(cells, minlength=8).reshape(2, 2, 2))

    @cached_property
    def first(self) -> NDArray[np.intp]:
        """(4,) cells of the first model."""
        return np.asarray(self.counts.sum(axis=2).reshape(4))

    @cached_property
    def second(self) -> NDArray[np.intp]:
        """(4,) cells of the second model."""
        return np.asarray(self.counts.sum(axis=1).reshape(4))

    @cached_property
    def tango(self) -> Tango:
        """The difference of the two accuracies."""
        rows = int(self.counts.sum())
        won = int(self.counts[1, 1, 0] + self.counts[0, 0, 1])
        lost = int(self.counts[1, 0, 1] + self.counts[0, 1, 0])
        return Tango(won, lost, rows)

    @cached_property
    def draws_of_first(self) -> NDArray[np.int64]:
        """(DRAWS, 4)"""
        return np.asarray(self._draws.sum(axis=3).reshape(DRAWS, 4))

    @cached_property
    def draws_of_second(self) -> NDArray[np.int64]:
        """(DRAWS, 4)"""
        return np.asarray(self._draws.sum(axis=2).reshape(DRAWS, 4))

    @cached_property
    def _draws(self) -> NDArray[np.int64]:
        rows = int(self.counts.sum())
        shares = self.counts.reshape(8) / rows
        draws = np.random.default_rng(SEED).multinomial(rows, shares, size=DRAWS)
        return draws.reshape(DRAWS, 2, 2, 2)


def cells_of(y: Array, scores: Array, threshold: float) -> NDArray[np.intp]:
    """(n,) the cell of each row: 0 true negative, 1 false positive, 2 false negative, 3 true positive."""
    cells = (y > 0.5).astype(np.intp)
    cells *= 2
    cells += scores >= threshold
    return cells


def _share(top: Counts, bottom: Counts) -> Counts:
    """top / bottom, and 0 where there is nothing to divide by, as in scikit-learn."""
    there = np.not_equal(np.real(bottom), 0)
    return np.where(there, top, 0) / np.where(there, bottom, 1)


def accuracy(rows: Cells) -> Counts:
    """The share of rows that are right."""
    return _share(rows.tp + rows.tn, every_row(rows))


def precision(rows: Cells) -> Counts:
    """The share of yes that is right; 0 for a model that never says yes."""
    return _share(rows.tp, said_yes(rows))


def recall(rows: Cells) -> Counts:
    """The share of positive rows that are found."""
    return _share(rows.tp, positive_rows(rows))


def specificity(rows: Cells) -> Counts:
    """The share of negative rows that are left alone."""
    return _share(rows.tn, negative_rows(rows))


def f1(rows: Cells) -> Counts:
    """The harmonic mean of precision and recall; 0 where nothing is positive."""
    return _share(2 * rows.tp, 2 * rows.tp + rows.fp + rows.fn)


def balanced_accuracy(rows: Cells) -> Counts:
    """The mean of recall and specificity: 0.5 for whoever does not look at the row."""
    return (recall(rows) + specificity(rows)) / 2


def mcc(rows: Cells) -> Counts:
    """Matthews' correlation of target and answer; 0 where one of them never changes (Matthews, 1975)."""
    tn, fp, fn, tp = (each * 1.0 for each in rows)  # the product of four counts outgrows an integer
    squared = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    there = np.not_equal(np.real(squared), 0)
    return np.where(there, tp * tn - fp * fn, 0) / np.sqrt(np.where(there, squared, 1))


def every_row(rows: Cells) -> Counts:
    """All of them."""
    return rows.tn + rows.fp + rows.fn + rows.tp


def positive_rows(rows: Cells) -> Counts:
    """Those that are positive."""
    return rows.tp + rows.fn


def negative_rows(rows: Cells) -> Counts:
    """Those that are negative."""
    return rows.tn + rows.fp


def said_yes(rows: Cells) -> Counts:
    """Those the model says yes to."""
    return rows.tp + rows.fp


def rarer_class(rows: Cells) -> Counts:
    """Those of the class that has fewer."""
    return np.minimum(positive_rows(rows), negative_rows(rows))
