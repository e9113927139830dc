"""Three models that a candidate must beat, fitted in milliseconds on the training rows.

A number such as "log loss 0.41" says little; "better than always saying 23 %, than looking at one column and
than a straight line" is something that a business can weigh.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError
from fearless.gate.intervals import Array

BINS = 10
# A bin's mean is pulled to the overall mean as if this many rows of it were there: rare bins say little.
PRIOR_ROWS = 20.0
# L2 penalty on standardised weights, as scikit-learn's LogisticRegression(C=1): nothing on many rows, and
# it keeps the weights finite where a column separates the classes.
RIDGE = 1.0
NEWTON_STEPS = 30
BLOCK = 256


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline: its name in gate.yaml, what it does in plain words, and its scores."""

    name: str
    description: str
    width: int
    predict: Callable[[Array], Array]

    def score(self, x: NDArray[Any]) -> Array:
        """Scores (n,) float64 for the features x (n, width); a missing value is NaN."""
        if x.ndim != 2 or x.shape[1] != self.width:
            raise FearlessError(
                f"The baseline {self.name} was fitted on {self.width} features and got {x.shape}.",
                fix="Train and golden rows must go through the same features().",
            )
        return self.predict(_finite_or_missing(x))


def fit(x_train: NDArray[Any], y_train: NDArray[Any], names: Sequence[str], task: str) -> list[Baseline]:
    """The baselines `constant`, `one_feature` and `linear` for the training rows.

    x_train is (n, k) with NaN where a value is missing, y_train (n,) and 0/1 for task `binary`, `names` the k
    names of the features. Raises FearlessError for no rows, shapes that do not fit, and a target that is
    missing or has one value only.
    """
    x = _finite_or_missing(np.asarray(x_train))
    y = np.asarray(y_train, dtype=np.float64)
    if y.ndim != 1 or x.ndim != 2 or x.shape != (len(y), len(names)):
        raise FearlessError(
            f"Training data does not fit together: features {x.shape}, target {y.shape}, {len(names)} names."
        )
    if len(y) == 0 or not np.isfinite(y).all() or y.min() == y.max():
        raise FearlessError(
            "The training target needs at least two different values and none missing.",
            fix="Look at what `load()` in data.py returns for the target column.",
        )
    return [_constant(y, x.shape[1], task), _one_feature(x, y, names, task), _linear(x, y, task)]


def _constant(y: Array, width: int, task: str) -> Baseline:
    value = float(np.mean(y))
    said = f"always says {value:.4g}, the training rows' {'rate' if task == 'binary' else 'mean'}"
    return Baseline("constant", said, width, lambda x: np.full(len(x), value))


def _one_feature(x: Array, y: Array, names: Sequence[str], task: str) -> Baseline:
    """The feature whose bins predict best: ten quantile bins, one for missing, a smoothed mean each."""
    width = x.shape[1]
    rules = [_rule(x[:, at], y) for at in range(width)]
    if not rules:
        raise FearlessError("There is no feature: features() returned no column.")
    losses = [_loss(y, means[bins], task) for _, bins, means in rules]
    best = int(np.argmin(losses))
    edges, _, means = rules[best]

    def predict(x: Array) -> Array:
        scores: Array = means[_bins(x[:, best], edges)]
        return scores

    said = f"looks at {names[best]} alone: the smoothed mean in each of {len(edges) + 1} ranges"
    return Baseline("one_feature", said, width, predict)


