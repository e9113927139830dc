"""The metrics the gate knows: one table, and for each metric one function that gives value and influences.

To add a metric, write `def name(y, scores) -> Measured` and one line in METRICS. Its interval, its paired
difference, its skill, its place in gate.yaml and in every report follow from that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fearless.gate.intervals import Array, Measured, difference, mean, ratio, scaled

# The smallest probability that log loss takes as it is: float64's epsilon, as in scikit-learn's log_loss.
SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Metric:
    """One metric. `measure(y, scores)` takes two (n,) float64 arrays; y is 0/1 for a binary target.

    `chance` is the value of knowing nothing where that is a number (0.5 for ROC AUC); for a loss it is None
    and means the constant baseline's loss on the same rows. `domain` is the lowest and the highest value that
    the metric can have, both included; gate.yaml asks for nothing outside it.
    """

    name: str
    task: str
    better: Literal["higher", "lower"]
    measure: Callable[[Array, Array], Measured]
    chance: float | None = None
    domain: tuple[float, float] = (0.0, math.inf)

    def skill(self, model: Measured, constant: Measured) -> Measured:
        """How much of the way from knowing nothing (0) to perfect (1) the model goes.

        For a loss 1 - loss / loss(constant), with the interval of a ratio of paired means (delta method);
        for a score (value - chance) / (1 - chance), which for ROC AUC is 2 AUC - 1.
        """
        if self.chance is None:
            return scaled(ratio(model, constant), -1.0, 1.0)
        width = 1.0 - self.chance
        return scaled(model, 1.0 / width, -self.chance / width)

    def advantage(self, candidate: Measured, other: Measured) -> Measured:
        """The paired difference, turned so that a positive one speaks for the candidate."""
        if self.better == "higher":
            return difference(candidate, other)
        return difference(other, candidate)


def log_loss(y: Array, scores: Array) -> Measured:
    """Mean of -log(probability given to what happened), natural log, scores clipped to [eps, 1 - eps]."""
    given = np.where(y > 0.5, scores, 1.0 - scores)
    np.clip(given, SMALLEST, 1.0 - SMALLEST, out=given)
    return mean(-np.log(given))


def brier(y: Array, scores: Array) -> Measured:
    """Mean of (score - y)^2 for a binary target (Brier, 1950)."""
    return mean(np.square(scores - y))


def roc_auc(y: Array, scores: Array) -> Measured:
    """Area under the ROC curve: P(score of a positive > score of a negative), a tie counts one half.

    The influences are DeLong's structural components: for a positive row the share of negatives below it,
    for a negative row the share of positives above it. One sort gives all of them, ties exactly (as with
    midranks; Sun and Xu, IEEE Signal Processing Letters 21, 2014). Needs two rows of each class. The degrees
    of freedom are those of the rarer class, the lower end of Welch and Satterthwaite's.
    """
    order = np.argsort(scores)
    ordered = scores[order]
    positive = y[order] > 0.5
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    sizes = np.diff(starts, append=len(y))
    positives_before = np.concatenate(([0], np.cumsum(positive, dtype=np.int64)))
    positives_below = positives_before[starts]
    positives_tied = positives_before[starts + sizes] - positives_below
    negatives_below = starts - positives_below
    negatives_tied = sizes - positives_tied
    m = int(positives_before[-1])
    n = len(y) - m

    # Counted in halves of a pair, in whole numbers: the value does not depend on the order of the rows.
    pairs_won = int(np.dot(positives_tied, 2 * negatives_below + negatives_tied))
    value = pairs_won / (2 * m * n)
    of_positive = ((negatives_below + 0.5 * negatives_tied) / n - value) / math.sqrt(m * (m - 1.0))
    of_negative = ((m - positives_below - 0.5 * positives_tied) / m - value) / math.sqrt(n * (n - 1.0))
    if len(starts) < len(y):
        of_positive = np.repeat(of_positive, sizes)
        of_negative = np.repeat(of_negative, sizes)
    influence = np.empty(len(y))
    influence[order] = np.where(positive, of_positive, of_negative)
    return Measured(value, influence, min(m, n) - 1)


def mse(y: Array, scores: Array) -> Measured:
    """Mean squared error."""
    return mean(np.square(scores - y))


def mae(y: Array, scores: Array) -> Measured:
    """Mean absolute error."""
    return mean(np.abs(scores - y))


def rmse(y: Array, scores: Array) -> Measured:
    """Root of the mean squared error; by the delta method d(sqrt a) = da / (2 sqrt a)."""
    squared = mse(y, scores)
    value = math.sqrt(squared.value)
    if value == 0.0:  # every row is exact: there is no influence to scale
        return squared
    return Measured(value, squared.influence / (2.0 * value), squared.degrees)


def r2(y: Array, scores: Array) -> Measured:
    """1 - mse / variance of y on these rows (the coefficient of determination).

    By the delta method for the ratio of two paired means; that the mean of y is itself estimated moves
    nothing at first order, since the variance is smallest there.
    """
    spread = mean(np.square(y - np.mean(y)))
    return scaled(ratio(mse(y, scores), spread), -1.0, 1.0)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("log_loss", "binary", "lower", log_loss),
        Metric("roc_auc", "binary", "higher", roc_auc, chance=0.5, domain=(0.0, 1.0)),
        Metric("brier", "binary", "lower", brier, domain=(0.0, 1.0)),
        Metric("mse", "regression", "lower", mse),
        Metric("mae", "regression", "lower", mae),
        Metric("rmse", "regression", "lower", rmse),
        Metric("r2", "regression", "higher", r2, chance=0.0, domain=(-math.inf, 1.0)),
    )
}

# What gate.yaml calls `primary`: proper scores, so that no model wins by saying what it does not believe.
PRIMARY: dict[str, str] = {"binary": "log_loss", "regression": "mse"}
