"""What may be asked of a metric: the rules of a check, and the numbers that make sense for each."""

from __future__ import annotations

import math
from typing import Literal

from fearless.gate.metrics import METRICS, PRIMARY, Metric

Rule = Literal["min_skill", "max_skill_drop", "floor", "ceiling", "max_drop", "max_rise"]

# Rules that compare with the champion; the others stand on the candidate alone.
CHAMPION_RULES: tuple[Rule, ...] = ("max_skill_drop", "max_drop", "max_rise")
FLOOR_RULES: tuple[Rule, ...] = ("min_skill", "floor", "ceiling")
# Rules that make sense for one direction only: a floor for a loss would ask for a worse model.
HIGHER_RULES: tuple[Rule, ...] = ("floor", "max_drop")
LOWER_RULES: tuple[Rule, ...] = ("ceiling", "max_rise")
SKILL_RULES: tuple[Rule, ...] = ("min_skill", "max_skill_drop")


def misfit(metric: Metric, rule: Rule, limit: float) -> str:
    """Why `rule: limit` cannot be asked of the metric, or an empty text."""
    if metric.better == "lower" and rule in HIGHER_RULES:
        return f"lower is better for `{metric.name}`. Use `{LOWER_RULES[HIGHER_RULES.index(rule)]}`."
    if metric.better == "higher" and rule in LOWER_RULES:
        return f"higher is better for `{metric.name}`. Use `{HIGHER_RULES[LOWER_RULES.index(rule)]}`."
    if not metric.skilled and rule in SKILL_RULES:
        used = "floor" if rule == "min_skill" else "max_drop"
        if metric.better == "lower":
            used = LOWER_RULES[HIGHER_RULES.index(used)]
        return f"`{metric.name}` has no skill, since saying the same of every row may reach any value. Use `{used}`."
    return _outside(metric, rule, limit)


def misfit_of_primary(rule: Rule, limit: float) -> str:
    """What is wrong with a number for `primary`, whichever metric the task makes of it."""
    texts = [_outside(METRICS[name], rule, limit) for name in PRIMARY.values()]
    return texts[0].replace(f"`{PRIMARY['binary']}`", "`primary`") if all(texts) else ""


def _outside(metric: Metric, rule: Rule, limit: float) -> str:
    """What is wrong with a number that no model could reach, or that every model would."""
    lowest, highest = metric.domain
    if rule == "min_skill":
        allowed, fits = "at least -1 and below 1", -1 <= limit < 1
    elif rule == "max_skill_drop":
        allowed, fits = "above 0 and at most 1", 0 < limit <= 1
    elif rule in ("max_drop", "max_rise"):
        width = highest - lowest
        allowed = f"above 0{f' and at most {width:g}' if width < math.inf else ''} for `{metric.name}`"
        fits = 0 < limit <= width
    else:
        ends = [("at least", lowest), ("at most", highest)]
        said = " and ".join(f"{word} {end:g}" for word, end in ends if math.isfinite(end))
        allowed, fits = f"{said} for `{metric.name}`", lowest <= limit <= highest
    if fits:
        return ""
    why = ", since with no margin even an unchanged model could not pass"
    short = f"{limit:g}" if float(f"{limit:g}") == limit else repr(limit)
    return f"must be {allowed}{why if rule in CHAMPION_RULES and limit <= 0 else ''}, not {short}."
