"""Golden rows with the scores of every model on them: proven fit to be judged, then measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fearless.core.errors import FearlessError
from fearless.gate.counts import Table
from fearless.gate.evidence import Evidence, Rows
from fearless.gate.intervals import Array, Clusters, Interval, Measured, difference
from fearless.gate.metrics import METRICS, PRIMARY, Metric
from fearless.gate.policy import Policy, metrics_of
from fearless.gate.ranks import Ranks

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
    metrics: dict[str, Metric]

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
        clusters = None if groups is None else Clusters.of(groups)
        return cls(policy, task, truth, scores, clusters, metrics_of(policy, task))

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

    def metric(self, name: str) -> Metric:
        """The metric of that name: one that gate.yaml names, or one of the table."""
        return self.metrics[name] if name in self.metrics else METRICS[name]

    def value(self, model: str, metric: str) -> Evidence:
        """The metric of one model."""
        counted = self.metric(metric).counted
        if counted is not None and self.clusters is None:
            return counted.evidence(self._table(model, CHAMPION, counted.threshold))
        return Rows(self._measured(model, metric), self.clusters)

    def skill(self, model: str, metric: str) -> Evidence:
        """The skill of one model: 0 knows nothing, 1 is perfect (see Metric.skill)."""
        return Rows(self._skill(model, metric), self.clusters)

    def advantage(self, metric: str, other: str) -> Evidence:
        """How much better the candidate is than another model, paired by row."""
        counted = self.metric(metric).counted
        if counted is not None and self.clusters is None:
            return counted.advantage(self._table(CANDIDATE, other, counted.threshold))
        found = self.metric(metric).advantage(
            self._measured(CANDIDATE, metric), self._measured(other, metric)
        )
        return Rows(found, self.clusters)

    def skill_advantage(self, metric: str, other: str) -> Evidence:
        """How much more skill the candidate has than another model, paired by row."""
        found = difference(self._skill(CANDIDATE, metric), self._skill(other, metric))
        return Rows(found, self.clusters)

    def interval(self, found: Evidence) -> Interval:
        """Its bounds at the policy's confidence."""
        return found.interval(self.policy.confidence)

    def ranks(self, model: str) -> Ranks:
        """The golden rows in the order of one model's scores."""
        if model not in self._kept_ranks:
            self._kept_ranks[model] = Ranks.of(self.y, self.scores[model])
        return self._kept_ranks[model]

    def _measured(self, model: str, metric: str) -> Measured:
        if (model, metric) not in self._kept:
            asked = self.metric(metric)
            found = (
                asked.measure(self.y, self.scores[model])
                if asked.ranked is None
                else asked.ranked(self.ranks(model))
            )
            if not (np.isfinite(found.value) and np.isfinite(found.influence).all()):
                raise FearlessError(
                    f"The {metric} of the {model} is not a finite number: its scores are far too large."
                )
            self._kept[model, metric] = found
        return self._kept[model, metric]

    def _skill(self, model: str, metric: str) -> Measured:
        asked = self.metric(metric)
        constant = self._measured(CONSTANT, metric)
        if asked.chance is None and not asked.missed(constant).value > 0:
            raise FearlessError(
                f"The constant baseline has no {metric} to improve on: it is right on every golden row.",
                fix="Look at the target of the golden data.",
            )
        return asked.skill(self._measured(model, metric), constant)

    def _table(self, model: str, other: str, threshold: float) -> Table:
        """The cells of two models; of one model twice where there is no other."""
        other = other if other in self.scores else model
        key = (model, other, threshold)
        if key not in self._tables:
            self._tables[key] = Table.of(self.y, self.scores[model], self.scores[other], threshold)
        return self._tables[key]

    @cached_property
    def _kept(self) -> dict[tuple[str, str], Measured]:
        return {}

    @cached_property
    def _kept_ranks(self) -> dict[str, Ranks]:
        return {}

    @cached_property
    def _tables(self) -> dict[tuple[str, str, float], Table]:
        return {}


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
