"""The streaming engine: the same figures as the exact one, in memory that does not grow with the rows.

The rows lie on disk in blocks. One pass counts and adds up whatever needs nothing but counts and sums: means of row
losses with their covariances, the cells of yes and no, the parts of the slices, the curves. Those figures are exact.
Where ranks are asked for, scores are counted into bins, and a second pass looks up each row's influence: these figures
have a certified error (bins.py), by which every bound is widened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError
from fearless.gate import calibration
from fearless.gate.bins import Bins, Told
from fearless.gate.blocks import Blocks
from fearless.gate.calibration import Calibration
from fearless.gate.counts import Counted, Table
from fearless.gate.curves import Curves
from fearless.gate.evidence import Evidence, Rows, Tango
from fearless.gate.grid import Grid
from fearless.gate.intervals import Array, Interval, Measured, difference
from fearless.gate.metrics import PRIMARY, TABLES, Metric
from fearless.gate.own import is_own
from fearless.gate.policy import Policy
from fearless.gate.rank_pass import Column, Ranked, bin_of, kept_of, rank
from fearless.gate.scored import CANDIDATE, CHAMPION, CONSTANT
from fearless.gate.sums import TRUTH, Asked, Sums, wanted

FEWEST_BINS, MOST_BINS = 1 << 12, 1 << 16
ROWS_A_BIN = 16


def unstreamable(policy: Policy, task: str, grouped: bool) -> str:
    """What the policy asks for and this engine cannot give, in a few words; an empty text where it can give all."""
    if grouped:
        return "rows that belong together"
    for name, metric in wanted(policy, task).items():
        if is_own(name):
            return f"the team's metric {name}"
        if not (metric.loss or metric.formed or metric.counted or metric.ranked):
            return f"the metric {name}"
    return ""


@dataclass(frozen=True)
class Streamed:
    """Each metric of each model on the golden rows in `blocks`, as far as one pass over them tells.

    `alike` are the models that say of every row what the candidate says.
    """

    policy: Policy
    task: str
    scores: Mapping[str, float | Array | None]
    asked: Asked
    blocks: Blocks
    sums: Sums
    grids: list[Grid]
    columns: list[Column]
    bins: Mapping[str, Bins]
    told_apart: Mapping[str, Told]
    curves: Curves | None
    alike: frozenset[str]

    @classmethod
    def of(
        cls,
        policy: Policy,
        task: str,
        blocks: Blocks,
        models: Sequence[str],
        constant: float | Array,
        columns: list[Column],
        sample: Mapping[str, Array],
    ) -> Streamed:
        """Go through the rows once.

        Each block holds `y` (n,), for each of `models` its scores (n,) or (n, k), clipped and finite, and for each
        column of the slices, under its name there, the number of each row's level. `constant` is what the constant
        baseline says, `sample` some rows of `y` and of each model that are spread over the file. The models are
        `candidate`, `champion` where there is one, and baselines.
        """
        judged = [name for name in models if name in (CANDIDATE, CHAMPION)]
        asked = Asked.of(policy, task, judged, [*(name for name in models if name not in judged), CONSTANT])
        ranked = any(metric.ranked for metric in asked.metrics.values())
        sums = Sums(task, asked, judged, constant, sample)
        about = min(max(_rows(blocks) // ROWS_A_BIN, FEWEST_BINS), MOST_BINS)
        bins: dict[str, Bins] = {}
        if ranked:
            bins = {name: Bins.of(sample[TRUTH], sample[name], about) for name in judged}
        elif policy.calibration is not None and task == "binary":
            bins = {CANDIDATE: Bins.of(sample[TRUTH], sample[CANDIDATE], about)}
        told = {name: Told(each.count) for name, each in bins.items()}
        drawn = Curves.of(task, sample[TRUTH], {name: sample[name] for name in judged})
        grids = Grid.of(columns) if policy.slices else []
        alike = {*models, CONSTANT} - {CANDIDATE}
        for block in range(len(blocks)):
            y = blocks.read(block, TRUTH)
            scores = {name: blocks.read(block, name) for name in models}
            codes = {column.name: blocks.read(block, column.kept) for column in columns}
            if bins:
                _keep_by_score(blocks, block, y, scores, codes, bins, told)
            of_row = y.astype(np.float64)
            alike = {name for name in alike if np.all(scores.get(name, constant) == scores[CANDIDATE])}
            if drawn is not None:
                drawn.add(of_row, scores)
            if sums.centre:
                of_row -= sums.centre
                scores = {name: each - sums.centre for name, each in scores.items()}
            sums.add(of_row, scores, codes, grids)
        known: dict[str, float | Array | None] = dict.fromkeys(models)
        known[CONSTANT] = constant
        return cls(
            policy, task, known, asked, blocks, sums, grids, columns, bins, told, drawn, frozenset(alike)
        )

    @property
    def rows(self) -> int:
        return self.sums.rows

    @property
    def positives(self) -> int | None:
        return self.sums.positives if self.task == "binary" else None

    @property
    def groups(self) -> int | None:
        return None

    @property
    def primary(self) -> str:
        return PRIMARY[self.task]

    @property
    def judged(self) -> list[str]:
        """The models that are held against each other."""
        return self.sums.judged

    def metric(self, name: str) -> Metric:
        return self.asked.metrics[name] if name in self.asked.metrics else TABLES[self.task][name]

    def value(self, model: str, metric: str) -> Evidence:
        counted = self.metric(metric).counted
        if counted is not None:
            return counted.evidence(self._table(model, CHAMPION, counted.threshold))
        return Rows(self._measured(model, metric))

    def skill(self, model: str, metric: str) -> Evidence:
        return Rows(self._skill(model, metric))

    def advantage(self, metric: str, other: str) -> Evidence:
        asked = self.metric(metric)
        if asked.counted is not None:
            return asked.counted.advantage(self._table(CANDIDATE, other, asked.counted.threshold))
        if asked.right is not None and other == CHAMPION:
            won, lost = self.sums.right[metric]
            return Tango(won, lost, self.rows)
        found = asked.advantage(self._measured(CANDIDATE, metric), self._measured(other, metric))
        return Rows(self._certain(found, other))

    def skill_advantage(self, metric: str, other: str) -> Evidence:
        found = difference(self._skill(CANDIDATE, metric), self._skill(other, metric))
        return Rows(self._certain(found, other))

    @cached_property
    def calibration(self) -> Calibration:
        """Three passes more: how many rows are in each bin of scores, the exact edges, the rows between them."""
        bins, blocks = self.bins[CANDIDATE], range(len(self.blocks))
        counts = np.zeros(bins.count, dtype=np.int64)
        for block in blocks:
            counts += np.bincount(bins(self.blocks.read(block, CANDIDATE)), minlength=bins.count)
        reached = np.cumsum(counts)
        places = calibration.places(self.rows)
        near = np.searchsorted(reached, places, side="right")
        wanted = np.zeros(len(counts), dtype=np.bool_)
        wanted[near] = True
        kept = []
        for block in blocks:
            scores = self.blocks.read(block, CANDIDATE)
            kept.append(scores[wanted[bins(scores)]])
        some = np.sort(np.concatenate(kept))
        # Of the rows below a place some are in bins that were not kept.
        left_out = np.cumsum(np.where(wanted, 0, counts))[near]
        edges = np.unique(some[places - left_out])
        curve = calibration.Sums(edges)
        for block in blocks:
            curve.add(self.blocks.read(block, TRUTH).astype(np.float64), self.blocks.read(block, CANDIDATE))
        return curve.calibration()

    @property
    def told(self) -> list[str]:
        first = "Judged block by block in bounded memory (the streaming engine); means and counts are exact."
        if not self.ranked:
            return [first]
        largest = {
            name: max(each.value_errors[model][0] for model in range(len(self.judged)))
            for name, each in self.ranked.items()
        }
        within = ", ".join(f"{name} within {error:.2g}" for name, error in largest.items())
        certified = f"Ranks are counted in bins: {within}, which is certified."
        return [
            f"{first} {certified} Bounds are widened by that: what it hides is neither passed nor failed."
        ]

    def interval(self, found: Evidence) -> Interval:
        return found.interval(self.policy.confidence)

    @cached_property
    def ranked(self) -> dict[str, Ranked]:
        """The metrics of ranks on all rows, by name."""
        wanted = [name for name, metric in self.asked.metrics.items() if metric.ranked]
        return self.ranked_in(None, wanted)

    def ranked_in(self, column: Column | None, names: Sequence[str]) -> dict[str, Ranked]:
        """The metrics of ranks in each level of a column, by name."""
        if not names:
            return {}
        metrics = {name: self.asked.metrics[name] for name in names}
        return rank(self.blocks, column, self.judged, self.told_apart, metrics)

    def _measured(self, model: str, metric: str) -> Measured:
        asked = self.metric(metric)
        if asked.ranked is not None:
            found = self.ranked[metric].measured(model, self.positives or 0, self.rows)
        elif asked.counted is not None:
            found = self._of_cells(model, asked.counted)
        else:
            found = self.sums.measured(model, metric)
        if not (np.isfinite(found.value) and np.isfinite(found.influence).all()):
            raise FearlessError(
                f"The {metric} of the {model} is not a finite number: its scores are far too large."
            )
        return found

    def _certain(self, found: Measured, other: str) -> Measured:
        """Two models that say the same of every row do not differ, whatever the bins hide of either."""
        if other in self.alike:
            return Measured(0.0, np.zeros_like(found.influence), found.degrees)
        return found

    def _skill(self, model: str, metric: str) -> Measured:
        asked = self.metric(metric)
        if asked.chance is not None:
            return asked.skill(self._measured(model, metric), self._measured(model, metric))
        constant = self._measured(CONSTANT, metric)
        if not asked.missed(constant).value > 0:
            raise FearlessError(
                f"The constant baseline has no {metric} to improve on: it is right on every golden row.",
                fix="Look at the target of the golden data.",
            )
        return asked.skill(self._measured(model, metric), constant)

    def _table(self, model: str, other: str, threshold: float) -> Table:
        other = other if other in self.judged or other == CONSTANT else model
        key = (model, other, threshold)
        if key not in self._tables:
            answers = self._answers(model, threshold), self._answers(other, threshold)
            self._tables[key] = Table(_of_models(self.sums.tables[threshold], *answers))
        return self._tables[key]

    @cached_property
    def _tables(self) -> dict[tuple[str, str, float], Table]:
        return {}

    def _answers(self, model: str, threshold: float) -> NDArray[np.intp]:
        """(8,) what the model says in each cell of (target, candidate's yes, champion's yes)."""
        cell = np.arange(8)
        if model == CONSTANT:
            return np.full(8, int(float(np.asarray(self.scores[CONSTANT])) >= threshold))
        return cell // 2 % 2 if model == CANDIDATE else cell % 2

    def _of_cells(self, model: str, counted: Counted) -> Measured:
        """The delta method's influences, one coordinate for each cell."""
        counts = self.sums.tables[counted.threshold]
        own = 2 * (np.arange(8) // 4) + self._answers(model, counted.threshold)
        of_model = np.bincount(own, counts, 4).astype(np.intp)
        scale = np.sqrt(counts / (self.rows * (self.rows - 1.0)))
        return Measured(
            counted.value(of_model), counted.gradient(of_model)[own] * scale, counted.degrees(of_model)
        )


def _keep_by_score(
    blocks: Blocks,
    block: int,
    y: NDArray[Any],
    scores: Mapping[str, Array],
    codes: Mapping[str, NDArray[np.uint8]],
    bins: Mapping[str, Bins],
    told: Mapping[str, Told],
) -> None:
    """Keep the bins and the levels of the rows of a block by ascending score of the candidate.

    The order of rows means nothing, and neighbours in it find what is looked up for them side by side in memory: later
    passes take a fraction of the time.
    """
    numbers = {name: each(scores[name]) for name, each in bins.items()}
    steps = (bins[CANDIDATE].count - 1).bit_length() - 16
    near = numbers[CANDIDATE] >> steps if steps > 0 else numbers[CANDIDATE]
    order = np.argsort(near.astype(np.uint16), kind="stable")
    kept: dict[str, NDArray[Any]] = {kept_of(name): each for name, each in codes.items()}
    for name, found in numbers.items():
        told[name].add(found, scores[name])
        found *= 2
        found += y
        kept[bin_of(name)] = found.astype(np.uint32)
    for name, array in kept.items():
        blocks.add(block, name, np.take(array, order, mode="clip"))


def _rows(blocks: Blocks) -> int:
    return sum(blocks.rows(block, TRUTH) for block in range(len(blocks)))


def _of_models(
    counts: NDArray[np.intp], first: NDArray[np.intp], second: NDArray[np.intp]
) -> NDArray[np.intp]:
    """(2, 2, 2) cells of (target, first model's yes, second model's yes)."""
    at = 4 * (np.arange(8) // 4) + 2 * first + second
    return np.asarray(np.bincount(at, counts, 8).astype(np.intp).reshape(2, 2, 2))
