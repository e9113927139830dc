"""The sentences of a report. Reports on every surface print these, so that no two tell another story."""

from __future__ import annotations

from collections.abc import Sequence

from fearless.gate.findings import Check, Verdict
from fearless.gate.rules import CHAMPION_RULES, LOWER_RULES

# How a change of its own judges is mended, by the rule that it broke.
MEND = {
    "alone": "Take what must change alone into a pull request of its own, and merge that one first.",
    "unedited": "Bring the template's files back; the README says where to change what.",
}
PLACES = {"pull_request": "on a pull request", "release": "on a release"}


def summary(
    verdict: Verdict, checks: Sequence[Check], rows: int, champion: bool, mode: str, reaction: str
) -> str:
    """The verdict in one sentence."""
    concerned = [check.id for check in checks if check.verdict is verdict]
    count, names = f"{len(concerned)} of {len(checks)} checks", ", ".join(concerned)
    if verdict is Verdict.PASS:
        first = "" if champion else "; there is no champion yet to compare with"
        return f"The candidate passes all {len(checks)} checks on {rows:,} golden rows{first}."
    if verdict is Verdict.FAIL:
        return f"The candidate fails {count} on {rows:,} golden rows: {names}."
    means = "this counts as a failure" if reaction == "fail" else "this warns"
    return f"{rows:,} golden rows cannot settle {count}: {names}; {means} {PLACES[mode]}."


def next_steps(verdict: Verdict, checks: Sequence[Check], mode: str, reaction: str) -> list[str]:
    """What to do now, most telling first."""
    failed = {check.kind for check in checks if check.verdict is Verdict.FAIL}
    if verdict is Verdict.PASS:
        return ["The candidate may be " + ("merged." if mode == "pull_request" else "released.")]
    steps: list[str] = []
    broken = {check.rule for check in checks if check.verdict is Verdict.FAIL}
    steps += [text for rule, text in MEND.items() if rule in broken]
    if "too_good" in failed:
        steps.append(
            "Look for a feature that knows the answer; if there is none, write who looked into "
            "`too_good: {reviewed: ...}` in gate.yaml."
        )
    if "baseline" in failed:
        steps.append(
            "A simpler model does as well or better: ship that one (and take it out of `baselines:` in gate.yaml),"
            " or improve features.py and model.py."
        )
    if failed & {"floor", "champion"}:
        steps.append("Improve features.py, model.py or params.yaml, then `uv run fearless train` and `gate`.")
    if needed := [check.rows_needed for check in checks if check.rows_needed]:
        steps.append(
            f"About {max(needed):,} golden rows would settle what is open, if the figures stay as they are."
        )
    elif any(check.verdict is Verdict.INCONCLUSIVE for check in checks):
        steps.append("More golden rows will not settle what is open: the candidate sits on the limit.")
    if verdict is Verdict.INCONCLUSIVE and reaction == "warn":
        steps.append("You may go on: it is neither proven good enough nor proven worse.")
    if failed:
        steps.append("A lower bar in gate.yaml is a change of its own, in a pull request of its own.")
    return steps


def notes(confidence: float, champion: bool, skipped: Sequence[str], groups: int | None) -> list[str]:
    """What a reader must know to read the figures."""
    found = [f"Bounds are one-sided, each with {_percent(confidence)} confidence."]
    if not champion:
        not_run = f": {', '.join(skipped)} not run" if skipped else ""
        found.append(f"No champion yet{not_run}. The first release makes one.")
    if groups is not None:
        found.append(f"Rows that belong together count as one piece of evidence: {groups:,} groups.")
    return found


def sentence(check: Check, value: float, bounds: str) -> str:
    """What was found beside what was asked, for a floor, the champion or a baseline."""
    measure = f"{check.metric} skill" if check.of == "skill" else check.metric
    if check.against is None:
        subject = measure
        wish = f"it must be {'at most' if check.rule in LOWER_RULES else 'at least'} {check.limit:.4g}"
    else:
        subject = f"advantage over the {check.against.replace('_', '-')} in {measure}"
        wish = f"it must be above {_threshold(check):.4g}"
    settle = f"; about {check.rows_needed:,} golden rows would settle it" if check.rows_needed else ""
    return f"{subject} is {number(value, _threshold(check))}{bounds}; {wish}{settle}."


def bounds(check: Check, lower: float, upper: float, confidence: float) -> str:
    """The bound that decided, or both where neither could."""
    low, high = number(lower, _threshold(check)), number(upper, _threshold(check))
    if check.verdict is Verdict.INCONCLUSIVE:
        return f", somewhere from {low} to {high}"
    upwards = check.rule not in LOWER_RULES or check.against is not None
    proven = f"at least {low}" if (check.verdict is Verdict.PASS) == upwards else f"at most {high}"
    return f", {proven} with {_percent(confidence)} confidence"


def among(family: int) -> str:
    """Why a difference whose own bound is below 0 is not proven: it is one of several."""
    return f" Below 0, but not by enough for one of {family} comparisons (Holm)."


def too_good(metric: str, value: float, limit: float, reviewed: str) -> str:
    """Whether the skill is one that should make people look for a leak."""
    shown = number(value, limit)
    if value <= limit:
        return f"{metric} skill is {shown}; up to {limit:.4g} it is believed without a review."
    if reviewed:
        return f"{metric} skill is {shown}, above {limit:.4g}; reviewed for leakage: {reviewed}."
    return (
        f"{metric} skill is {shown}, above {limit:.4g}: too good to be true until somebody looked for a leak."
    )


def _threshold(check: Check) -> float:
    """What the estimate is compared with: the limit, or for an advantage how much of it may be lost."""
    return -check.limit if check.rule in CHAMPION_RULES else check.limit


def number(value: float, beside: float) -> str:
    """Four significant digits, and more where fewer would look equal to the number it is compared with."""
    for digits in (4, 6, 9):
        text = f"{value:.{digits}g}"
        if value == beside or float(text) != float(f"{beside:.{digits}g}"):
            return text
    return text


def _percent(confidence: float) -> str:
    return f"{100 * confidence:.4g} %"
