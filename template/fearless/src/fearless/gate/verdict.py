"""The judge: scores on golden data and the policy in, a report with one verdict out.

Three verdicts where others have two. Against the champion, D is the candidate's advantage, paired by row:
lower(D) > -margin is PASS, else upper(D) < 0 is FAIL, else INCONCLUSIVE with the number of rows that would
settle it. Two equal models then fail rarely at any size, where a bare `metric >= champion` blocks every
second one. Whatever cannot be judged is ERROR, never a pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fearless.core.errors import FearlessError
from fearless.gate import wording
from fearless.gate.default_checks import DEFAULT_CHECKS
from fearless.gate.engine import Engine
from fearless.gate.evidence import Evidence, holm
from fearless.gate.findings import (
    Check,
    Estimate,
    Model,
    Report,
    Slice,
    Verdict,
    Worth,
    exit_code,
    overall,
)
from fearless.gate.intervals import Interval, rows_to_settle
from fearless.gate.levels import Levels
from fearless.gate.metrics import PRIMARY
from fearless.gate.own import Function, is_own
from fearless.gate.parts import Parted
from fearless.gate.policy import Mode, Policy, Requirement, TooGood, requirements, sliced_metrics
from fearless.gate.rules import CHAMPION_RULES, FLOOR_RULES, LOWER_RULES, SKILL_RULES
from fearless.gate.scored import CANDIDATE, CHAMPION, CONSTANT, Scored
from fearless.gate.scored_parts import ScoredParts
from fearless.gate.slices import judge_slices, refuse_other_slices
from fearless.gate.value import NAME as VALUE

# Below this many rows (of the rarer class, or groups) bounds rest on too little to let anything pass.
FEWEST_ROWS = 10


def judge(
    policy: Policy,
    task: str,
    y: ArrayLike,
    candidate: ArrayLike,
    champion: ArrayLike | None,
    baselines: Mapping[str, ArrayLike],
    mode: Mode = "pull_request",
    *,
    groups: NDArray[Any] | None = None,
    slices: Iterable[Levels] = (),
    own: Mapping[str, Function] | None = None,
    classes: Sequence[str] = (),
    descriptions: Mapping[str, str] | None = None,
    context: Mapping[str, Any] | None = None,
    beside: Sequence[Check] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Judge the candidate on n golden rows.

    `y` and all scores are (n,), in the same order of rows. Task `binary`: y is 0/1 or boolean and scores are
    the probability of 1; task `regression`: both in the target's unit; task `multiclass`: y holds names of `classes`,
    scores are (n, k) probabilities in the order of `classes`. `champion` is None before the first
    release. `baselines` maps the names of fearless.gate.baselines to their scores; `constant` must be there.
    `groups` (n,) names the customer, or the like, that a row belongs to: rows of one group are no independent
    evidence. `slices` are the columns of the policy's `slices.by`, `own` the team's own metrics by their name in
    gate.yaml. `descriptions` says what each model is, `context` who judged what (see gate-report.md); both are
    copied into the report, as are the checks `beside` and the `notes`. Nothing is raised for data that cannot be
    judged: the verdict is ERROR then.
    """
    try:
        requirements(policy, task)
        golden = Scored.of(policy, task, y, candidate, champion, baselines, groups, own, classes)
        parted = _parted(golden, slices)
    except FearlessError as error:
        return not_judged([str(error)], task, mode, policy, context)
    return judge_measured(
        golden, parted, mode, descriptions=descriptions, context=context, beside=beside, notes=notes
    )