def _rule(column: Array, y: Array) -> tuple[Array, NDArray[np.intp], Array]:
    """Edges of the bins, the bin of each row, and the mean of each bin (the last one: missing)."""
    known = np.sort(column)
    known = known[: len(known) - int(np.isnan(known).sum())]
    edges: Array = np.empty(0)
    if len(known):
        # Bins are (edge, next edge], so an edge at the largest value would leave an empty one behind it.
        edges = np.unique(known[np.arange(1, BINS) * (len(known) - 1) // BINS])
        edges = edges[edges < known[-1]]
    bins = _bins(column, edges)
    rows = np.bincount(bins, minlength=len(edges) + 2)
    sums = np.bincount(bins, weights=y, minlength=len(edges) + 2)
    return edges, bins, (sums + PRIOR_ROWS * np.mean(y)) / (rows + PRIOR_ROWS)


def _bins(column: Array, edges: Array) -> NDArray[np.intp]:
    bins = np.searchsorted(edges, column, side="left")
    bins[np.isnan(column)] = len(edges) + 1
    return bins


def _loss(y: Array, scores: Array, task: str) -> float:
    if task == "binary":
        return float(-np.mean(np.log(np.where(y > 0.5, scores, 1.0 - scores))))
    return float(np.mean(np.square(y - scores)))


def _linear(x: Array, y: Array, task: str) -> Baseline:
    """Least squares, or logistic regression by Newton's method; missing values become the column's mean."""
    missing = np.isnan(x)
    known = np.maximum(len(x) - missing.sum(axis=0), 1)
    centre = np.where(missing, 0.0, x).sum(axis=0) / known
    filled = np.where(missing, centre, x)
    low, high = filled.min(axis=0), filled.max(axis=0)
    spread = filled.std(axis=0)
    spread[~(spread > 1e-9 * np.maximum(np.abs(centre), 1e-300))] = np.inf  # a constant column weighs nothing

    def design(x: Array) -> Array:
        # Values beyond the training range count as its edge: one odd row must not ruin this baseline.
        inside = np.clip(np.where(np.isnan(x), centre, x), low, high)
        return np.column_stack(((inside - centre) / spread, np.ones(len(x))))

    fitted = _logistic(design(x), y) if task == "binary" else _least_squares(design(x), y)

    def predict(x: Array) -> Array:
        straight = _line(design(x), fitted)
        return _sigmoid(straight) if task == "binary" else straight

    said = f"a {'logistic' if task == 'binary' else 'linear'} regression on all {x.shape[1]} features"
    return Baseline("linear", said, x.shape[1], predict)


def _penalty(columns: int) -> Array:
    penalty = np.full(columns, RIDGE)
    penalty[-1] = 0.0  # the intercept is free
    return penalty


def _least_squares(design: Array, y: Array) -> Array:
    curve = _gram(design, np.ones(len(y))) + np.diag(_penalty(design.shape[1]))
    return np.linalg.solve(curve, _moments(design, y)).astype(np.float64)


def _logistic(design: Array, y: Array) -> Array:
    """Penalised maximum likelihood: Newton steps, halved until the objective falls (it is convex)."""
    penalty = _penalty(design.shape[1])
    rate = float(np.mean(y))
    weights: Array = np.zeros(design.shape[1])
    weights[-1] = np.log(rate / (1.0 - rate))

    def objective(straight: Array, weights: Array) -> float:
        fit = np.sum(np.logaddexp(0.0, straight)) - np.sum(y * straight)
        return float(fit + 0.5 * np.sum(penalty * weights * weights))

    straight = _line(design, weights)
    now = objective(straight, weights)
    for _ in range(NEWTON_STEPS):
        chance = _sigmoid(straight)
        slope = _moments(design, chance - y) + penalty * weights
        curve = _gram(design, chance * (1.0 - chance)) + np.diag(penalty)
        curve[-1, -1] += 1e-9  # rows that are all certain would leave the intercept without curvature
        step = np.linalg.solve(curve, slope)
        size = 1.0
        while size > 1e-6:
            tried: Array = weights - size * step
            straight = _line(design, tried)
            then = objective(straight, tried)
            if then <= now:
                break
            size /= 2.0
        else:
            return weights
        weights, gained, now = tried, now - then, then
        if gained <= 1e-10 * (1.0 + abs(now)):
            break
    return weights


# The three products below keep BLAS from starting threads, by einsum or by blocks of rows: for arrays this
# narrow threads bring nothing, and on a busy machine waiting for them took ten times as long as the product.


def _line(design: Array, weights: Array) -> Array:
    straight: Array = np.einsum("ni,i->n", design, weights)
    return straight


def _moments(design: Array, values: Array) -> Array:
    sums: Array = np.einsum("ni,n->i", design, values)
    return sums


def _gram(design: Array, weights: Array) -> Array:
    """design' W design, block by block of rows."""
    total: Array = np.zeros((design.shape[1], design.shape[1]))
    for start in range(0, len(design), BLOCK):
        rows = slice(start, start + BLOCK)
        total += (design[rows] * weights[rows, None]).T @ design[rows]
    return total


def _sigmoid(straight: Array) -> Array:
    chance: Array = 0.5 * (1.0 + np.tanh(0.5 * straight))
    return chance


def _finite_or_missing(x: NDArray[Any]) -> Array:
    values = np.asarray(x, dtype=np.float64)
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.nan)
