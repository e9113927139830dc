"""Where the candidate is worse than the champion, though on the whole it may not be: part by part of the golden rows.

Every metric of the champion's checks is compared in every part. With so many comparisons some part looks worse
by luck nearly always, so that a drop must be proven among all of them together (Holm). A part with too few
rows is named as such. The search for the weakest part goes one column deeper, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError
from fearless.gate import wording
from fearless.gate.engine import Engine
from fearless.gate.evidence import holm
from fearless.gate.findings import Check, Slice, Verdict, overall
from fearless.gate.intervals import Array
from fearless.gate.parts import Compared, Parted, Sliced
from fearless.gate.policy import Slices
from fearless.gate.scored import CANDIDATE, CHAMPION

# A drop by less than this part of the champion's value, or of its standard error, is no worse model: scores that were
# stored, exported or computed on another machine differ by as much, all in one direction perhaps, and without any
# spread that would hide it.
ROUNDING = 1e-6


def judge_slices(
    golden: Engine, asked: Slices, parted: Parted, names: Sequence[str]
) -> tuple[list[Check], list[Slice], Slice | None]:
    """A check for each column and metric, every part that was measured, and the weakest part of all.

    `parted` holds the columns of `slices.by`, `names` are the metrics to compare. Without a champion there is
    nothing to compare with: no check, and parts with the candidate's figures alone.
    """
    compared = parted.compare(names)
    enough = [each.parts.enough(asked) for each in compared]
    worse = _proven(golden.policy.confidence, compared, enough, Sliced.upper)
    may_be = _proven(golden.policy.confidence, compared, enough, Sliced.least_upper)
    family = int(sum(each.sum() for each in enough))
    parts: list[Slice] = []
    checks: list[Check] = []
    for each, fit, proven, perhaps in zip(compared, enough, worse, may_be, strict=True):
        doubt = perhaps & ~proven
        found = _parts(golden, asked, each, fit, proven, doubt, family)
        parts += found
        if each.difference is not None:
            checks.append(_check(golden, asked, each, each.difference, fit, proven, doubt, family))
    return checks, parts, _weakest(golden, asked, parted)


def refuse_other_slices(asked: Slices, rows: int, given: Mapping[str, int]) -> None:
    """Raise FearlessError where a column of `slices.by` is missing or has other rows; `given` counts those of each."""
    if missing := [name for name in asked.by if name not in given]:
        raise FearlessError(
            f"gate.yaml: slices.by: the golden data has no column `{missing[0]}`.",
            fix="Name a column of columns.yaml, or freeze golden data that has it.",
        )
    for name in asked.by:
        if given[name] != rows:
            raise FearlessError(f"Golden data has {rows:,} rows and the slices by {name} {given[name]:,}.")


def _proven(
    confidence: float,
    compared: list[Compared],
    enough: list[NDArray[np.bool_]],
    upper_of: Callable[[Sliced, float], Array],
) -> list[NDArray[np.bool_]]:
    """For each metric and column (L,) where the candidate is proven worse, among all of them together."""
    fits = np.concatenate([np.zeros(0, dtype=np.bool_), *enough])
    apart = [(each.difference, each.champion) for each in compared if each.difference and each.champion]
    if not apart:
        return [np.zeros_like(each) for each in enough]
    # The worth of answers may cancel to nothing, and then nothing but their spread says what is little beside them.
    rounding = np.concatenate(
        [ROUNDING * np.maximum(np.abs(champion.values), champion.errors) for _, champion in apart]
    )

    def upper_at(level: float) -> Array:
        upper = np.concatenate([upper_of(difference, level) for difference, _ in apart])
        return np.asarray((upper + rounding)[fits])

    worse = np.zeros(len(fits), dtype=np.bool_)
    worse[fits] = holm(upper_at, int(fits.sum()), confidence)
    return np.split(worse, np.cumsum([len(each) for each in enough])[:-1])


def _parts(
    golden: Engine,
    asked: Slices,
    each: Compared,
    enough: NDArray[np.bool_],
    worse: NDArray[np.bool_],
    doubt: NDArray[np.bool_],
    family: int,
) -> list[Slice]:
    found = []
    for at in np.flatnonzero(each.parts.measurable):
        if not enough[at] or each.difference is None or doubt[at]:
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


def _slice(golden: Engine, each: Compared, at: int, verdict: Verdict) -> Slice:
    confidence = golden.policy.confidence
    positives = each.parts.positives
    return Slice(
        by=each.parts.column,
        level=each.parts.names[at],
        rows=int(each.parts.rows[at]),
        positives=None if positives is None else int(positives[at]),
        metric=each.metric.name,
        candidate=each.candidate.estimate(at, confidence),
        champion=each.champion.estimate(at, confidence) if each.champion else None,
        difference=each.difference.estimate(at, confidence) if each.difference else None,
        verdict=verdict,
    )


def _check(
    golden: Engine,
    asked: Slices,
    each: Compared,
    difference: Sliced,
    enough: NDArray[np.bool_],
    worse: NDArray[np.bool_],
    doubt: NDArray[np.bool_],
    family: int,
) -> Check:
    """One metric in all parts of one column; its estimate is that of the part that looks worst."""
    names = each.parts.names
    small = [names[at] for at in np.flatnonzero(~enough)]
    verdict = overall(
        [
            *([Verdict.FAIL] if worse.any() else []),
            *([Verdict.INCONCLUSIVE] if small or doubt.any() else []),
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
    if doubt.any():
        told.append(wording.in_doubt(each.parts.column, [names[at] for at in np.flatnonzero(doubt)]))
    if small:
        told.append(wording.too_small(each.parts.column, small, asked.min_rows, asked.min_positives))
        fewest = int(max(each.parts.rows[~enough].min(), 1))
        needed = math.ceil(golden.rows * max(asked.min_rows / fewest, 1.0))
        needed = needed if needed > golden.rows else None
    return Check(
        id=f"{each.metric.name}.slices.{each.parts.column}",
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


def _weakest(golden: Engine, asked: Slices, parted: Parted) -> Slice | None:
    """The part of one or two columns where the candidate loses most surely to the champion, on the primary metric.

    Before there is a champion: where the candidate is most surely worse than on the whole.
    """
    lowest, found, looked = math.inf, None, 0
    for each in parted.pairs(golden.primary):
        enough = each.parts.enough(asked)
        looked += int(enough.sum())
        if not enough.any():
            continue
        surprise = np.where(enough, _surprise(golden, each), math.inf)
        at = int(np.argmin(surprise))
        if found is None or surprise[at] < lowest:
            lowest, found = float(surprise[at]), _slice(golden, each, at, Verdict.PASS)
    return found and found.told(wording.weakest(found, looked, golden.policy.confidence))


def _surprise(golden: Engine, each: Compared) -> Array:
    if each.difference is not None:
        return each.difference.surprise()
    sign = 1.0 if each.metric.better == "higher" else -1.0
    whole = golden.value(CANDIDATE, each.metric.name).value
    apart = Sliced(sign * (each.candidate.values - whole), each.candidate.errors, each.candidate.degrees)
    return apart.surprise()
