"""gate.yaml: what must hold to ship, read and checked. Every number the gate compares with is in there."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fearless.core.errors import FearlessError
from fearless.core.yaml_file import read_mapping
from fearless.gate.metrics import METRICS, PRIMARY, Metric

FILE = "gate.yaml"
VERSION = 1

Mode = Literal["pull_request", "release"]
Reaction = Literal["warn", "fail"]
Rule = Literal["min_skill", "max_skill_drop", "floor", "ceiling", "max_drop", "max_rise"]
BaselineName = Literal["constant", "one_feature", "linear"]

# Rules that compare with the champion; the others stand on the candidate alone.
CHAMPION_RULES: tuple[Rule, ...] = ("max_skill_drop", "max_drop", "max_rise")
# Rules that make sense for one direction only: a floor for a loss would ask for a worse model.
HIGHER_RULES: tuple[Rule, ...] = ("floor", "max_drop")
LOWER_RULES: tuple[Rule, ...] = ("ceiling", "max_rise")


class Strict(BaseModel):
    """No unknown keys, no text where a number belongs, no infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class OnInconclusive(Strict):
    """What a verdict that the data cannot settle means, in each mode."""

    pull_request: Reaction = "warn"
    release: Reaction = "fail"


class CheckLine(Strict):
    """One line under `checks`: a metric and what is asked of it."""

    metric: str
    min_skill: float | None = None
    max_skill_drop: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    max_drop: float | None = None
    max_rise: float | None = None


class TooGood(Strict):
    """A skill that no honest model reaches here; `reviewed` says who looked for the leak and found none."""

    skill: float = Field(gt=0, lt=1)
    reviewed: str = ""


class Policy(Strict):
    """gate.yaml, version 1. An absent `too_good` switches that question off."""

    version: int = Field(ge=VERSION, le=VERSION)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    floor_mode: Literal["confident", "point"] = "confident"
    on_inconclusive: OnInconclusive = OnInconclusive()
    retrain: Literal["never", "nightly", "pull_request"] = "pull_request"
    checks: list[CheckLine]
    baselines: list[BaselineName] = ["constant", "one_feature", "linear"]
    too_good: TooGood | None = None


@dataclass(frozen=True)
class Requirement:
    """One number that one metric is held to, with the name of the metric resolved for the task."""

    metric: str
    rule: Rule
    limit: float

    @property
    def id(self) -> str:
        """What the report calls it, such as `log_loss.min_skill`."""
        return f"{self.metric}.{self.rule}"


def load(path: Path) -> Policy:
    """The policy in the file at `path`.

    Raises FearlessError with one sentence for each thing that is wrong in it: the file, the key, what is
    the matter and, for a name that is not known, the nearest valid one.
    """
    return parse(read_mapping(path, FILE))


def parse(content: dict[str, Any]) -> Policy:
    """The policy in the content of gate.yaml; raises FearlessError as `load` does."""
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise FearlessError(
            f"{FILE} has version {version}, and this toolkit reads version {VERSION}.",
            fix="Bring in the newest toolkit with `copier update`, or write the file in version 1.",
        )
    try:
        policy = Policy.model_validate(content)
    except ValidationError as error:
        _refuse([_sentence(dict(problem)) for problem in error.errors(include_url=False)])
    _refuse(_mistakes(policy))
    return policy


def requirements(policy: Policy, task: str) -> list[Requirement]:
    """All that the policy asks of metrics, in file order.

    Raises FearlessError for a metric that does not judge this task, for a rule that does not fit the
    metric's direction or range, and for a number that is there twice.
    """
    found: list[Requirement] = []
    for at, line in enumerate(policy.checks):
        name = PRIMARY[task] if line.metric == "primary" else line.metric
        metric = METRICS[name]
        if metric.task != task:
            fitting = ", ".join(each.name for each in METRICS.values() if each.task == task)
            raise FearlessError(
                f"{FILE}: checks[{at}].metric: `{name}` judges {metric.task} targets, and this is {task}.",
                fix=f"Take one of: primary, {fitting}.",
            )
        for rule in get_args(Rule):
            limit = getattr(line, rule)
            if limit is None:
                continue
            if mistake := _misfit(name, rule, limit):
                raise FearlessError(f"{FILE}: checks[{at}].{rule}: {mistake}")
            requirement = Requirement(name, rule, limit)
            if any(requirement.id == other.id for other in found):
                raise FearlessError(
                    f"{FILE}: checks[{at}].{rule}: `{name}` has a {rule} already; one number, one home.",
                    fix="Remove one of the two.",
                )
            found.append(requirement)
    return found