def judge_measured(
    golden: Engine,
    parted: Parted | None,
    mode: Mode,
    *,
    descriptions: Mapping[str, str] | None = None,
    context: Mapping[str, Any] | None = None,
    beside: Sequence[Check] = (),
    notes: Sequence[str] = (),
) -> Report:
    """Judge golden rows that an engine has measured, and their parts where the policy asks for slices."""
    policy, task = golden.policy, golden.task
    try:
        asked = requirements(policy, task)
        with np.errstate(over="ignore", invalid="ignore"):
            of_slices, parts, worst = _slices(golden, parted)
            checks = [*_checks(golden, asked), *of_slices, *beside]
            warned = _warnings(golden)
            worth = _worth(golden)
            models = _models(golden, [each.metric for each in asked], descriptions or {})
    except FearlessError as error:
        return not_judged([str(error)], task, mode, policy, context)
    verdict = overall(check.verdict for check in checks)
    reaction = getattr(policy.on_inconclusive, mode)
    compared = CHAMPION in golden.scores
    skipped = [] if compared else [each.id for each in asked if each.rule in CHAMPION_RULES]
    return Report(
        verdict=verdict,
        exit_code=exit_code(verdict, reaction),
        mode=mode,
        summary=wording.summary(verdict, checks, [golden.rows], compared, mode, reaction),
        next=wording.next_steps(verdict, checks, mode, reaction),
        notes=wording.notes(
            policy.confidence, compared, skipped, golden.groups, [*golden.told, *warned, *notes]
        ),
        errors=[],
        task=task,
        primary=golden.primary,
        confidence=policy.confidence,
        golden={"rows": golden.rows, "positives": golden.positives, "groups": golden.groups},
        checks=checks,
        models=models,
        policy=policy.model_dump(),
        context=dict(context or {}),
        slices=parts,
        worst_slice=worst,
        value=worth,
    )


def not_judged(
    errors: list[str],
    task: str,
    mode: Mode,
    policy: Policy | None = None,
    context: Mapping[str, Any] | None = None,
) -> Report:
    """The report with verdict ERROR for what stopped the judgement: a sentence for each cause, at least one."""
    errors = [line for each in errors for line in each.splitlines()]
    return Report(
        verdict=Verdict.ERROR,
        exit_code=exit_code(Verdict.ERROR, "fail"),
        mode=mode,
        summary=f"The candidate was not judged: {errors[0]}",
        next=["Mend this and run `uv run fearless gate` again: what cannot be judged never passes."],
        notes=[],
        errors=errors,
        task=task,
        primary=PRIMARY.get(task, ""),
        confidence=policy.confidence if policy else None,
        golden={"rows": None, "positives": None, "groups": None},
        policy=policy.model_dump() if policy else {},
        context=dict(context or {}),
    )


def _checks(golden: Engine, asked: list[Requirement]) -> list[Check]:
    if not asked:
        raise FearlessError("gate.yaml asks for no check at all.", fix="Add one under `checks`.")
    compared = _champion_checks(golden, asked) if CHAMPION in golden.scores else {}
    found: list[Check] = []
    for each in asked:
        if each.rule not in CHAMPION_RULES:
            found.append(_floor_check(golden, each))
        elif each.id in compared:
            found.append(compared[each.id])
    found += [_baseline_check(golden, name) for name in golden.policy.baselines]
    if not found:
        raise FearlessError(
            "There is no champion yet, and gate.yaml asks for nothing else.",
            fix="Add a floor such as `min_skill` under `checks`, or a baseline under `baselines`.",
        )
    if golden.policy.calibration is not None:
        found.append(_calibration_check(golden, golden.policy.calibration.ece_max))
    if golden.policy.too_good is not None:
        found.append(_too_good_check(golden, golden.policy.too_good))
    return found


def _floor_check(golden: Engine, asked: Requirement) -> Check:
    of = "skill" if asked.rule in SKILL_RULES else "value"
    measure = golden.skill if of == "skill" else golden.value
    found = golden.interval(measure(CANDIDATE, asked.metric))
    sign = -1.0 if asked.rule in LOWER_RULES else 1.0
    careful, hopeful = (found.lower, found.upper) if sign > 0 else (found.upper, found.lower)
    if golden.policy.floor_mode == "point":
        careful, hopeful = found.value - sign * found.value_error, found.value + sign * found.value_error
    if sign * (careful - asked.limit) >= 0:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if sign * (hopeful - asked.limit) < 0 else Verdict.INCONCLUSIVE
    kind = "value" if asked.metric == VALUE else "floor"
    check = Check(asked.id, kind, asked.metric, of, None, asked.rule, asked.limit, verdict)
    check = _completed(golden, check, found, abs(found.value - asked.limit))
    # A measured number that is neither above nor below is one that the engine rounded.
    return _told_doubt(check, golden.policy.floor_mode == "point" or found.doubt(asked.limit))


