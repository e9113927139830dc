"""Golden rows with the scores of every model on them: proven fit to be judged, then measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fearless.core.errors import FearlessError
from fearless.gate.calibration import Calibration
from fearless.gate.counts import Table, cells_of
from fearless.gate.evidence import Evidence, Rows, Tango, Turned
from fearless.gate.intervals import Array, Clusters, Interval, Measured, difference
from fearless.gate.levels import Levels
from fearless.gate.metrics import PRIMARY, TABLES, Metric
from fearless.gate.own import Function, Own, is_own, measured
from fearless.gate.policy import Policy, metrics_of
from fearless.gate.ranks import Ranks

CANDIDATE, CHAMPION, CONSTANT = "candidate", "champion", "constant"
# A sum of float32 votes may leave [0, 1] by a rounding error; more than that is no probability.
ROUNDING = 1e-6
# Probabilities of many classes in float32 add up to 1 with a larger one.
SUM_ROUNDING = 1e-3


@dataclass(frozen=True)
class Scored:
    """Each metric of each model on the same n golden rows, measured when asked for, and once."""

    policy: Policy
    task: str
    y: Array
    scores: dict[str, Array]
    clusters: Clusters | None
    metrics: dict[str, Metric]
    own: Mapping[str, Function]

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
        own: Mapping[str, Function] | None = None,
        classes: Sequence[str] = (),
    ) -> Scored:
        """Prove that rows and scores can be judged; raises FearlessError for the first reason why not."""
        truth = _class_numbers(y, classes) if task == "multiclass" else _truth(task, y)
        if missing := [name for name in (*policy.baselines, CONSTANT) if name not in baselines]:
            raise FearlessError(f"The scores of the baseline {missing[0]} are missing.")
        given = {CANDIDATE: candidate, **({} if champion is None else {CHAMPION: champion}), **baselines}
        if task == "multiclass":
            scores = {name: _probabilities(name, each, len(truth), classes) for name, each in given.items()}
        else:
            scores = {name: _scores(task, name, each, len(truth)) for name, each in given.items()}
        if groups is not None and groups.shape != truth.shape:
            raise FearlessError(
                f"Golden data has {len(truth):,} rows and the groups have shape {groups.shape}."
            )
        clusters = None if groups is None else Clusters.of(groups)
        metrics = metrics_of(policy, task)
        for name in metrics:
            if is_own(name) and name not in (own or {}):
                raise FearlessError(f"The metric {name} of gate.yaml was not brought along.")
        return cls(policy, task, truth, scores, clusters, metrics, own or {})

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
        return self.metrics[name] if name in self.metrics else TABLES[self.task][name]

    def value(self, model: str, metric: str) -> Evidence:
        """The metric of one model."""
        if is_own(metric):
            return self.team_metric(metric).values[0 if model == CANDIDATE else 1]
        counted = self.metric(metric).counted
        if counted is not None and self.clusters is None:
            return counted.evidence(self._table(model, CHAMPION, counted.threshold))
        return Rows(self._measured(model, metric), self.clusters)

    def skill(self, model: str, metric: str) -> Evidence:
        """The skill of one model: 0 knows nothing, 1 is perfect (see Metric.skill)."""
        return Rows(self._skill(model, metric), self.clusters)

    def advantage(self, metric: str, other: str) -> Evidence:
        """How much better the candidate is than another model, paired by row."""
        if is_own(metric):
            apart = self.team_metric(metric).difference
            if apart is None or other != CHAMPION:
                raise FearlessError(f"The metric {metric} compares with the champion alone.")
            return apart if self.metric(metric).better == "higher" else Turned(apart)
        counted = self.metric(metric).counted
        if counted is not None and self.clusters is None:
            return counted.advantage(self._table(CANDIDATE, other, counted.threshold))
        right = self.metric(metric).right
        if right is not None and self.clusters is None:
            ours, theirs = right(self.y, self.scores[CANDIDATE]), right(self.y, self.scores[other])
            won, lost = int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours))
            return Tango(won, lost, self.rows)
        found = self.metric(metric).advantage(
            self._measured(CANDIDATE, metric), self._measured(other, metric)
        )
        return Rows(found, self.clusters)

    def skill_advantage(self, metric: str, other: str) -> Evidence:
        """How much more skill the candidate has than another model, paired by row."""
        found = difference(self._skill(CANDIDATE, metric), self._skill(other, metric))
        return Rows(found, self.clusters)

    @cached_property
    def calibration(self) -> Calibration:
        """Whether the candidate's probabilities mean what they say."""
        return Calibration.of(self.y, self.scores[CANDIDATE], self.clusters)

    @property
    def told(self) -> list[str]:
        """What a reader must know of how the figures were found."""
        return [f"{name}: {own.how}." for name, own in self._kept_own.items()]

    def interval(self, found: Evidence) -> Interval:
        """Its bounds at the policy's confidence."""
        return found.interval(self.policy.confidence)

    def ranks(self, model: str) -> Ranks:
        """The golden rows in the order of one model's scores."""
        if model not in self._kept_ranks:
            self._kept_ranks[model] = Ranks.of(self.y, self.scores[model])
        return self._kept_ranks[model]

    def deviations(self, model: str, metric: str) -> tuple[Array, float]:
        """(n,) how far each row's loss is from the mean, and the mean, of a metric that is one."""
        found = self._measured(model, metric)
        return found.influence * math.sqrt(self.rows * (self.rows - 1.0)), found.value

    def cells(self, model: str, threshold: float) -> NDArray[np.intp]:
        """(n,) the cell of each row at a threshold."""
        return cells_of(self.y, self.scores[model], threshold)

    def ranks_within(self, model: str, levels: Levels) -> list[Ranks]:
        """For each level its rows in the order of one model's scores, without another sort."""
        if (model, levels.column) not in self._kept_parts:
            whole = self.ranks(model)
            by_level = np.argsort(levels.narrow[whole.order], kind="stable")
            order, positive = whole.order[by_level], whole.positive[by_level]
            if len(whole.starts) == whole.rows:  # no score is there twice, so in no part either
                starts = np.arange(whole.rows)
                parts = [
                    Ranks(order[at], positive[at], starts[: at.stop - at.start]) for at in levels.segments()
                ]
            else:
                ordered = self.scores[model][order]
                parts = [Ranks.of_ordered(order[at], positive[at], ordered[at]) for at in levels.segments()]
            self._kept_parts[model, levels.column] = parts
        return self._kept_parts[model, levels.column]

    def forget(self, levels: Levels) -> None:
        """Let go of what was kept for the parts of one column: it is as large as the golden data."""
        self._kept_groups.pop(levels.column, None)
        for model in self.scores:
            self._kept_parts.pop((model, levels.column), None)

    def positives_within(self, levels: Levels) -> NDArray[np.intp] | None:
        """(levels,) how many rows of class 1 each has; None for a regression."""
        if self.task != "binary":
            return None
        if levels.column not in self._kept_positives:
            self._kept_positives[levels.column] = np.bincount(
                levels.codes[self.y > 0.5], minlength=levels.count
            )
        return self._kept_positives[levels.column]

    def groups_within(self, levels: Levels, clusters: Clusters) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Rows of one group and one level: (n,) their number, and for each number the level it lies in."""
        if levels.column not in self._kept_groups:
            both = clusters.codes * levels.count + levels.codes
            there, codes = np.unique(both, return_inverse=True)
            self._kept_groups[levels.column] = (codes.reshape(-1), there % levels.count)
        return self._kept_groups[levels.column]

    def team_metric(self, name: str) -> Own:
        """What the team's own metric says of candidate and champion."""
        if name not in self._kept_own:
            models = [self.scores[each] for each in (CANDIDATE, CHAMPION) if each in self.scores]
            self._kept_own[name] = measured(name, self.own[name], self.y, models, self.clusters)
        return self._kept_own[name]

    def _measured(self, model: str, metric: str) -> Measured:
        if (model, metric) not in self._kept:
            asked = self.metric(metric)
            found = (
                asked.measure(self.y, self.scores[model])
                if asked.ranked is None
                else asked.ranked(self.ranks(model), None)
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
    def _kept_parts(self) -> dict[tuple[str, str], list[Ranks]]:
        return {}

    @cached_property
    def _kept_positives(self) -> dict[str, NDArray[np.intp]]:
        return {}

    @cached_property
    def _kept_groups(self) -> dict[str, tuple[NDArray[np.intp], NDArray[np.intp]]]:
        return {}

    @cached_property
    def _kept_own(self) -> dict[str, Own]:
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


def _class_numbers(y: ArrayLike, classes: Sequence[str]) -> Array:
    """(n,) the number of each row's class in `classes`."""
    names = np.asarray(y)
    if names.ndim != 1 or len(names) == 0:
        raise FearlessError(f"The golden target must be one column with rows, and has shape {names.shape}.")
    known = {name: number for number, name in enumerate(classes)}
    there, codes = np.unique(names.astype(str), return_inverse=True)
    if strangers := [str(name) for name in there if name not in known]:
        raise FearlessError(
            f"The golden target has the class `{strangers[0]}`, for which there are no scores.",
            fix=f"Classes with scores: {', '.join(classes)}.",
        )
    if len(there) < 2:
        raise FearlessError(
            f"The golden target has one class only ({there[0]}): no model can be told from a constant.",
            fix="Freeze golden data that covers more.",
        )
    return np.array([float(known[str(name)]) for name in there])[codes.reshape(-1)]


def _probabilities(name: str, given: ArrayLike, rows: int, classes: Sequence[str]) -> Array:
    """(n, k) scores, each row a distribution over the classes."""
    scores = _numbers(f"scores of the {name}", given)
    if scores.shape != (rows, len(classes)):
        raise FearlessError(
            f"Golden data has {rows:,} rows and {len(classes)} classes, and the scores of the {name} have shape"
            f" {scores.shape}.",
            fix="Every model gives one score for each class of each golden row.",
        )
    if bad := int(np.count_nonzero(~np.isfinite(scores).all(axis=1))):
        raise FearlessError(f"The {name} gave NaN or infinity for {bad:,} of {rows:,} golden rows.")
    sums = scores.sum(axis=1)
    off = (scores < -ROUNDING).any(axis=1) | (np.abs(sums - 1.0) > SUM_ROUNDING)
    if bad := int(np.count_nonzero(off)):
        raise FearlessError(
            f"The {name} gives no probabilities in {bad:,} of {rows:,} golden rows: they must be 0 or more and add"
            " up to 1."
        )
    return np.asarray(np.clip(scores, 0.0, None) / sums[:, None])


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
        if low < 0.0 or high > 1.0:
            scores = np.clip(scores, 0.0, 1.0)
    return scores


def _numbers(what: str, given: ArrayLike) -> Array:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise FearlessError(f"The {what} must be numbers.") from None
