"""Metrics that depend on the order of the scores alone. One sort serves them all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fearless.gate.intervals import Array, Measured


class Ordered(Protocol):
    """Rows in ascending order of their scores, gathered by equal scores: what a metric of ranks needs of them."""

    @property
    def rows(self) -> int: ...

    @property
    def positives(self) -> int: ...

    @property
    def starts(self) -> NDArray[Any]:
        """How many rows lie below each score."""
        ...

    @property
    def sizes(self) -> NDArray[Any]:
        """How many rows share each score."""
        ...

    @property
    def below(self) -> Array:
        """How many positive rows lie below each score."""
        ...

    @property
    def tied(self) -> Array:
        """How many positive rows have each score."""
        ...

    def by_row(self, of_positive: Array, of_negative: Array, into: NDArray[Any] | None) -> NDArray[Any]:
        """Numbers for each score and class, as influences."""
        ...


@dataclass(frozen=True)
class Ranks:
    """n rows in ascending order of their scores: `order` (n,), `positive` (n,) and the `starts` of equal scores.

    `order` says where each of them lies among all rows, which for the ranks of a part are more than n.
    """

    order: NDArray[np.intp]
    positive: NDArray[np.bool_]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, y: Array, scores: Array) -> Ranks:
        """The ranks of (n,) scores beside the (n,) target, which is 0 or 1."""
        order = np.argsort(scores)
        return cls.of_ordered(order, (y > 0.5)[order], scores[order])

    @classmethod
    def of_ordered(cls, order: NDArray[np.intp], positive: NDArray[np.bool_], ordered: Array) -> Ranks:
        """The ranks of rows that are in order already, with their scores in that order."""
        changes = np.empty(len(ordered), dtype=np.bool_)
        changes[:1] = True
        np.not_equal(ordered[1:], ordered[:-1], out=changes[1:])
        return cls(order, positive, np.flatnonzero(changes))

    @property
    def rows(self) -> int:
        return len(self.order)

    @cached_property
    def sizes(self) -> NDArray[np.intp]:
        """How many rows share each score."""
        return np.diff(self.starts, append=self.rows)

    @cached_property
    def below(self) -> Array:
        """How many positive rows lie below each score."""
        one = self.positive.astype(np.int32)  # numpy adds these up ten times as fast as truth values
        before = np.cumsum(one, dtype=np.int32)
        before -= one
        return (before if len(self.starts) == self.rows else before[self.starts]).astype(np.float64)

    @cached_property
    def tied(self) -> Array:
        """How many positive rows have each score."""
        if len(self.starts) == self.rows:
            return self.positive.astype(np.float64)
        return np.diff(self.below, append=self.positives)

    @cached_property
    def positives(self) -> int:
        return int(np.count_nonzero(self.positive))

    def by_row(self, of_positive: Array, of_negative: Array, into: NDArray[Any] | None) -> NDArray[Any]:
        """One number for each score and class, put at the rows' own places in `into` (a new array without one)."""
        if len(self.starts) < self.rows:
            of_positive, of_negative = (np.repeat(each, self.sizes) for each in (of_positive, of_negative))
        found = np.empty(self.rows) if into is None else into
        found[self.order] = np.where(self.positive, of_positive, of_negative)
        return found


def roc_auc(ranks: Ordered, into: NDArray[Any] | None = None) -> Measured:
    """Area under the ROC curve: P(score of a positive > score of a negative), a tie counts one half.

    The influences are DeLong's structural components: for a positive row the share of negatives below it,
    for a negative row the share of positives above it. One sort gives all of them, ties exactly (as with
    midranks; Sun and Xu, IEEE Signal Processing Letters 21, 2014). Needs two rows of each class. The degrees
    of freedom are those of the rarer class, the lower end of Welch and Satterthwaite's.
    """
    m = ranks.positives
    n = ranks.rows - m
    # Rows below each score, half of the equal ones counted: of both classes, and of the positive one.
    middle = 0.5 * ranks.sizes
    middle += ranks.starts
    of_negative = 0.5 * ranks.tied
    of_negative += ranks.below
    of_positive = np.subtract(middle, of_negative, out=middle)
    # Halves of a pair add up without rounding: the value does not depend on the order of the rows.
    value = _summed(ranks.tied, of_positive) / (m * n)
    of_positive /= n
    of_positive -= value
    of_positive /= math.sqrt(m * (m - 1.0))
    of_negative /= -m
    of_negative += 1.0 - value
    of_negative /= math.sqrt(n * (n - 1.0))
    return Measured(value, ranks.by_row(of_positive, of_negative, into), min(m, n) - 1)


def average_precision(ranks: Ordered, into: NDArray[Any] | None = None) -> Measured:
    """Area under the precision-recall curve as a sum of steps, as scikit-learn's average_precision_score.

    It is the mean, over positive rows, of the precision among rows that score at least as high. The
    influences are the infinitesimal jackknife: the derivative by the weight of each row, which acts through
    its own precision and through that of every positive row below it (Efron, The Jackknife, the Bootstrap
    and Other Resampling Plans, 1982, chapter 6). Needs two positive rows; the degrees of freedom are theirs.
    """
    m, n = ranks.positives, ranks.rows
    per_row = 1.0 / (n - ranks.starts)
    precision = (m - ranks.below) * per_row
    value = _summed(ranks.tied, precision) / m
    scale = math.sqrt(n / (n - 1.0)) / m
    weight = np.multiply(ranks.tied, per_row, out=per_row)
    of_negative = np.cumsum(weight * precision)
    of_negative *= -scale
    of_positive = np.cumsum(weight)
    of_positive += precision
    of_positive -= value
    of_positive *= scale
    of_positive += of_negative
    return Measured(value, ranks.by_row(of_positive, of_negative, into), min(m, n - m) - 1)


def _summed(one: Array, other: Array) -> float:
    """The inner product. einsum starts no threads, whose waiting costs more than the product."""
    return float(np.einsum("n,n->", one, other))
