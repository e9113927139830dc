"""The sentences of a report. Reports on every surface print these, so that no two tell another story."""

from __future__ import annotations

from collections.abc import Sequence

from fearless.gate.findings import Check, Estimate, Slice, Verdict
from fearless.gate.rules import CHAMPION_RULES, LOWER_RULES

# How a change of its own judges is mended, by the rule that it broke.
MEND = {
    "alone": "Take what must change alone into a pull request of its own, and merge that one first.",
    "champion": "Bring it back: a release makes another champion, and nothing takes one away.",
    "unproven": "Let this machine read the template: its address stands in .copier-answers.yml.",
    "unedited": "Bring the template's files back; the README says where to change what.",
}
RIVALS = {"constant": "constant guess", "one_feature": "rule on one feature", "linear": "linear model"}
# What a bar in gate.yaml is about; a lower one would not mend the rest.
BARS = {"floor", "champion", "value", "baseline", "slice", "calibration", "budget"}
# What the streaming engine rounds away.
SETTLED = "closer than the certified error of the streaming engine, and `--engine exact` settles it"
LISTED = 5  # names in a sentence; all of them stand in the tables
PLACES = {"pull_request": "on a pull request", "release": "on a release"}


def summary(
    verdict: Verdict, checks: Sequence[Check], rows: Sequence[int], champion: bool, mode: str, reaction: str
) -> str:
    """The verdict in one sentence. `rows` are those of each golden set that was judged."""
    golden = f"{' and '.join(f'{each:,}' for each in rows)} golden rows"
    concerned = [check.id for check in checks if check.verdict is verdict]
    count, names = f"{len(concerned)} of {len(checks)} checks", _listed(concerned)
    if verdict is Verdict.PASS:
        first = "" if champion else "; there is no champion yet to compare with"
        return f"The candidate passes all {len(checks)} checks on {golden}{first}."
    if verdict is Verdict.FAIL:
        return f"The candidate fails {count} on {golden}: {names}."
    means = "this counts as a failure" if reaction == "fail" else "this warns"
    return f"{golden} cannot settle {count}: {names}; {means} {PLACES[mode]}."


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
    if failed & {"floor", "champion", "value"}:
        steps.append("Improve features.py, model.py or params.yaml, then `uv run fearless train` and `gate`.")
    if "slice" in failed:
        steps.append(
            "Look at the rows of the part that got worse: a feature that serves most may harm a few; then train again."
        )
    if "calibration" in failed:
        steps.append(
            "Calibrate the probabilities in model.py (scikit-learn's CalibratedClassifierCV does), then train again."
        )
    if "budget" in failed:
        steps.append("Make the model smaller (fewer or shallower trees, fewer features), then train again.")
    # Beside a failure more rows would settle what is open, and mend nothing.
    if verdict is Verdict.INCONCLUSIVE:
        needed = [check.rows_needed for check in checks if check.rows_needed]
        if needed:
            steps.append(
                f"About {max(needed):,} golden rows would settle what is open, if the figures stay as they are."
            )
        elif any(check.verdict is Verdict.INCONCLUSIVE and check.estimate for check in checks):
            steps.append("More golden rows will not settle what is open: the candidate sits on the limit.")
    if verdict is Verdict.INCONCLUSIVE and reaction == "warn":
        steps.append("You may go on: it is neither proven good enough nor proven worse.")
    if failed & BARS:
        steps.append("A lower bar in gate.yaml is a change of its own, in a pull request of its own.")
    return steps


def notes(
    confidence: float, champion: bool, skipped: Sequence[str], groups: int | None, more: Sequence[str] = ()
) -> list[str]:
    """What a reader must know to read the figures."""
    found = [f"Bounds are one-sided, each with {_percent(confidence)} confidence."]
    if not champion:
        not_run = f": {', '.join(skipped)} not run" if skipped else ""
        found.append(f"No champion yet{not_run}. The first release makes one.")
    if groups is not None:
        found.append(f"Rows that belong together count as one piece of evidence: {groups:,} groups.")
    return [*found, *more]


