"""Golden rows with the scores of every model on them: proven fit to be judged, then measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fearless.core.errors import FearlessError
from fearless.gate.intervals import Array, Clusters, Interval, Measured, interval
from fearless.gate.metrics import METRICS, PRIMARY
from fearless.gate.policy import Policy

CANDIDATE, CHAMPION, CONSTANT = "candidate", "champion", "constant"
# A sum of float32 votes may leave [0, 1] by a rounding error; more than that is no probability.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Scored:
    """Each metric of each model on the same n golden rows, measured when asked for, and once."""

    policy: Policy
    task: str
    y: Array
    scores: dict[str, Array]
    clusters: Clusters | None

    @classmethod
    def of(
        cls,
        policy: Policy,
        task: str,
        y: ArrayLike,
        candidate: ArrayLike,
        champion: ArrayLike | None,
        baselines: Mapping[str, ArrayLike],
        groups: NDArray[Any] | None,
    ) -> Scored:
        """Prove that rows and scores can be judged; raises FearlessError for the first reason why not."""
        truth = _truth(task, y)
        if missing := [name for name in (*policy.baselines, CONSTANT) if name not in baselines]:
            raise FearlessError(f"The scores of the baseline {missing[0]} are missing.")
        given = {CANDIDATE: candidate, **({} if champion is None else {CHAMPION: champion}), **baselines}
        scores = {name: _scores(task, name, each, len(truth)) for name, each in given.items()}
        if groups is not None and groups.shape != truth.shape:
            raise FearlessError(
                f"Golden data has {len(truth):,} rows and the groups have shape {groups.shape}."
            )
        return cls(policy, task, truth, scores, None if groups is None else Clusters.of(groups))

    @property
    def rows(self) -> int:
        """How many golden rows there are."""
        return len(self.y)

    @property
    def positives(self) -> int | None:
        """How many rows are of class 1; None for a regression."""
        return int(self.y.sum()) if self.task == "binary" else None

    @property
    def groups(self) -> int | None:
        """How many groups the rows fall into; None where rows stand alone."""
        return None if self.clusters is None else self.clusters.count

    @property
    def primary(self) -> str:
        """The metric that baselines and `too_good` are judged by."""
        return PRIMARY[self.task]

    @cached_property
    def _measured(self) -> dict[tuple[str, str], Measured]:
        return {}

    def measured(self, model: str, metric: str) -> Measured:
        """The metric's value for one model."""
        if (model, metric) not in self._measured:
            found = METRICS[metric].measure(self.y, self.scores[model])
            if not (np.isfinite(found.value) and np.isfinite(found.influence).all()):
                raise FearlessError(
                    f"The {metric} of the {model} is not a finite number: its scores are far too large."
                )
            self._measured[model, metric] = found
        return self._measured[model, metric]

    def skill(self, model: str, metric: str) -> Measured:
        """The skill of one model: 0 knows nothing, 1 is perfect (see Metric.skill)."""
        if METRICS[metric].chance is None and not self.measured(CONSTANT, metric).value > 0:
            raise FearlessError(
                f"The constant baseline has no {metric} to improve on: it is right on every golden row.",
                fix="Look at the target of the golden data.",
            )
        return METRICS[metric].skill(self.measured(model, metric), self.measured(CONSTANT, metric))

    def advantage(self, metric: str, other: str) -> Measured:
        """How much better the candidate is than another model, paired by row."""
        return METRICS[metric].advantage(self.measured(CANDIDATE, metric), self.measured(other, metric))

    def interval(self, measured: Measured) -> Interval:
        """Its bounds at the policy's confidence, with rows of a group taken together."""
        return interval(measured, self.policy.confidence, self.clusters)


def _truth(task: str, y: ArrayLike) -> Array:
    truth = _numbers("golden target", y)
    if truth.ndim != 1:
        raise FearlessError(f"The golden target must be one column, and has shape {truth.shape}.")
    if len(truth) == 0:
        raise FearlessError("Golden data is empty.", fix="Freeze some with `uv run fearless golden freeze`.")
    if bad := int(np.count_nonzero(~np.isfinite(truth))):
        raise FearlessError(f"The golden target is missing or infinite in {bad:,} of {len(truth):,} rows.")
    if task == "binary" and not np.isin(truth, (0.0, 1.0)).all():
        raise FearlessError("The golden target of a binary task must be 0 or 1 in every row.")
    if truth.min() == truth.max():
        one = "class" if task == "binary" else "value"
        raise FearlessError(
            f"The golden target has one {one} only ({truth[0]:g}): no model can be told from a constant.",
            fix="Freeze golden data that covers more.",
        )
    if task == "binary" and min(truth.sum(), len(truth) - truth.sum()) < 2:
        raise FearlessError(
            "Golden data has a single row of one class, and a variance needs two.",
            fix="Freeze golden data that covers more.",
        )
    return truth


def _scores(task: str, name: str, given: ArrayLike, rows: int) -> Array:
    scores = _numbers(f"scores of the {name}", given)
    if scores.shape != (rows,):
        raise FearlessError(
            f"Golden data has {rows:,} rows and the scores of the {name} have shape {scores.shape}.",
            fix="Every model gives one score for each golden row.",
        )
    if bad := int(np.count_nonzero(~np.isfinite(scores))):
        raise FearlessError(f"The {name} gave NaN or infinity for {bad:,} of {rows:,} golden rows.")
    if task == "binary":
        low, high = float(scores.min()), float(scores.max())
        if low < -ROUNDING or high > 1.0 + ROUNDING:
            raise FearlessError(
                f"The {name} scores from {low:.4g} to {high:.4g}, and a probability lies within 0..1.",
                fix="The model of a binary task gives the probability of the positive class.",
            )
        scores = np.clip(scores, 0.0, 1.0)
    return scores


def _numbers(what: str, given: ArrayLike) -> Array:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise FearlessError(f"The {what} must be numbers.") from None
