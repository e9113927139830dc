"""Whether a probability means what it says: of the rows scored around 0.3, do three in ten turn out positive?

The expected calibration error (ECE) is the mean distance, over bins of equally many rows, between the mean
score and the share of positives. Measured on few rows it is too large: luck alone moves the share of every
bin away, and a distance has no sign by which luck could cancel. So the gate takes the luck off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fearless.gate.intervals import Array, Clusters, Interval

BINS = 10
DRAWS = 4000
HALVINGS = 20
SEED = 2015


@dataclass(frozen=True)
class Calibration:
    """The reliability curve: for each of b bins its rows, mean score and share of positives, each (b,).

    `covariance` (b, b) is that of the gaps between the last two; `rarer` counts the rows of the rarer class.
    """

    rows: NDArray[np.intp]
    score: Array
    rate: Array
    covariance: Array
    rarer: int

    @classmethod
    def of(cls, y: Array, scores: Array, clusters: Clusters | None = None) -> Calibration:
        """The curve of (n,) scores beside the (n,) target, which is 0 or 1; equal scores share a bin."""
        at = places(len(scores))
        sums = Sums(np.unique(np.partition(scores, at)[at]))
        sums.add(y, scores)
        found = sums.calibration()
        if clusters is None:
            return found
        shown, least = sums.variances()
        wider = np.sqrt(np.maximum(least / np.maximum(shown, np.finfo(np.float64).tiny), 1.0))
        bins = sums.bins_of(scores)
        covariance = _together(y, scores, bins, found.rows, found.rate - found.score, clusters)
        return replace(found, covariance=covariance * np.outer(wider, wider))

    @cached_property
    def measured(self) -> float:
        """The ECE as it is usually given, with the luck in it."""
        return float(np.dot(self._weights, np.abs(self.rate - self.score)))

    @cached_property
    def value(self) -> float:
        """The ECE with the luck taken off.

        By a parametric bootstrap over the bins: gaps are drawn around those that are left when each gap gives
        up its own variance (d^2 - s^2, at least 0), and the ECE of the draws is compared with the ECE of
        what they were drawn around. By the mean of that the measured ECE is too large.
        """
        gaps = self.rate - self.score
        left = np.sqrt(np.maximum(np.square(gaps) - np.diag(self.covariance), 0.0)) * np.sign(gaps)
        too_large = float(np.mean(self._drawn(left))) - float(np.dot(self._weights, np.abs(left)))
        return max(self.measured - too_large, 0.0)

    @property
    def degrees(self) -> int:
        return self.rarer - 1

    def interval(self, confidence: float) -> Interval:
        """Bounds of the ECE: the smallest and the largest one with which the measured ECE is not surprising.

        How much luck adds depends on how the error is spread, since a gap far from 0 has little of it. So each
        bound takes the spread that is worst for it: for `lower` all error in one bin, where luck adds most, for
        `upper` the same gap in each, where it adds least (by the convexity of E|d + luck| in d). A calibrated
        model then has a `lower` above 0 no more often than 1 - confidence, on however few rows.
        """
        one = np.zeros(len(self.rows))
        quietest = int(np.argmin(self._weights * np.sqrt(np.diag(self.covariance))))
        one[quietest] = 1.0 / self._weights[quietest]
        lower = self._error_at(one, confidence)
        upper = self._error_at(np.ones(len(self.rows)), 1.0 - confidence)
        spread = float(np.std(self._drawn(self.rate - self.score)))
        return Interval(self.value, spread, min(lower, self.value), max(upper, self.value), self.degrees)

    def _error_at(self, direction: Array, probability: float) -> float:
        """The ECE, spread as `direction`, under which the measured one is this quantile of what luck makes of it."""
        low, high = 0.0, 1.0
        if np.quantile(self._drawn(low * direction), probability) >= self.measured:
            return 0.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if np.quantile(self._drawn(middle * direction), probability) < self.measured:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def _drawn(self, gaps: Array) -> Array:
        """(DRAWS,) the ECE that is measured where the true gaps are these."""
        drawn: Array = np.abs(gaps + self._luck) @ self._weights
        return drawn

    @cached_property
    def _luck(self) -> Array:
        """(DRAWS, b) how far luck moves each gap."""
        draws = np.random.default_rng(SEED).standard_normal((DRAWS, len(self.rows)))
        return np.asarray(np.einsum("di,bi->db", draws, _root(self.covariance)))

    @property
    def _weights(self) -> Array:
        shares: Array = self.rows / self.rows.sum()
        return shares


class Sums:
    """What is added up in each bin; rows at or above `edges[i]` lie above it."""

    def __init__(self, edges: Array) -> None:
        self.edges = edges
        # For each bin: rows, scores, positives, squared distances of the two, and variances of a calibrated model.
        self._sums = np.zeros((5, len(edges) + 1))

    def add(self, y: Array, scores: Array) -> None:
        """Take in (n,) rows."""
        bins = self._bins(scores)
        for line, weights in zip(
            self._sums, (None, scores, y, np.square(y - scores), scores * (1.0 - scores)), strict=True
        ):
            line += np.bincount(bins, weights, len(line))

    def bins_of(self, scores: Array) -> NDArray[np.intp]:
        """(n,) the bin of each row among those that have rows."""
        return self._bins(scores) - int(np.flatnonzero(self._sums[0])[0])

    def calibration(self) -> Calibration:
        """The curve of rows that stand alone."""
        rows, scores, positives, _, _ = self._there()
        shown, least = self.variances()
        covariance = np.diag(np.maximum(shown, least))
        of_one = round(float(positives.sum()))
        rarer = min(of_one, int(rows.sum()) - of_one)
        return Calibration(rows.astype(np.intp), scores / rows, positives / rows, covariance, rarer)

    def variances(self) -> tuple[Array, Array]:
        """The variance of each gap: (b,) what the rows show, and (b,) what a calibrated model would have.

        A bin in which nothing was positive shows hardly any, so the second is the least to reckon with.
        """
        rows, scores, positives, apart, spread = self._there()
        squares = apart / rows - np.square((positives - scores) / rows)
        shown: Array = np.maximum(squares, 0.0) / np.maximum(rows - 1, 1)
        least: Array = spread / np.square(rows)
        return shown, least

    def _there(self) -> Array:
        """The sums of the bins that have rows: where an edge is the lowest score of all, nothing lies below it."""
        found: Array = self._sums[:, self._sums[0] > 0]
        return found

    def _bins(self, scores: Array) -> NDArray[np.intp]:
        bins = np.zeros(len(scores), dtype=np.uint8)
        for edge in self.edges:
            bins += scores >= edge
        return bins.astype(np.intp)


def places(rows: int) -> NDArray[np.intp]:
    """Which rows, in the order of their scores, are the lowest of a bin: BINS of them with equally many rows."""
    return np.arange(1, BINS) * rows // BINS


def _together(
    y: Array,
    scores: Array,
    bins: NDArray[np.intp],
    rows: NDArray[np.intp],
    gaps: Array,
    clusters: Clusters,
) -> Array:
    """(b, b) the covariance of the gaps where the rows of a cluster are one piece of evidence."""
    influence = (y - scores - gaps[bins]) / rows[bins]
    cells = clusters.codes * len(rows) + bins
    sums = np.bincount(cells, influence, clusters.count * len(rows)).reshape(clusters.count, len(rows))
    # einsum starts no threads, which cost more than they bring for arrays this narrow.
    found: Array = np.einsum("gi,gj->ij", sums, sums) * clusters.count / max(clusters.count - 1, 1)
    return found


def _root(covariance: Array) -> Array:
    """A matrix whose product with its transpose is the covariance, which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    root: Array = vectors * np.sqrt(np.maximum(values, 0.0))
    return root