def sentence(check: Check, value: float, bounds: str) -> str:
    """What was found beside what was asked, for a floor, the champion or a baseline."""
    measure = f"{check.metric} skill" if check.of == "skill" else check.metric
    if check.against is None:
        subject = measure
        wish = f"it must be {'at most' if check.rule in LOWER_RULES else 'at least'} {check.limit:.4g}"
    else:
        subject = f"advantage over the {RIVALS.get(check.against, check.against)} in {measure}"
        wish = f"it must be above {_threshold(check):.4g}"
        if check.kind == "champion" and check.verdict is Verdict.FAIL:
            # The bound may lie above the margin: what fails is that it is worse at all, and not shown to be close.
            wish = f"it is worse, and not shown to be within {check.limit:.4g}"
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


def calibration(value: float, lower: float, upper: float, limit: float, verdict: Verdict) -> str:
    """How far a probability is from what happens, on average over bins of equally many rows."""
    shown, low, high = (number(each, limit) for each in (value, lower, upper))
    if verdict is Verdict.INCONCLUSIVE:
        found = f"somewhere from {low} to {high}"
    else:
        found = f"at most {high}" if verdict is Verdict.PASS else f"at least {low}"
    return (
        f"a probability differs from the share that turns out positive by {shown} on average (ECE), {found};"
        f" it must be at most {limit:.4g}."
    )


def part(found: Slice, confidence: float, family: int) -> str:
    """One metric in one part of the rows, beside the champion's."""
    where = f"{_where(found)}: {found.metric} {found.candidate.value:.4g}"
    if found.champion is None or found.difference is None:
        return f"{where}; there is no champion yet to compare with."
    told = f"{where}, the champion's {found.champion.value:.4g}; advantage {_span(found.difference)}"
    if found.verdict is Verdict.FAIL:
        return f"{told}: proven worse among {family} comparisons (Holm)."
    proven = "better" if found.difference.lower > 0 else "not proven worse"
    if found.verdict is Verdict.INCONCLUSIVE:
        proven = f"perhaps worse: 0 is {SETTLED}"
    return f"{told} with {_percent(confidence)} confidence each way: {proven}."


def part_too_small(found: Slice, rows: int, positives: int) -> str:
    """A part that has too few rows for a verdict."""
    return (
        f"{_where(found)}: too few rows to judge ({_needed(found.positives is not None, rows, positives)})."
    )


def parts(
    worst: Slice, apart: Estimate, confidence: float, family: int, judged: int, others: Sequence[str]
) -> str:
    """One metric in all parts of a column: the part that looks worst stands for them."""
    where = f"{worst.by} = {worst.level} ({worst.rows:,} rows): advantage {_span(apart)}"
    if worst.verdict is Verdict.FAIL:
        more = f", and where it is {_listed(others)}" if others else ""
        return (
            f"{worst.metric} is proven worse than the champion's where {where}{more};"
            f" {family} comparisons were made, and Holm's correction allows for that."
        )
    return (
        f"{worst.metric} is proven worse than the champion's in none of {judged} parts; lowest where {where}"
        f" with {_percent(confidence)} confidence each way."
    )


def in_doubt(column: str, levels: Sequence[str]) -> str:
    """The parts that only an exact judgement can tell."""
    return f"Where {column} is {_listed(levels)} it may be proven worse: 0 is {SETTLED}."


def too_small(column: str, levels: Sequence[str], rows: int, positives: int) -> str:
    """The parts of a column that could not be judged."""
    asked = f"at least {rows:,} rows, and {positives:,} of the rarer class where there are classes"
    return f"Too few rows to judge where {column} is {_listed(levels)}: a part needs {asked}."