def _champion_checks(golden: Engine, asked: list[Requirement]) -> dict[str, Check]:
    """One check for each margin. To fail, a drop must be proven among all of them together (Holm).

    Without that, each check more would be another chance for an equal model to fail by luck. To pass, all
    must pass, so that each keeps its own bound.
    """
    asked = [each for each in asked if each.rule in CHAMPION_RULES]
    evidence = [_advantage(golden, each) for each in asked]

    def proven(upper_of: Callable[[Interval], float]) -> NDArray[np.bool_]:
        return holm(
            lambda confidence: np.array([upper_of(each.interval(confidence)) for each in evidence]),
            len(evidence),
            golden.policy.confidence,
        )

    worse, may_be = proven(lambda found: found.upper), proven(lambda found: found.least_upper)
    return {
        each.id: _champion_check(
            golden, each, golden.interval(found), bool(proven), bool(perhaps), len(asked)
        )
        for each, found, proven, perhaps in zip(asked, evidence, worse, may_be, strict=True)
    }


def _advantage(golden: Engine, asked: Requirement) -> Evidence:
    if asked.rule in SKILL_RULES:
        return golden.skill_advantage(asked.metric, CHAMPION)
    return golden.advantage(asked.metric, CHAMPION)


def _champion_check(
    golden: Engine, asked: Requirement, found: Interval, worse: bool, perhaps: bool, family: int
) -> Check:
    """`worse` where a drop is proven, `perhaps` where it may be, of an engine that rounds."""
    of = "skill" if asked.rule in SKILL_RULES else "value"
    passes, may_pass = found.lower > -asked.limit, found.most_lower > -asked.limit
    if passes:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if worse and not may_pass else Verdict.INCONCLUSIVE
    kind = "value" if asked.metric == VALUE else "champion"
    check = Check(asked.id, kind, asked.metric, of, CHAMPION, asked.rule, asked.limit, verdict)
    check = _completed(golden, check, found, max(found.value + asked.limit, -found.value))
    if verdict is Verdict.INCONCLUSIVE and found.upper < 0:
        check = replace(check, sentence=check.sentence + wording.among(family))
    return _told_doubt(check, may_pass or (perhaps and not worse))


def _baseline_check(golden: Engine, name: str) -> Check:
    metric = golden.primary
    found = golden.interval(golden.advantage(metric, name))
    verdict = Verdict.PASS if found.lower > 0 else Verdict.INCONCLUSIVE
    if found.upper <= 0:
        verdict = Verdict.FAIL
    check = Check(f"{metric}.beats_{name}", "baseline", metric, "value", name, "beats", 0.0, verdict)
    return _completed(golden, check, found, abs(found.value))


def _calibration_check(golden: Engine, limit: float) -> Check:
    if golden.task != "binary":
        raise FearlessError(
            f"gate.yaml: calibration: is for probabilities, and this is {golden.task}.", fix="Remove it."
        )
    found = golden.interval(golden.calibration)
    careful, hopeful = found.upper, found.lower
    if golden.policy.floor_mode == "point":
        careful = hopeful = found.value
    if careful <= limit:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if hopeful > limit else Verdict.INCONCLUSIVE
    check = Check("ece.ece_max", "calibration", "ece", "value", None, "ece_max", limit, verdict)
    check = _completed(golden, check, found, abs(found.value - limit))
    told = wording.calibration(found.value, found.lower, found.upper, limit, check.verdict)
    return replace(check, sentence=told)


def _parted(golden: Scored, given: Iterable[Levels]) -> Parted | None:
    """The columns of `slices.by`; raises FearlessError where one is missing or has other rows."""
    wanted = golden.policy.slices
    if wanted is None:
        return None
    by_name = {levels.column: levels for levels in given}
    refuse_other_slices(wanted, golden.rows, {name: len(each.codes) for name, each in by_name.items()})
    return ScoredParts(golden, [by_name[name] for name in wanted.by])


def _slices(golden: Engine, parted: Parted | None) -> tuple[list[Check], list[Slice], Slice | None]:
    if golden.policy.slices is None or parted is None:
        return [], [], None
    return judge_slices(golden, golden.policy.slices, parted, sliced_metrics(golden.policy, golden.task))


