"""What the streaming engine adds up in its first pass: which metrics of which models, and their sums over all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fearless.gate.counts import cells_of
from fearless.gate.default_checks import DEFAULT_CHECKS
from fearless.gate.grid import Grid
from fearless.gate.intervals import Array, Measured, difference
from fearless.gate.metrics import PRIMARY, TABLES, Metric, RowLoss
from fearless.gate.moments import Moments
from fearless.gate.policy import Policy, metrics_of, sliced_metrics
from fearless.gate.scored import CANDIDATE, CONSTANT

TRUTH = "y"


@dataclass(frozen=True)
class Asked:
    """What is measured: each metric with the models that it is measured of, and the thresholds of yes and no."""

    metrics: dict[str, Metric]
    models: dict[str, list[str]]
    thresholds: list[float]
    sliced: list[str]

    @classmethod
    def of(cls, policy: Policy, task: str, judged: Sequence[str], others: Sequence[str]) -> Asked:
        metrics = wanted(policy, task)
        models = {name: list(judged) for name in metrics}
        for name in metrics:
            # What knows nothing stands beside the candidate in every report, and a skill counts from it.
            models[name] += others if name == PRIMARY[task] else [CONSTANT]
        thresholds = {each.counted.threshold for each in metrics.values() if each.counted}
        sliced = [*sliced_metrics(policy, task), PRIMARY[task]] if policy.slices else []
        return cls(metrics, models, sorted(thresholds), sliced)


class Sums:
    """What is added up of all rows: the moments of the losses, the cells at each threshold, who was right."""

    def __init__(
        self,
        task: str,
        asked: Asked,
        judged: list[str],
        constant: float | Array,
        sample: Mapping[str, Array],
    ) -> None:
        self.task, self.asked, self.judged, self.constant = task, asked, judged, constant
        self.rows, self.positives = 0, 0
        # Numbers far from 0 would lose their last digits in squares; nothing here changes when all are shifted.
        self.centre = float(np.asarray(constant)) if task == "regression" else 0.0
        self.tables = {each: np.zeros(8, dtype=np.intp) for each in asked.thresholds}
        self.right = {name: (0, 0) for name, metric in asked.metrics.items() if metric.right}
        self.moments: dict[str, Moments] = {}
        some = {name: each - self.centre for name, each in sample.items()} if task == "regression" else sample
        for name in asked.metrics:
            if self.losses(name):
                columns = self._columns(name, some[TRUTH], some, None)
                self.moments[name] = Moments.none(np.array([float(np.mean(each)) for each in columns]))

    def losses(self, name: str) -> tuple[RowLoss, ...]:
        """The row losses that the metric is made of; none for one that is not made of means."""
        metric = self.asked.metrics[name]
        if metric.loss is not None:
            return (metric.loss,)
        return metric.formed.losses if metric.formed is not None else ()

    def add(
        self, y: Array, scores: Mapping[str, Array], codes: Mapping[str, NDArray[np.uint8]], grids: list[Grid]
    ) -> None:
        """Take in the rows of one block."""
        self.rows += len(y)
        for grid in grids:
            grid.enter(codes, y if self.task == "binary" else None)
        if self.task == "binary":
            self.positives += int(y.sum())
        for name, moments in self.moments.items():
            columns = self._columns(name, y, scores, moments.shift)
            moments.add(columns)
            if name in self.asked.sliced:
                both = len(self.losses(name)) * len(self.judged)
                for grid in grids:
                    grid.add(name, columns[:both], moments.shift[:both])
        for threshold, table in self.tables.items():
            cells = 2 * cells_of(y, scores[CANDIDATE], threshold)
            cells += scores[self.judged[-1]] >= threshold
            table += np.bincount(cells, minlength=8)
            for grid in grids:
                grid.count(threshold, cells)
        for name, (won, lost) in self.right.items():
            right = self.asked.metrics[name].right
            if right is not None:
                ours, theirs = (right(y, scores[model]) for model in (CANDIDATE, self.judged[-1]))
                self.right[name] = (won + int(np.sum(ours & ~theirs)), lost + int(np.sum(theirs & ~ours)))

    def measured(self, model: str, metric: str) -> Measured:
        """A metric that is made of means."""
        of_column = self.moments[metric].measured()
        return self.combined(metric, model, of_column)

    def combined(self, metric: str, model: str, of_column: Sequence[Measured]) -> Measured:
        """The metric of one model from the means of the columns that `_columns` makes."""
        count = len(self.losses(metric))
        at = count * self._order(metric).index(model)
        means = list(of_column[at : at + count])
        if model not in (CANDIDATE, CONSTANT):
            means = [difference(one, apart) for one, apart in zip(of_column[:count], means, strict=True)]
        formed = self.asked.metrics[metric].formed
        return formed.combine(means) if formed is not None else means[0]

    def _order(self, metric: str) -> list[str]:
        return [*self.judged, *(each for each in self.asked.models[metric] if each not in self.judged)]

    def _columns(
        self, metric: str, y: Array, scores: Mapping[str, Array], shift: Array | None
    ) -> list[Array]:
        """The losses of the candidate, how much more they are than those of each other, and those of the constant.

        Each is less the shift. The others' own are not there: a difference loses no digit where models are alike.
        """
        losses, found = self.losses(metric), []
        first: list[Array] = []
        for model in self._order(metric):
            if model == CONSTANT and self.task == "binary":
                columns = self._of_constant(losses, y)
            else:
                given = self._said(y, scores, model)
                columns = [loss(y, given) for loss in losses]
            if model == CANDIDATE:
                first = columns
            elif model != CONSTANT:
                columns = [one - other for one, other in zip(first, columns, strict=True)]
            found += columns
        return found if shift is None else [each - at for each, at in zip(found, shift, strict=True)]

    def _of_constant(self, losses: Sequence[RowLoss], y: Array) -> list[Array]:
        """Who says the same of every row loses one of two amounts."""
        two = np.array([0.0, 1.0])
        found = [loss(two, self._said(two, {}, CONSTANT)) for loss in losses]
        return [np.where(y > 0.5, of_positive, of_negative) for of_negative, of_positive in found]

    def _said(self, y: Array, scores: Mapping[str, Array], model: str) -> Array:
        if model != CONSTANT:
            return scores[model]
        said = np.asarray(self.constant, dtype=np.float64)
        return np.broadcast_to(said - self.centre, (len(y), *said.shape))


def wanted(policy: Policy, task: str) -> dict[str, Metric]:
    """Every metric that the judge will ask for."""
    found = dict(metrics_of(policy, task))
    for name in [PRIMARY[task], *(each.requirement.metric for each in DEFAULT_CHECKS if each.task == task)]:
        found.setdefault(name, TABLES[task][name])
    return found
