"""Metrics of more than two classes. The target is (n,) numbers of classes, scores are (n, k) probabilities."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from fearless.gate.intervals import Array, Measured

# As for two classes: float64's epsilon, as in scikit-learn's log_loss.
SMALLEST = float(np.finfo(np.float64).eps)


def log_loss(y: Array, scores: Array) -> Array:
    """-log(probability given to the class that it was), natural log, clipped to [eps, 1 - eps]."""
    given = np.take_along_axis(scores, _column(y), axis=1)[:, 0]
    losses: Array = -np.log(np.clip(given, SMALLEST, 1.0 - SMALLEST))
    return losses


def brier(y: Array, scores: Array) -> Array:
    """The squared distance of the probabilities from the class that it was: 0 to 2 (Brier, 1950)."""
    given = np.take_along_axis(scores, _column(y), axis=1)[:, 0]
    losses: Array = np.einsum("nk,nk->n", scores, scores) - 2.0 * given + 1.0
    return losses


def right(y: Array, scores: Array) -> NDArray[np.bool_]:
    """Whether the most probable class is the one that it was; the first of equals counts."""
    return np.asarray(np.argmax(scores, axis=1) == y)


def accuracy(y: Array, scores: Array) -> Array:
    """1 where the most probable class is the one that it was, else 0."""
    return right(y, scores).astype(np.float64)


def macro_f1(y: Array, scores: Array) -> Measured:
    """The mean of the F1 of each class that occurs or is predicted, with the delta method's influences.

    Each F1 is 2 tp / (rows of the class + rows called so). The degrees of freedom are those of the rarest class.
    """
    truth, said = y.astype(np.intp), np.argmax(scores, axis=1)
    k, n = scores.shape[1], len(y)
    is_so = np.bincount(truth, minlength=k)
    both = is_so + np.bincount(said, minlength=k)
    hits = np.bincount(truth[truth == said], minlength=k)
    there = both > 0
    f1 = np.where(there, 2.0 * hits / np.maximum(both, 1), 0.0)
    weight = np.where(there, n / np.maximum(both, 1), 0.0) / np.count_nonzero(there)
    # A row moves the F1 of its own class and of the one it is called: down by half of it each, up where they are one.
    moved = 2.0 * weight[truth] * (truth == said) - (weight * f1)[truth] - (weight * f1)[said]
    rarest = int(is_so[is_so > 0].min())
    return Measured(float(f1.sum() / np.count_nonzero(there)), moved / math.sqrt(n * (n - 1.0)), rarest - 1)


def _column(y: Array) -> NDArray[np.intp]:
    return y.astype(np.intp)[:, None]