def _worth(golden: Engine) -> Worth | None:
    asked = golden.policy.value
    if asked is None:
        return None
    compared = CHAMPION in golden.scores
    return Worth(
        asked.currency,
        asked.per,
        candidate=_estimate(golden.interval(golden.value(CANDIDATE, VALUE))),
        champion=_estimate(golden.interval(golden.value(CHAMPION, VALUE))) if compared else None,
        difference=_estimate(golden.interval(golden.advantage(VALUE, CHAMPION))) if compared else None,
        constant=_estimate(golden.interval(golden.value(CONSTANT, VALUE))),
    )


def _warnings(golden: Engine) -> list[str]:
    """What the checks that gate.yaml does not name yet would say; they count once it names them."""
    found = []
    for each in DEFAULT_CHECKS:
        if golden.task != each.task or each.id in {
            line.id for line in requirements(golden.policy, golden.task)
        }:
            continue
        check = _floor_check(golden, each.requirement)
        if check.verdict is not Verdict.PASS:
            found.append(wording.would_be(check, each.since))
    return found


def _too_good_check(golden: Engine, asked: TooGood) -> Check:
    metric, reviewed = golden.primary, asked.reviewed.strip()
    found = golden.interval(golden.skill(CANDIDATE, metric))
    verdict = Verdict.FAIL if found.value > asked.skill and not reviewed else Verdict.PASS
    return Check(
        id=f"{metric}.too_good",
        kind="too_good",
        metric=metric,
        of="skill",
        against=None,
        rule="too_good",
        limit=asked.skill,
        verdict=verdict,
        sentence=wording.too_good(metric, found.value, asked.skill, reviewed),
        estimate=_estimate(found),
    )


def _told_doubt(check: Check, doubt: bool) -> Check:
    """The check, which says so where it is open because the engine rounds."""
    if check.verdict is not Verdict.INCONCLUSIVE or not doubt:
        return check
    return replace(check, sentence=f"{check.sentence} The limit is {wording.SETTLED}.")


def _completed(golden: Engine, check: Check, found: Interval, distance: float) -> Check:
    """The check with its estimate and sentence; one that would pass on too few rows becomes INCONCLUSIVE.

    `distance` is how far the estimate is from the limit that it would have to clear.
    """
    point = check.rule in (*FLOOR_RULES, "ece_max") and golden.policy.floor_mode == "point"
    evidence = found.degrees + 1
    too_few = evidence < FEWEST_ROWS and check.verdict is Verdict.PASS and not point
    needed = None
    if too_few:
        needed = -(-golden.rows * FEWEST_ROWS // evidence) if evidence > 0 else None
    elif check.verdict is Verdict.INCONCLUSIVE:
        needed = rows_to_settle(found, distance, golden.rows, golden.policy.confidence)
    check = replace(
        check,
        verdict=Verdict.INCONCLUSIVE if too_few else check.verdict,
        estimate=_estimate(found),
        rows_needed=needed,
    )
    if point:
        bounds = ""
    elif too_few:
        bounds = f", resting on only {evidence} rows that count (the rarer class, or groups)"
    else:
        bounds = wording.bounds(check, found.lower, found.upper, golden.policy.confidence)
    return replace(check, sentence=wording.sentence(check, found.value, bounds))


def _models(golden: Engine, metrics: list[str], descriptions: Mapping[str, str]) -> list[Model]:
    """Candidate and champion on every metric that is judged, the baselines on the primary one.

    What knows nothing stands beside them on every metric of the table: that is what a model must be worth more than.
    """
    found: list[Model] = []
    for name in golden.scores:
        judged = name in (CANDIDATE, CHAMPION)
        wanted = {golden.primary, *metrics} if judged or name == CONSTANT else {golden.primary}
        if not judged:
            wanted = {metric for metric in wanted if not is_own(metric)}
        found.append(
            Model(
                name=name,
                role=name if judged else "baseline",
                description=descriptions.get(name, ""),
                metrics={
                    metric: _estimate(golden.interval(golden.value(name, metric)))
                    for metric in sorted(wanted)
                },
                skill=_estimate(golden.interval(golden.skill(name, golden.primary))),
            )
        )
    return found


def _estimate(found: Interval) -> Estimate:
    if not np.isfinite((found.standard_error, found.lower, found.upper)).all():
        raise FearlessError(
            f"The bounds of {found.value:.4g} are no finite numbers: a target or a score is far too large.",
            fix="Look for a score that is out of all proportion, or take a larger unit.",
        )
    return Estimate(found.value, found.standard_error, found.lower, found.upper)
