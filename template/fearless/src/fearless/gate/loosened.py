"""Which numbers of a policy ask for less than another one does."""

from __future__ import annotations

import operator
from collections.abc import Callable

from fearless.gate.policy import WORTH, Policy, Requirement, requirements

# A lower limit asks for less; of every other rule a higher one does.
ASK_FOR_MORE = ("min_skill", "floor")

# The other sections: how a new number must compare with the old one to ask for less. Any other number of rows for a
# part does: with fewer it is judged on too little, with more it is not judged at all. Any other worth of an answer
# does too, since it may make a model worth more that is no better.
LESS: dict[str, dict[str, Callable[[float, float], bool]]] = {
    "calibration": {"ece_max": operator.gt},
    "slices": {"min_rows": operator.ne, "min_positives": operator.ne},
    "value": {
        **{name: operator.ne for names in WORTH.values() for name in names},
        "threshold": operator.ne,
    },
    "budgets": {"p95_ms_ratio": operator.gt, "model_mb": operator.gt},
}


def loosened(base: Policy, change: Policy, task: str) -> list[str]:
    """What `change` asks less of than `base`, one text each, such as `log_loss.min_skill 0.35 -> 0.2`."""
    now = {each.id: each for each in requirements(change, task)}
    found = [text for each in requirements(base, task) if (text := _looser(each, now.get(each.id)))]
    # A lower one lets more pass, and with a higher one less is proven: a worse part passes, a drop stays open.
    if change.confidence != base.confidence:
        found.append(f"confidence {_apart(base.confidence, change.confidence)}")
    if (base.floor_mode, change.floor_mode) == ("confident", "point"):
        found.append("floor_mode confident -> point")
    for mode in type(base.on_inconclusive).model_fields:
        before, after = getattr(base.on_inconclusive, mode), getattr(change.on_inconclusive, mode)
        if (before, after) == ("fail", "warn"):
            found.append(f"on_inconclusive.{mode} fail -> warn")
    found += _sections(base, change)
    found += [f"baselines: {name} -> gone" for name in base.baselines if name not in change.baselines]
    return found + _less_wary(base, change)


def _looser(before: Requirement, after: Requirement | None) -> str:
    if after is None:
        return f"{before.id} {before.limit:g} -> gone"
    less = after.limit < before.limit if before.rule in ASK_FOR_MORE else after.limit > before.limit
    return f"{before.id} {_apart(before.limit, after.limit)}" if less else ""


def _sections(base: Policy, change: Policy) -> list[str]:
    """Calibration, slices, value and budgets: what is gone, and which number asks for less."""
    found: list[str] = []
    for section, numbers in LESS.items():
        before, after = getattr(base, section), getattr(change, section)
        if before is None:
            continue
        for name, less in numbers.items():
            old, new = getattr(before, name), getattr(after, name, None)
            if old is not None and (new is None or less(new, old)):
                found.append(f"{section}.{name} {f'{old:g} -> gone' if new is None else _apart(old, new)}")
    if base.slices is not None:
        left = change.slices.by if change.slices else []
        found += [f"slices.by: {name} -> gone" for name in base.slices.by if name not in left]
    return found


def _less_wary(base: Policy, change: Policy) -> list[str]:
    """A review of what is too good is no loosening: it says who looked, and the report shows it."""
    if base.too_good is None:
        return []
    if change.too_good is None:
        return [f"too_good.skill {base.too_good.skill:g} -> gone"]
    if change.too_good.skill > base.too_good.skill:
        return [f"too_good.skill {_apart(base.too_good.skill, change.too_good.skill)}"]
    return []


def _apart(before: float, after: float) -> str:
    """Two numbers that differ, with as many digits as it takes to see that."""
    short = f"{before:g} -> {after:g}"
    return short if f"{before:g}" != f"{after:g}" else f"{before!r} -> {after!r}"