def _mistakes(policy: Policy) -> list[str]:
    """What the types cannot see, one sentence each."""
    found: list[str] = []
    known = ["primary", *METRICS]
    for at, line in enumerate(policy.checks):
        rules = [rule for rule in get_args(Rule) if getattr(line, rule) is not None]
        if line.metric not in known:
            found.append(f"checks[{at}].metric: `{line.metric}` is not known. {_nearest(line.metric, known)}")
        elif not rules:
            found.append(
                f"checks[{at}]: asks nothing of `{line.metric}`. Give it one of: {', '.join(get_args(Rule))}."
            )
        else:
            found += [
                f"checks[{at}].{rule}: {text}"
                for rule in rules
                if (text := _mistaken_limit(line.metric, rule, getattr(line, rule)))
            ]
    if len(set(policy.baselines)) < len(policy.baselines):
        found.append("baselines: names one of them twice. Remove one.")
    if (
        policy.too_good
        and "reviewed" in policy.too_good.model_fields_set
        and not policy.too_good.reviewed.strip()
    ):
        found.append(
            "too_good.reviewed: must say who looked for the leak, when, and why the skill is real, not"
            f" {_shown(policy.too_good.reviewed)}."
        )
    return found


def _mistaken_limit(metric: str, rule: Rule, limit: float) -> str:
    if metric != "primary":
        return _misfit(metric, rule, limit)
    # Which metric it is, only the task shows; a number that is wrong for all of them is refused now.
    texts = [_outside(METRICS[name], rule, limit) for name in PRIMARY.values()]
    return texts[0].replace(f"`{PRIMARY['binary']}`", "`primary`") if all(texts) else ""


def _misfit(metric: str, rule: Rule, limit: float) -> str:
    better = METRICS[metric].better
    if better == "lower" and rule in HIGHER_RULES:
        return f"lower is better for `{metric}`. Use `{LOWER_RULES[HIGHER_RULES.index(rule)]}`."
    if better == "higher" and rule in LOWER_RULES:
        return f"higher is better for `{metric}`. Use `{HIGHER_RULES[LOWER_RULES.index(rule)]}`."
    return _outside(METRICS[metric], rule, limit)


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


def _refuse(mistakes: list[str]) -> None:
    if mistakes:
        raise FearlessError("\n".join(f"{FILE}: {mistake}" for mistake in mistakes))


def _sentence(problem: dict[str, Any]) -> str:
    """One of pydantic's complaints as: where, what, and how to mend it."""
    place: tuple[int | str, ...] = problem["loc"]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
    kind, given = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        return f"{where}: this key is not known. {_nearest(str(place[-1]), _names_beside(place))}"
    if kind == "missing":
        return f"{where}: is missing. Add that line."
    if kind == "literal_error":
        expected = problem["ctx"]["expected"].replace("'", "")
        hint = _nearest(str(given), expected.replace(" or ", ", ").split(", "))
        return f"{where}: must be {expected}, not {_shown(given)}. {hint}".rstrip()
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"{where or 'the file'}: must hold `key: value` lines, not {_shown(given)}."
    text = problem["msg"].replace("Input should be", "must be").replace("Input should", "must")
    return f"{where}: {text[0].lower()}{text[1:]}, not {_shown(given)}."


def _shown(given: object) -> str:
    if given is None:
        return "empty"
    text = f"the text '{given}'" if isinstance(given, str) else str(given)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _names_beside(place: tuple[int | str, ...]) -> list[str]:
    models: dict[str, type[BaseModel]] = {
        "checks": CheckLine,
        "on_inconclusive": OnInconclusive,
        "too_good": TooGood,
    }
    model = models.get(str(place[0]), Policy) if len(place) > 1 else Policy
    return list(model.model_fields)


def _nearest(name: str, valid: list[str]) -> str:
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.7)
    return f"Did you mean `{near[0]}`?" if near else f"Valid: {', '.join(valid)}."
