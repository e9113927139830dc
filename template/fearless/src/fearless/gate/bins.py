"""Ranks without a sort: scores are counted into fine bins, and what that may hide is bounded.

Rows of one bin are taken as equal. Whatever their true order is, the AUC is then off by at most half of the pairs
within the bins, and the average precision by what the best and the worst order would give: the *certified error*. A
bin in which all rows have the very same score hides nothing. Both bounds hold for every row's influence too, and so
for the standard error, which is the length of a vector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.gate.intervals import Array

# A float64 in [0, 1] has its exponent and the first bits of its fraction above this bit: 64 cells for each power of 2.
CELL = 46
CELLS = (0x3FF0000000000000 >> CELL) + 1
INNER = 32  # bits of the place within a cell
BEYOND = 16  # cells above the highest score of the sample that are taken for inhabited


@dataclass(frozen=True)
class Bins:
    """A map of probabilities to bins that keeps their order: `base` (CELLS,) and `width` (CELLS,) for each cell."""

    base: NDArray[np.int64]
    width: NDArray[np.int64]
    count: int

    @classmethod
    def of(cls, y: Array, sample: Array, about: int) -> Bins:
        """About so many bins, where they lower the certified errors most if the rows are like the sample, (n,) each.

        At the share x of rows that score higher, with a share p of positives, a bin adds to the error of the average
        precision as p / x, and to that of the AUC as p (1 - p). A sum of errors / bins is least where there are as many
        bins as the root of the errors.
        """
        at = _bits(sample) >> CELL
        rows = np.bincount(at, minlength=CELLS)
        # Of the rows that are not in the sample some score higher than all that are, where the precision moves most.
        rows[at.max() + 1 :][:BEYOND] = 1
        positive = (np.bincount(at, y, CELLS) + 0.5) / (rows + 1.0)
        higher = (np.cumsum(rows[::-1])[::-1] - 0.5 * rows) / len(sample)
        of_precision = rows * np.sqrt(positive / np.where(rows > 0, higher, 1.0))
        of_area = rows * np.sqrt(positive * (1.0 - positive))
        share = of_precision / of_precision.sum() + of_area / of_area.sum()
        width = np.ceil(share * (about / 2.0)).astype(np.int64)
        base = np.cumsum(width) - width
        return cls(base, width, int(width.sum()) + 1)

    def __call__(self, scores: Array) -> NDArray[np.int64]:
        """(n,) the bin of each score, in 0..count-1."""
        bits = _bits(scores)
        cell = bits >> CELL
        bits &= (1 << CELL) - 1
        bits >>= CELL - INNER
        bits *= np.take(self.width, cell, mode="clip")
        bits >>= INNER
        bits += np.take(self.base, cell, mode="clip")
        return bits


class Told:
    """Which bins hold rows of several scores: one score of each is remembered, and the others are held against it."""

    def __init__(self, count: int) -> None:
        self._first = np.full(count, np.nan)
        self.mixed = np.zeros(count, dtype=np.bool_)

    def add(self, bins: NDArray[np.int64], scores: Array) -> None:
        open_ = np.flatnonzero(~self.mixed[bins])
        bins, scores = bins[open_], scores[open_]
        first = self._first[bins]
        new = np.isnan(first)
        if new.any():
            self._first[bins[new]] = scores[new]
            first = self._first[bins]
        self.mixed[bins[first != scores]] = True

    @property
    def occupied(self) -> NDArray[np.bool_]:
        return np.asarray(~np.isnan(self._first))

    def merged(self, shift: int) -> NDArray[np.bool_]:
        """Which bins are mixed when 2^shift neighbours become one."""
        if shift == 0:
            return self.mixed
        starts = np.arange(0, len(self.mixed), 1 << shift)
        several = np.add.reduceat(self.occupied.astype(np.intp), starts) > 1
        return np.asarray(several | np.logical_or.reduceat(self.mixed, starts))


@dataclass(frozen=True)
class Binned:
    """Rows counted by bin and class, (bins, 2), in the place of `Ranks`: the metrics of ranks take both.

    `mixed` (bins,) says where rows of several scores may be in one bin.
    """

    counts: NDArray[Any]
    mixed: NDArray[np.bool_]

    @cached_property
    def there(self) -> NDArray[np.intp]:
        """The bins that have rows."""
        return np.flatnonzero(self.counts[:, 0] + self.counts[:, 1])

    @cached_property
    def sizes(self) -> Array:
        return np.asarray((self.counts[:, 0] + self.counts[:, 1])[self.there], dtype=np.float64)

    @cached_property
    def tied(self) -> Array:
        return np.asarray(self.counts[self.there, 1], dtype=np.float64)

    @cached_property
    def starts(self) -> Array:
        return np.asarray(np.cumsum(self.sizes) - self.sizes)

    @cached_property
    def below(self) -> Array:
        return np.asarray(np.cumsum(self.tied) - self.tied)

    @cached_property
    def rows(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def positives(self) -> int:
        return int(self.counts[:, 1].sum())

    @cached_property
    def hides(self) -> NDArray[np.bool_]:
        return self.mixed[self.there]

    def by_row(self, of_positive: Array, of_negative: Array, into: NDArray[Any] | None) -> NDArray[Any]:
        """(2 bins,) the number of each bin and class, that of class 1 behind that of class 0."""
        found = np.zeros(2 * len(self.counts)) if into is None else into
        found[2 * self.there] = of_negative
        found[2 * self.there + 1] = of_positive
        return found


def auc_errors(ranks: Binned) -> tuple[float, float]:
    """How far the AUC, and the vector of its influences, may be from those of the true order."""
    m = ranks.positives
    n = ranks.rows - m
    up = ranks.tied[ranks.hides]
    down = ranks.sizes[ranks.hides] - up
    value = float(np.sum(up * down)) / (2.0 * m * n)
    # A positive row may have all or none of its bin's negatives below it, where half were counted; and so on.
    of_positive = float(np.sum(up * np.square(down / (2.0 * n)))) / (m * (m - 1.0))
    of_negative = float(np.sum(down * np.square(up / (2.0 * m)))) / (n * (n - 1.0))
    return value, math.sqrt(of_positive + of_negative)


def average_precision_errors(ranks: Binned) -> tuple[float, float]:
    """How far the average precision, and the vector of its influences, may be from those of the true order.

    With A positives among M rows above a bin of p positives and q negatives, a positive row of the bin has a precision
    from (A + 1) / (M + q + 1), when all negatives come first, to (A + p) / (M + p), when none does.
    """
    n, m = ranks.rows, ranks.positives
    p, size = ranks.tied, ranks.sizes
    above = m - ranks.below - p
    rows_above = n - ranks.starts - size
    precision = (above + p) / (rows_above + size)
    hides = ranks.hides & (p > 0)
    lowest = np.where(hides, (above + 1.0) / (rows_above + size - p + 1.0), precision)
    highest = np.where(hides, (above + p) / np.maximum(rows_above + p, 1.0), precision)
    # The worst order is concave in the place of the positive row, so that its mean is at least that of the ends. In the
    # best one all may have the very same score, and with it the highest precision.
    value = max(float(np.sum(p * (highest - precision))), float(np.sum(p * (precision - lowest))) / 2.0) / m
    # The influence of a row adds up, over the positive rows at or below it, shares of 1 / (rows at or above them). In
    # one bin these are at least p / (M + p + q), and at most 1 / (M + 1) + ... + 1 / (M + p), below an integral.
    least = p / (rows_above + size)
    longest = np.where(hides, np.log1p(p / (rows_above + 0.5)), least)
    of_negative = _summed(hides, precision * least, lowest * least, highest * longest)
    of_positive = _summed(hides, (1.0 - precision) * least, (1.0 - highest) * least, (1.0 - lowest) * longest)
    of_positive += np.maximum(highest - precision, precision - lowest) + value
    scale = math.sqrt(n / (n - 1.0)) / m
    total = float(np.sum(p * np.square(of_positive)) + np.sum((size - p) * np.square(of_negative)))
    return value, scale * math.sqrt(total)


def _summed(hides: NDArray[np.bool_], taken: Array, low: Array, high: Array) -> Array:
    """How far a sum over positive rows of this and the lower bins may be off, where each bin's is from low to high."""
    apart = np.maximum(high - taken, taken - low)
    # Of the own bin all was taken, and in the true order any part of it may lie at or below the row.
    return np.asarray(np.cumsum(apart) - apart + np.where(hides, np.maximum(high, taken), 0.0))


ERRORS = {"roc_auc": auc_errors, "average_precision": average_precision_errors}


def _bits(scores: Array) -> NDArray[np.int64]:
    """The bits of each number as an integer, which for numbers of 0 and above keeps their order."""
    return (scores + 0.0).view(np.int64)  # a negative zero becomes a plain one
