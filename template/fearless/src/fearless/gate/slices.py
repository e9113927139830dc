"""Where the candidate is worse than the champion, though on the whole it may not be: part by part of the golden rows.

Every metric of the champion's checks is compared in every part. With so many comparisons some part looks worse
by luck nearly always, so that a drop must be proven among all of them together (Holm). A part with too few
rows is named as such. The search for the weakest part goes one column deeper, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fearless.gate import wording
from fearless.gate.counts import Counted
from fearless.gate.evidence import holm
from fearless.gate.findings import Check, Estimate, Slice, Verdict, overall
from fearless.gate.intervals import Array, t_quantile
from fearless.gate.levels import Levels, crossed
from fearless.gate.metrics import Metric
from fearless.gate.policy import Slices
from fearless.gate.scored import CANDIDATE, CHAMPION, Scored


@dataclass(frozen=True)
class Sliced:
    """A metric, or a difference, in each of L parts: values, standard errors and degrees of freedom, each (L,)."""

    values: Array
    errors: Array
    degrees: NDArray[np.intp]

    def estimate(self, at: int, confidence: float) -> Estimate:
        reach = self._reach(confidence)[at]
        value = float(self.values[at])
        return Estimate(value, float(self.errors[at]), value - float(reach), value + float(reach))

    def upper(self, confidence: float) -> Array:
        found: Array = self.values + self._reach(confidence)
        return found

    def surprise(self) -> Array:
        """How many standard errors each value is from 0; a value without error is as far as it has a sign."""
        known = np.where(self.errors > 0, self.errors, 1.0)
        far: Array = np.where(self.errors > 0, self.values / known, np.sign(self.values) * math.inf)
        return np.where(self.values == 0, 0.0, far)

    def _reach(self, confidence: float) -> Array:
        quantiles = np.array([t_quantile(confidence, max(int(each), 1)) for each in self.degrees])
        return quantiles * self.errors


@dataclass(frozen=True)
class _Compared:
    """One metric in the parts of one column."""

    levels: Levels
    metric: Metric
    candidate: Sliced
    champion: Sliced | None
    difference: Sliced | None


def judge_slices(
    golden: Scored, asked: Slices, columns: Sequence[Levels], names: Sequence[str]
) -> tuple[list[Check], list[Slice], Slice | None]:
    """A check for each column and metric, every part that was measured, and the weakest part of all.

    `columns` are those of `slices.by`, `names` the metrics to compare. Without a champion there is nothing to
    compare with: no check, and parts with the candidate's figures alone.
    """
    compared: list[_Compared] = []
    for levels in columns:
        compared += [_compare(golden, levels, golden.metric(name)) for name in names]
        golden.forget(levels)
    enough = [_enough(golden, asked, each.levels) for each in compared]
    worse = _proven(golden.policy.confidence, compared, enough)
    family = int(sum(each.sum() for each in enough))
    parts: list[Slice] = []
    checks: list[Check] = []
    for each, fit, proven in zip(compared, enough, worse, strict=True):
        found = _parts(golden, asked, each, fit, proven, family)
        parts += found
        if each.difference is not None:
            checks.append(_check(golden, asked, each, each.difference, fit, proven, family))
    return checks, parts, _weakest(golden, asked, columns, compared)


def _compare(golden: Scored, levels: Levels, metric: Metric) -> _Compared:
    """The two models and their difference, turned so that a positive one speaks for the candidate."""
    compared = CHAMPION in golden.scores
    sign = 1.0 if metric.better == "higher" else -1.0
    if metric.loss is not None and golden.clusters is None:
        deviation, mean = golden.deviations(CANDIDATE, metric.name)
        candidate = _means(levels, deviation, mean)
        if not compared:
            return _Compared(levels, metric, candidate, None, None)
        deviation_too, mean_too = golden.deviations(CHAMPION, metric.name)
        champion = _means(levels, deviation_too, mean_too)
        np.subtract(deviation, deviation_too, out=deviation)
        deviation *= sign
        return _Compared(
            levels, metric, candidate, champion, _means(levels, deviation, sign * (mean - mean_too))
        )
    values, influence, degrees = _measured(golden, levels, metric, CANDIDATE)
    candidate = Sliced(values, _errors(golden, levels, influence), degrees)
    if not compared:
        return _Compared(levels, metric, candidate, None, None)
    values_too, influence_too, degrees_too = _measured(golden, levels, metric, CHAMPION)
    champion = Sliced(values_too, _errors(golden, levels, influence_too), degrees_too)
    np.subtract(influence, influence_too, out=influence)
    difference = Sliced(
        sign * (values - values_too), _errors(golden, levels, influence), np.minimum(degrees, degrees_too)
    )
    return _Compared(levels, metric, candidate, champion, difference)


def _means(levels: Levels, deviation: Array, mean: float) -> Sliced:
    """The mean of rows that stand alone in each part, from their (n,) deviations from the mean of all."""
    rows = levels.rows
    sums = levels.sums(deviation)
    squares = levels.sums(np.square(deviation)) - np.square(sums) / np.maximum(rows, 1)
    variance = np.maximum(squares, 0.0) / np.maximum(rows * (rows - 1.0), 1.0)
    return Sliced(mean + sums / np.maximum(rows, 1), np.sqrt(variance), rows - 1)


def _measured(
    golden: Scored, levels: Levels, metric: Metric, model: str
) -> tuple[Array, Array, NDArray[np.intp]]:
    """The metric in each part: values (L,), the influence of each row on its part (n,), degrees of freedom (L,)."""
    if metric.counted is not None:
        return _counted(levels, metric.counted, golden.cells(model, metric.counted.threshold))
    values, degrees = np.zeros(levels.count), np.zeros(levels.count, dtype=np.intp)
    influence = np.zeros(golden.rows)
    ranks = golden.ranks_within(model, levels) if metric.ranked is not None else []
    for at in np.flatnonzero(_measurable(golden, levels)):
        if metric.ranked is not None:
            found = metric.ranked(ranks[at], influence)
        else:
            rows = levels.order[levels.segments()[at]]
            found = metric.measure(golden.y[rows], golden.scores[model][rows])
            influence[rows] = found.influence
        values[at], degrees[at] = found.value, found.degrees
    return values, influence, degrees


def _counted(
    levels: Levels, counted: Counted, cells: NDArray[np.intp]
) -> tuple[Array, Array, NDArray[np.intp]]:
    at = levels.codes * 4
    at += cells
    table = np.bincount(at, minlength=4 * levels.count).reshape(levels.count, 4)
    rows = levels.rows
    scale = 1.0 / np.sqrt(np.maximum(rows * (rows - 1.0), 1.0))
    slope = counted.gradient(table) * scale[:, None]
    values = np.array([counted.value(line) for line in table])
    degrees = np.array([counted.degrees(line) for line in table], dtype=np.intp)
    return values, slope.reshape(-1)[at], degrees


def _errors(golden: Scored, levels: Levels, influence: Array) -> Array:
    """(L,) standard errors from the influence of each row on its own part; rows of a group are added first."""
    if golden.clusters is None:
        return np.sqrt(levels.sums(np.square(influence)))
    codes, part = golden.groups_within(levels, golden.clusters)
    sums = np.bincount(codes, influence, len(part))
    groups = np.bincount(part, minlength=levels.count)
    rows = np.maximum(levels.rows, 1)
    factor = groups / np.maximum(groups - 1, 1) * (rows - 1) / rows
    return np.asarray(np.sqrt(factor * np.bincount(part, np.square(sums), levels.count)))


def _measurable(golden: Scored, levels: Levels) -> NDArray[np.bool_]:
    """(L,) where a variance exists: two rows, and of each class two where there are classes."""
    positives = golden.positives_within(levels)
    if positives is None:
        return np.asarray(levels.rows >= 2)
    return np.asarray(np.minimum(positives, levels.rows - positives) >= 2)


def _enough(golden: Scored, asked: Slices, levels: Levels) -> NDArray[np.bool_]:
    """(L,) where there are as many rows, and of the rarer class as many, as gate.yaml asks for."""
    found: NDArray[np.bool_] = _measurable(golden, levels) & (levels.rows >= asked.min_rows)
    if golden.clusters is not None:
        _, part = golden.groups_within(levels, golden.clusters)
        found &= np.bincount(part, minlength=levels.count) >= asked.min_positives
    positives = golden.positives_within(levels)
    if positives is None:
        return found
    found &= np.minimum(positives, levels.rows - positives) >= asked.min_positives
    return found


def _proven(
    confidence: float, compared: list[_Compared], enough: list[NDArray[np.bool_]]
) -> list[NDArray[np.bool_]]:
    """For each metric and column (L,) where the candidate is proven worse, among all of them together."""
    fits = np.concatenate([np.zeros(0, dtype=np.bool_), *enough])
    differences = [each.difference for each in compared if each.difference is not None]
    if not differences:
        return [np.zeros_like(each) for each in enough]

    def upper_at(level: float) -> Array:
        return np.asarray(np.concatenate([each.upper(level) for each in differences])[fits])

    worse = np.zeros(len(fits), dtype=np.bool_)
    worse[fits] = holm(upper_at, int(fits.sum()), confidence)
    return np.split(worse, np.cumsum([len(each) for each in enough])[:-1])


def _parts(
    golden: Scored,
    asked: Slices,
    each: _Compared,
    enough: NDArray[np.bool_],
    worse: NDArray[np.bool_],
    family: int,
) -> list[Slice]:
    found = []
    for at in np.flatnonzero(_measurable(golden, each.levels)):
        if not enough[at] or each.difference is None:
            verdict = Verdict.INCONCLUSIVE
        else:
            verdict = Verdict.FAIL if worse[at] else Verdict.PASS
        part = _slice(golden, each, int(at), verdict)
        told = (
            wording.part_too_small(part, asked.min_rows, asked.min_positives)
            if not enough[at]
            else wording.part(part, golden.policy.confidence, family)
        )
        found.append(part.told(told))
    return found


def _slice(golden: Scored, each: _Compared, at: int, verdict: Verdict) -> Slice:
    confidence = golden.policy.confidence
    positives = golden.positives_within(each.levels)
    return Slice(
        by=each.levels.column,
        level=each.levels.names[at],
        rows=int(each.levels.rows[at]),
        positives=None if positives is None else int(positives[at]),
        metric=each.metric.name,
        candidate=each.candidate.estimate(at, confidence),
        champion=each.champion.estimate(at, confidence) if each.champion else None,
        difference=each.difference.estimate(at, confidence) if each.difference else None,
        verdict=verdict,
    )


def _check(
    golden: Scored,
    asked: Slices,
    each: _Compared,
    difference: Sliced,
    enough: NDArray[np.bool_],
    worse: NDArray[np.bool_],
    family: int,
) -> Check:
    """One metric in all parts of one column; its estimate is that of the part that looks worst."""
    names = each.levels.names
    small = [names[at] for at in np.flatnonzero(~enough)]
    verdict = overall(
        [
            *([Verdict.FAIL] if worse.any() else []),
            *([Verdict.INCONCLUSIVE] if small else []),
            *([Verdict.PASS] if enough.any() else []),
        ]
    )
    estimate, told, needed = None, [], None
    if enough.any():
        lowest = int(np.argmin(np.where(enough, difference.surprise(), math.inf)))
        part = _slice(golden, each, lowest, Verdict.FAIL if worse[lowest] else Verdict.PASS)
        estimate = difference.estimate(lowest, golden.policy.confidence)
        others = [names[at] for at in np.flatnonzero(worse) if at != lowest]
        told.append(
            wording.parts(part, estimate, golden.policy.confidence, family, int(enough.sum()), others)
        )
    if small:
        told.append(wording.too_small(each.levels.column, small, asked.min_rows, asked.min_positives))
        fewest = int(max(each.levels.rows[~enough].min(), 1))
        needed = math.ceil(golden.rows * max(asked.min_rows / fewest, 1.0))
        needed = needed if needed > golden.rows else None
    return Check(
        id=f"{each.metric.name}.slices.{each.levels.column}",
        kind="slice",
        metric=each.metric.name,
        of="value",
        against=CHAMPION,
        rule="slices",
        limit=0.0,
        verdict=verdict,
        sentence=" ".join(told),
        estimate=estimate,
        rows_needed=needed if verdict is Verdict.INCONCLUSIVE else None,
    )


def _weakest(
    golden: Scored, asked: Slices, columns: Sequence[Levels], compared: Sequence[_Compared]
) -> Slice | None:
    """The part of one or two columns where the candidate loses most surely to the champion, on the primary metric.

    Before there is a champion: where the candidate is most surely worse than on the whole.
    """
    metric = golden.metric(golden.primary)
    known = {each.levels.column: each for each in compared if each.metric.name == metric.name}
    lowest, found, looked = math.inf, None, 0
    for levels in (*columns, *(crossed(one, other) for one, other in combinations(columns, 2))):
        each = known.get(levels.column) or _compare(golden, levels, metric)
        enough = _enough(golden, asked, levels)
        golden.forget(levels)
        looked += int(enough.sum())
        if not enough.any():
            continue
        surprise = np.where(enough, _surprise(golden, each), math.inf)
        at = int(np.argmin(surprise))
        if found is None or surprise[at] < lowest:
            lowest, found = float(surprise[at]), _slice(golden, each, at, Verdict.PASS)
    return found and found.told(wording.weakest(found, looked, golden.policy.confidence))


def _surprise(golden: Scored, each: _Compared) -> Array:
    if each.difference is not None:
        return each.difference.surprise()
    sign = 1.0 if each.metric.better == "higher" else -1.0
    whole = golden.value(CANDIDATE, each.metric.name).value
    apart = Sliced(sign * (each.candidate.values - whole), each.candidate.errors, each.candidate.degrees)
    return apart.surprise()
