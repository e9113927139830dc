"""What is known of one number, whatever it was measured with: a value, and bounds at any confidence.

Four kinds. `Rows`: the influence of each row, hence Student's t. `Spread`: a value with a standard error that
somebody else found. `Tango`: the score interval for a difference of two paired shares. `Draws`: a bootstrap.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fearless.gate.intervals import Array, Clusters, Interval, Measured, interval, t_quantile

# Fewer draws than this beyond a bound say little about where it is: the normal tail says it better.
TAIL_DRAWS = 20
HALVINGS = 60


class Evidence(Protocol):
    """A value with bounds; `degrees` + 1 pieces of evidence stand behind it."""

    @property
    def value(self) -> float: ...

    @property
    def degrees(self) -> int: ...

    def interval(self, confidence: float) -> Interval:
        """The one-sided bounds, each at `confidence`."""
        ...


@dataclass(frozen=True)
class Rows:
    """An estimate with the influence of each row on it; rows of one cluster are taken together."""

    measured: Measured
    clusters: Clusters | None = None

    @property
    def value(self) -> float:
        return self.measured.value

    @property
    def degrees(self) -> int:
        return self.measured.degrees

    def interval(self, confidence: float) -> Interval:
        return interval(self.measured, confidence, self.clusters)


@dataclass(frozen=True)
class Spread:
    """An estimate with its standard error and the degrees of freedom of that."""

    value: float
    standard_error: float
    degrees: int

    def interval(self, confidence: float) -> Interval:
        reach = 0.0
        if self.standard_error > 0 and self.degrees > 0:
            reach = t_quantile(confidence, self.degrees) * self.standard_error
        return Interval(self.value, self.standard_error, self.value - reach, self.value + reach, self.degrees)


@dataclass(frozen=True)
class Tango:
    """The difference of two shares on the same n rows: `won` rows that only the first has right, `lost` only the other.

    Bounds are those differences at which the score statistic, with its variance under that very difference,
    is as large as the normal quantile. At few discordant rows it keeps its level where the plain standard
    error is far too small. At a difference of 0 it is McNemar's test. Source: Tango, Statistics in Medicine
    17 (1998), 891-908.
    """

    won: int
    lost: int
    rows: int

    @property
    def value(self) -> float:
        return (self.won - self.lost) / self.rows

    @property
    def degrees(self) -> int:
        return self.rows - 1

    def interval(self, confidence: float) -> Interval:
        quantile = NormalDist().inv_cdf(confidence)
        share = (self.won + self.lost) / self.rows
        error = math.sqrt(max(share - self.value**2, 0.0) / self.rows)
        lower = self._where(quantile, -1.0, self.value)
        upper = self._where(-quantile, self.value, 1.0)
        return Interval(self.value, error, lower, upper, self.degrees)

    def _where(self, quantile: float, low: float, high: float) -> float:
        """The difference between `low` and `high` at which the statistic, which falls with it, is `quantile`."""
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self.statistic(middle) > quantile:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def statistic(self, difference: float) -> float:
        """The score statistic for `difference`; 0 where there is nothing to tell it from."""
        n, won, lost = self.rows, self.won, self.lost
        b = -won - lost + (2 * n - won + lost) * difference
        c = -lost * difference * (1 - difference)
        only_other = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = n * (2 * only_other + difference * (1 - difference))
        distance = won - lost - n * difference
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)


@dataclass(frozen=True)
class Draws:
    """A value with the sorted values of its bootstrap samples; bounds are their percentiles, somewhat expanded.

    A bootstrap of m rows is narrow by sqrt((m - 1) / m) and has the tails of a normal distribution where the
    truth has those of Student's: plain percentiles of few rows call too much proven. So the percentile is that at
    which a normal quantile reaches as far as sqrt(m / (m - 1)) quantiles of t. Source: Hesterberg, The American
    Statistician 69 (2015), 371-386, the expanded percentile interval.
    """

    value: float
    draws: Array
    degrees: int

    @classmethod
    def of(cls, value: float, draws: Array, degrees: int) -> Draws:
        return cls(value, np.sort(draws), degrees)

    def interval(self, confidence: float) -> Interval:
        error = float(np.std(self.draws))
        reach = self._reach(confidence)
        level = NormalDist().cdf(reach)
        last = len(self.draws) - 1
        if (1 - level) * len(self.draws) >= TAIL_DRAWS:
            # They are in order already: numpy's quantile would look for its place and load masked arrays for it.
            places = np.array([1 - level, level]) * last
            lower, upper = np.interp(places, np.arange(last + 1), self.draws)
        else:
            lower, upper = self.value - reach * error, self.value + reach * error
        # A percentile may lie a hair beyond the value where the draws have few different values.
        return Interval(
            self.value, error, min(float(lower), self.value), max(float(upper), self.value), self.degrees
        )

    def _reach(self, confidence: float) -> float:
        """How many standard errors the bound lies away, were the draws normal."""
        if self.degrees < 1:
            return NormalDist().inv_cdf(confidence)
        return t_quantile(confidence, self.degrees) * math.sqrt((self.degrees + 1) / self.degrees)


@dataclass(frozen=True)
class Turned:
    """The negative of some evidence."""

    other: Evidence

    @property
    def value(self) -> float:
        return -self.other.value

    @property
    def degrees(self) -> int:
        return self.other.degrees

    def interval(self, confidence: float) -> Interval:
        found = self.other.interval(confidence)
        return Interval(-found.value, found.standard_error, -found.upper, -found.lower, found.degrees)


def holm(upper_at: Callable[[float], Array], count: int, confidence: float) -> NDArray[np.bool_]:
    """Which of `count` differences are proven to be below 0, all together with the error of one.

    `upper_at(confidence)` gives the (count,) upper bounds. With k still unproven, each is held to the error
    (1 - confidence) / k; what is proven leaves, and the rest is asked again. Source: Holm, Scandinavian
    Journal of Statistics 6 (1979), 65-70.
    """
    proven = np.zeros(count, dtype=np.bool_)
    while not proven.all():
        still = count - int(proven.sum())
        found = upper_at(1 - (1 - confidence) / still) < 0
        if not (found & ~proven).any():
            break
        proven |= found
    return proven
