"""The metrics the gate knows: one table, and for each metric one function that gives value and influences.

To add a metric write one function and one line in METRICS. The function is the loss of each row where the
metric is a mean (`_mean`), a formula of the four cells where it judges yes and no (`_counted`, counts.py), a
function of the ranks where only the order of the scores counts (ranks.py), else `name(y, scores) -> Measured`.
Its interval, its paired difference, its skill, its slices, its place in gate.yaml and in every report follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fearless.gate import classes, counts, ranks
from fearless.gate.counts import THRESHOLD, Counted, Formula
from fearless.gate.evidence import Evidence, Rows
from fearless.gate.intervals import Array, Measured, difference, mean, ratio, scaled
from fearless.gate.ranks import Ordered, Ranks

# The smallest probability that log loss takes as it is: float64's epsilon, as in scikit-learn's log_loss.
SMALLEST = float(np.finfo(np.float64).eps)

RowLoss = Callable[[Array, Array], Array]
Combine = Callable[[Sequence[Measured]], Measured]
# The second argument is an array for the influences to be put into, or None.
ByRank = Callable[[Ordered, NDArray[Any] | None], Measured]


@dataclass(frozen=True)
class Formed:
    """A metric that is a function of the means of some row losses. The target must be centred."""

    losses: tuple[RowLoss, ...]
    combine: Combine


@dataclass(frozen=True)
class Metric:
    """One metric. `measure(y, scores)` takes two (n,) float64 arrays; y is 0/1 for a binary target.

    `chance` is the value of knowing nothing where that is a number (0.5 for ROC AUC); None means the constant
    baseline's value on the same rows. Where `skilled` is False a share of the way from there says nothing.
    `domain` is the lowest and the highest value that the metric can have, both included; gate.yaml asks for
    nothing outside it. `loss`, `formed`, `ranked`, `counted` and `right` say what the metric is made of, where
    that saves work or sharpens its interval.
    """

    name: str
    task: str
    better: Literal["higher", "lower"]
    measure: Callable[[Array, Array], Measured]
    chance: float | None = None
    domain: tuple[float, float] = (0.0, math.inf)
    skilled: bool = True
    loss: RowLoss | None = None
    formed: Formed | None = None
    ranked: ByRank | None = None
    counted: Counted | None = None
    right: Callable[[Array, Array], NDArray[np.bool_]] | None = None

    def skill(self, model: Measured, constant: Measured) -> Measured:
        """How much of the way from knowing nothing (0) to perfect (1) the model goes.

        (value - chance) / (1 - chance) where chance is a number, which for ROC AUC is 2 AUC - 1; else
        1 - loss / loss(constant), with the interval of a ratio of paired means (delta method), and the
        distance to 1 in the place of the loss where higher is better.
        """
        if self.chance is None:
            return scaled(ratio(self.missed(model), self.missed(constant)), -1.0, 1.0)
        width = 1.0 - self.chance
        return scaled(model, 1.0 / width, -self.chance / width)

    def missed(self, model: Measured) -> Measured:
        """How far a model is from perfect: the loss itself, or the distance to 1."""
        return model if self.better == "lower" else scaled(model, -1.0, 1.0)

    def advantage(self, candidate: Measured, other: Measured) -> Measured:
        """The paired difference, turned so that a positive one speaks for the candidate."""
        if self.better == "higher":
            return difference(candidate, other)
        return difference(other, candidate)

    def evidence(self, y: Array, scores: Array) -> Evidence:
        """The value with its bounds, for rows that stand alone."""
        if self.counted is not None:
            return self.counted.evidence(counts.Table.of(y, scores, scores, self.counted.threshold))
        return Rows(self.measure(y, scores))

    def at(self, threshold: float) -> Metric:
        """The same metric of yes and no with another threshold; `f1@0.3` is its name then."""
        if self.counted is None or threshold == self.counted.threshold:
            return self
        moved = replace(self.counted, threshold=threshold)
        return replace(self, name=f"{self.name}@{threshold:g}", counted=moved, measure=moved.measure)


def log_loss(y: Array, scores: Array) -> Array:
    """-log(probability given to what happened), natural log, scores clipped to [eps, 1 - eps]."""
    given = np.where(y > 0.5, scores, 1.0 - scores)
    np.clip(given, SMALLEST, 1.0 - SMALLEST, out=given)
    np.log(given, out=given)
    return np.negative(given, out=given)


def squared_error(y: Array, scores: Array) -> Array:
    """(score - y)^2; for a binary target its mean is the score of Brier (1950)."""
    return np.square(scores - y)


def absolute_error(y: Array, scores: Array) -> Array:
    """|score - y|"""
    return np.abs(scores - y)


def target(y: Array, _scores: Array) -> Array:
    """The target itself, whose spread is what R2 has to explain."""
    return y


def squared_target(y: Array, _scores: Array) -> Array:
    """y^2"""
    return np.square(y)


def rmse(means: Sequence[Measured]) -> Measured:
    """Root of the mean squared error; by the delta method d(sqrt a) = da / (2 sqrt a)."""
    (squared,) = means
    value = math.sqrt(squared.value)
    if value == 0.0:  # every row is exact: there is no influence to scale
        return squared
    return Measured(value, squared.influence / (2.0 * value), squared.degrees)


def r2(means: Sequence[Measured]) -> Measured:
    """1 - mse / variance of y on these rows (the coefficient of determination).

    By the delta method for the ratio of two paired means; that the mean of y is itself estimated moves
    nothing at first order, since the variance is smallest there.
    """
    squared, first, second = means
    spread = Measured(
        second.value - first.value * first.value,  # a power of floats raises where this is infinite
        second.influence - 2.0 * first.value * first.influence,
        second.degrees,
    )
    return scaled(ratio(squared, spread), -1.0, 1.0)


def mean_of(
    name: str, task: str, loss: RowLoss, better: Literal["higher", "lower"] = "lower", high: float = math.inf
) -> Metric:
    """The metric that is the mean of `loss(y, scores)` over the rows, with the paired t interval."""
    return Metric(name, task, better, lambda y, scores: mean(loss(y, scores)), loss=loss, domain=(0.0, high))


def _formed(
    combine: Combine,
    losses: tuple[RowLoss, ...],
    better: Literal["higher", "lower"],
    chance: float | None = None,
    domain: tuple[float, float] = (0.0, math.inf),
) -> Metric:
    def measure(y: Array, scores: Array) -> Measured:
        centre = float(np.mean(y))
        return combine([mean(loss(y - centre, scores - centre)) for loss in losses])

    name = combine.__name__
    return Metric(name, "regression", better, measure, chance, domain, formed=Formed(losses, combine))


def _ranked(name: str, measure: ByRank, chance: float | None) -> Metric:
    return Metric(
        name,
        "binary",
        "higher",
        lambda y, scores: measure(Ranks.of(y, scores), None),
        chance=chance,
        domain=(0.0, 1.0),
        ranked=measure,
    )


def _counted(
    formula: Formula, rests_on: Formula, low: float = 0.0, chance: float | None = None, skilled: bool = False
) -> Metric:
    counted = Counted(formula, rests_on, THRESHOLD)
    return Metric(
        formula.__name__,
        "binary",
        "higher",
        counted.measure,
        chance=chance,
        domain=(low, 1.0),
        skilled=skilled,
        counted=counted,
    )


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        mean_of("log_loss", "binary", log_loss),
        _ranked("roc_auc", ranks.roc_auc, chance=0.5),
        mean_of("brier", "binary", squared_error, high=1.0),
        _ranked("average_precision", ranks.average_precision, chance=None),
        _counted(counts.accuracy, counts.every_row, skilled=True),
        _counted(counts.balanced_accuracy, counts.rarer_class, chance=0.5, skilled=True),
        _counted(counts.f1, counts.rarer_class),
        _counted(counts.precision, counts.said_yes),
        _counted(counts.recall, counts.positive_rows),
        _counted(counts.specificity, counts.negative_rows),
        _counted(counts.mcc, counts.rarer_class, low=-1.0, chance=0.0, skilled=True),
        mean_of("mse", "regression", squared_error),
        mean_of("mae", "regression", absolute_error),
        _formed(rmse, (squared_error,), "lower"),
        _formed(r2, (squared_error, target, squared_target), "higher", chance=0.0, domain=(-math.inf, 1.0)),
    )
}

# The target is a class of several: (n,) numbers of classes, and scores (n, k).
MULTICLASS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        mean_of("log_loss", "multiclass", classes.log_loss),
        mean_of("brier", "multiclass", classes.brier, high=2.0),
        replace(mean_of("accuracy", "multiclass", classes.accuracy, "higher", 1.0), right=classes.right),
        Metric("macro_f1", "multiclass", "higher", classes.macro_f1, domain=(0.0, 1.0), skilled=False),
    )
}

# The metrics of each task, by name: the name of one may mean something else for another number of classes.
TABLES: dict[str, dict[str, Metric]] = {
    "binary": {name: metric for name, metric in METRICS.items() if metric.task == "binary"},
    "regression": {name: metric for name, metric in METRICS.items() if metric.task == "regression"},
    "multiclass": MULTICLASS,
}

# What gate.yaml calls `primary`: proper scores, so that no model wins by saying what it does not believe.
PRIMARY: dict[str, str] = {"binary": "log_loss", "regression": "mse", "multiclass": "log_loss"}
