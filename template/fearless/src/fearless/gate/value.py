"""What the model's answers are worth: the value of each row in the team's currency, and its mean."""

from __future__ import annotations

import math

import numpy as np

from fearless.gate.counts import cells_of
from fearless.gate.intervals import Array, mean
from fearless.gate.metrics import Metric, RowLoss

NAME = "value"


def of_answers(worth: Array, threshold: float) -> Metric:
    """The mean worth of a row whose score is a yes at or above the threshold; paired t on the rows.

    `worth` (4,) is that of a true negative, a false positive, a false negative and a true positive.
    """

    def of_row(y: Array, scores: Array) -> Array:
        found: Array = worth[cells_of(y, scores, threshold)]
        return found

    return _metric("binary", of_row)


def of_errors(per_unit: float) -> Metric:
    """The mean worth of a row where each unit of absolute error is worth `per_unit` (a cost is negative)."""

    def of_row(y: Array, scores: Array) -> Array:
        found: Array = per_unit * np.abs(scores - y)
        return found

    return _metric("regression", of_row)


def _metric(task: str, of_row: RowLoss) -> Metric:
    return Metric(
        NAME,
        task,
        "higher",
        lambda y, scores: mean(of_row(y, scores)),
        domain=(-math.inf, math.inf),
        skilled=False,
        loss=of_row,
    )
