"""Confidence bounds of an estimate and of a paired difference, all from one thing: the influence of each row.

Every metric gives its value and, for each row, how much that row moved it (the influence function of the
estimate, so that `value - truth` is about the sum of the influences). Variances, differences of two models
on the same rows, skills and clustered rows then need no formula of their own:

- the variance of a metric is the sum of the squared influences (for a mean: s^2 / n; for ROC AUC: DeLong's);
- a paired difference has the difference of the influences, so that the covariance is in it exactly;
- a ratio has the influences of the delta method;
- where rows belong together, the influences of a group are added before they are squared.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988); van der Vaart, Asymptotic Statistics,
chapter 20; Obuchowski, Biometrics 53 (1997) for clustered ROC AUC.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError

Array = NDArray[np.float64]
POWER = 0.8


@dataclass(frozen=True)
class Measured:
    """An estimate on n rows, before its interval.

    `influence` is (n,) and scaled so that the sum of its squares is the unbiased variance of `value`;
    `degrees` are the degrees of freedom of that variance. Only lengths and angles of influences matter, so that
    the streaming engine gives them in fewer dimensions. Where it had to round, the true value is within
    `value_error` of `value`, and the true influence, as a vector, within `influence_error` of `influence`.
    """

    value: float
    influence: Array
    degrees: int
    value_error: float = 0.0
    influence_error: float = 0.0


@dataclass(frozen=True)
class Clusters:
    """Rows that belong together, such as several per customer: `codes` (n,) in 0..count-1."""

    codes: NDArray[np.intp]
    count: int

    @classmethod
    def of(cls, groups: NDArray[Any]) -> Clusters:
        """The clusters of an (n,) array of numbers or texts: equal values are one, each missing value its own."""
        missing = np.not_equal(groups, groups)  # NaN alone differs from itself
        if groups.dtype == object:
            missing |= np.equal(groups, np.array(None, dtype=object))
        known = groups[~missing]
        values, known_codes = np.unique(
            known.astype(str) if known.dtype == object else known, return_inverse=True
        )
        codes = np.empty(len(groups), dtype=np.intp)
        codes[~missing] = known_codes.reshape(-1)
        alone = int(np.count_nonzero(missing))
        codes[missing] = len(values) + np.arange(alone)
        return cls(codes, len(values) + alone)


@dataclass(frozen=True)
class Interval:
    """An estimate with its standard error and two one-sided bounds, each at the policy's confidence.

    With confidence 0.95, `lower` and `upper` together are a two-sided interval of 90 %. An engine that rounds
    widens them by `error`, its certified bound, so that the exact ones lie between; the exact value is within
    `value_error` of `value`.
    """

    value: float
    standard_error: float
    lower: float
    upper: float
    degrees: int
    error: float = 0.0
    value_error: float = 0.0

    @property
    def most_lower(self) -> float:
        """The highest that the exact lower bound may be."""
        return self.lower + 2.0 * self.error

    @property
    def least_upper(self) -> float:
        """The lowest that the exact upper bound may be."""
        return self.upper - 2.0 * self.error

    def doubt(self, limit: float) -> bool:
        """Whether rounding hides on which side of `limit` a bound is."""
        return self.lower < limit <= self.most_lower or self.least_upper < limit <= self.upper


def interval(measured: Measured, confidence: float, clusters: Clusters | None = None) -> Interval:
    """The one-sided bounds of `measured`: value -/+ t(confidence, degrees) * standard error.

    With `clusters` the variance is that of the cluster sums, times G / (G - 1); one row in each cluster
    gives the same result as none. The t quantile is exact for means; for the other metrics, whose limit is
    the normal distribution, it errs on the careful side.
    """
    influence, degrees, factor = measured.influence, measured.degrees, 1.0
    if clusters is not None:
        rows = len(influence)
        influence = np.bincount(clusters.codes, influence, clusters.count).astype(np.float64)
        degrees = min(degrees, clusters.count - 1)
        # The influences carry n / (n - 1) already: take it off before G / (G - 1) goes on.
        factor = clusters.count / max(clusters.count - 1, 1) * (rows - 1) / rows
    error = math.sqrt(factor * float(np.sum(influence * influence)))
    quantile = t_quantile(confidence, degrees) if degrees > 0 else 0.0
    reach = quantile * error if error > 0 else 0.0
    slack = measured.value_error + quantile * measured.influence_error
    return Interval(
        measured.value,
        error,
        measured.value - reach - slack,
        measured.value + reach + slack,
        degrees,
        slack,
        measured.value_error,
    )


def difference(candidate: Measured, other: Measured) -> Measured:
    """candidate - other on the same rows; the influences subtract, which makes the interval a paired one."""
    return Measured(
        candidate.value - other.value,
        candidate.influence - other.influence,
        min(candidate.degrees, other.degrees),
        candidate.value_error + other.value_error,
        candidate.influence_error + other.influence_error,
    )


def scaled(measured: Measured, factor: float, shift: float = 0.0) -> Measured:
    """factor * measured + shift."""
    return Measured(
        factor * measured.value + shift,
        factor * measured.influence,
        measured.degrees,
        abs(factor) * measured.value_error,
        abs(factor) * measured.influence_error,
    )


def ratio(top: Measured, bottom: Measured) -> Measured:
    """top / bottom on the same rows by the delta method: d(a/b) = (da - (a/b) db) / b.

    Raises FearlessError where `bottom` is 0.
    Source: Cochran, Sampling Techniques, 3rd edition, section 6.4 (the ratio of two paired means).
    """
    if bottom.value == 0.0:
        raise FearlessError(
            "The target's differences are too small to be squared, so that nothing can be measured beside them.",
            fix="Take a smaller unit.",
        )
    value = top.value / bottom.value
    influence = (top.influence - value * bottom.influence) / bottom.value
    value_error, influence_error = _errors_of_ratio(top, bottom, value, influence)
    return Measured(value, influence, min(top.degrees, bottom.degrees), value_error, influence_error)


def _errors_of_ratio(top: Measured, bottom: Measured, value: float, influence: Array) -> tuple[float, float]:
    """How far value and influence of a ratio may be from the exact ones, where its parts were rounded."""
    if not any((top.value_error, top.influence_error, bottom.value_error, bottom.influence_error)):
        return 0.0, 0.0
    least = abs(bottom.value) - bottom.value_error
    if least <= 0:
        return math.inf, math.inf
    of_value = (top.value_error + abs(value) * bottom.value_error) / least
    of_influence = (
        top.influence_error
        + (abs(value) + of_value) * bottom.influence_error
        + of_value * float(np.linalg.norm(bottom.influence))
        + bottom.value_error * float(np.linalg.norm(influence))
    ) / least
    return of_value, of_influence


def mean(losses: Array) -> Measured:
    """The mean of (n,) row losses, n >= 2, with the variance s^2 / n."""
    rows = len(losses)
    value = float(np.mean(losses))
    return Measured(value, (losses - value) / math.sqrt(rows * (rows - 1.0)), rows - 1)


def rows_to_settle(found: Interval, distance: float, rows: int, confidence: float) -> int | None:
    """How many rows decide a check that is open on `rows` rows, if the estimate stays what it is.

    `distance` is from the estimate to the limit it would have to keep clear of. The bound shrinks with
    1 / sqrt(n); with the answer's number of rows it clears the limit in 80 of 100 samples. Rounded up to
    two digits; None where the estimate sits on the limit and no number of rows helps.
    """
    if not distance > 0:
        return None
    reach = (NormalDist().inv_cdf(confidence) + NormalDist().inv_cdf(POWER)) * found.standard_error
    needed = rows * (reach / distance) ** 2
    if not needed < 1e12:
        return None
    step = 10 ** max(len(str(int(needed))) - 2, 0)
    return max(int(math.ceil(needed / step) * step), rows + 1)


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t, within 1e-4 of the exact one from five degrees of freedom on.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5 (expansion around the normal).
    """
    return float(t_quantiles(probability, np.array([degrees]))[0])


def t_quantiles(probability: float, degrees: NDArray[np.intp]) -> Array:
    """`t_quantile` at each of (n,) degrees of freedom."""
    x = NormalDist().inv_cdf(probability)
    terms = (
        x,
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    share = 1.0 / degrees
    found = np.full(len(degrees), terms[-1])
    for term in reversed(terms[:-1]):
        found *= share
        found += term
    return found