def weakest(found: Slice, looked: int, confidence: float) -> str:
    """The weakest part that was found, with a warning not to make much of it."""
    if found.difference is None or found.champion is None:
        told = f"{_where(found)}: {found.metric} {found.candidate.value:.4g}"
    else:
        told = (
            f"{_where(found)}: {found.metric} {found.candidate.value:.4g}, the champion's"
            f" {found.champion.value:.4g}; advantage {_span(found.difference)} with {_percent(confidence)}"
            " confidence each way"
        )
    return f"{told}. It is the weakest of {looked} parts that were looked at, and decides nothing."


def latency(
    candidate: float,
    champion: float,
    ratio: float,
    lower: float,
    upper: float,
    limit: float,
    verdict: Verdict,
) -> str:
    """How long the slowest requests take beside the champion's, in milliseconds and as a ratio."""
    shown, low, high = (number(each, limit) for each in (ratio, lower, upper))
    if verdict is Verdict.INCONCLUSIVE:
        found = f"somewhere from {low} to {high}"
    else:
        found = f"at most {high}" if verdict is Verdict.PASS else f"at least {low}"
    return (
        f"95 of 100 single rows are scored within {candidate:.3g} ms, by the champion within {champion:.3g} ms:"
        f" {shown} times as long, {found}; it may be at most {limit:.4g} times."
    )


def size(megabytes: float, limit: float) -> str:
    """How large the artifact is."""
    return f"models/candidate has {number(megabytes, limit)} MB; it may have at most {limit:.4g} MB."


def would_be(check: Check, since: str) -> str:
    """A check that gate.yaml does not name, and that would not pass."""
    return (
        f"New since {since}, and only a warning until gate.yaml names it: {check.id} would be {check.verdict}."
        f" {check.sentence[:1].upper()}{check.sentence[1:]}"
    )


def golden_set(base: bool, verdict: Verdict, rows: int, left_out: int) -> str:
    """What one of two golden sets says."""
    which = "the golden data of the base" if base else "the golden data of this change"
    less = (
        f"; {left_out:,} more are left out, since the candidate was trained on them or on rows of their group"
        if left_out
        else ""
    )
    return f"{verdict} by {which} ({rows:,} rows{less})."


def too_few_left(left: int, left_out: int) -> str:
    """Why the base's golden data could not judge."""
    return (
        f"INCONCLUSIVE by the golden data of the base: the candidate was trained on {left_out:,} of its"
        f" {left + left_out:,} rows or on rows of their group, and the {left:,} that are left are too few to judge."
    )


def seen_by_champion() -> str:
    """What the champion may know of other golden data."""
    return (
        "The champion was trained before this golden data was chosen, and may have seen rows of it: it may look better"
        " there than it is."
    )


def tried(verdict: Verdict, differ: int) -> str:
    """What a gate.yaml that is not merged yet would say."""
    checks = {0: "No check differs", 1: "1 check differs"}.get(differ, f"{differ} checks differ")
    return (
        f"The gate.yaml of this change would say {verdict} on this golden data, and does not count before it is merged."
        f" {checks}."
    )


def not_tried(error: str) -> str:
    """A gate.yaml that is not merged yet and could not judge."""
    return (
        "The gate.yaml of this change could not judge this golden data, and does not count before it is merged:"
        f" {error}"
    )


def asked_otherwise(name: str, now: Check | None, then: Check | None) -> str:
    """One check by the gate.yaml that judges, and by the one that is tried."""
    said = [
        "not asked" if each is None else f"{each.verdict} (asked: {each.limit:.4g})" for each in (now, then)
    ]
    return f"{name}: {said[0]} by the gate.yaml that judges, {said[1]} by that of this change."


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _where(found: Slice) -> str:
    counted = f", {found.positives:,} positive" if found.positives is not None else ""
    return f"{found.by} = {found.level} ({found.rows:,} rows{counted})"


def _needed(classes: bool, rows: int, positives: int) -> str:
    return f"it needs {rows:,}" + (f", and {positives:,} of the rarer class" if classes else "")


def _span(found: Estimate) -> str:
    low, high = number(found.lower, 0.0), number(found.upper, 0.0)
    return f"{number(found.value, 0.0)}, from {low} to {high}"


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
