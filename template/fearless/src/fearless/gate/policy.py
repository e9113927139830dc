"""gate.yaml: what must hold to ship, read and checked. Every number the gate compares with is in there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fearless.core.errors import FearlessError
from fearless.core.yaml_file import read_mapping
from fearless.gate import value
from fearless.gate.complaints import nearest, sentence, shown
from fearless.gate.intervals import Array, Measured
from fearless.gate.metrics import METRICS, MULTICLASS, PRIMARY, TABLES, Metric
from fearless.gate.own import is_own
from fearless.gate.rules import CHAMPION_RULES, Rule, misfit, misfit_of_primary

FILE = "gate.yaml"
VERSION = 1

Mode = Literal["pull_request", "release"]
Reaction = Literal["warn", "fail"]
Direction = Literal["higher", "lower"]
BaselineName = Literal["constant", "one_feature", "linear"]

# What `value` needs to know for each task.
WORTH: dict[str, tuple[str, ...]] = {
    "binary": ("true_negative", "false_positive", "false_negative", "true_positive"),
    "regression": ("per_unit_error",),
}


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
    threshold: float | None = Field(default=None, gt=0, lt=1)
    direction: Direction | None = None
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


class Calibration(Strict):
    """How far a probability may be from the share of rows that turn out positive, on average over bins."""

    ece_max: float = Field(gt=0, lt=1)


class Slices(Strict):
    """The columns whose levels are judged apart, and how many rows a level needs for that."""

    by: list[str] = Field(min_length=1)
    min_rows: int = Field(default=200, ge=20)
    min_positives: int = Field(default=20, ge=10)
    correction: Literal["holm"] = "holm"


class Value(Strict):
    """What an answer is worth: for a binary target each of the four cells, for a number each unit of error."""

    currency: str = Field(min_length=1)
    per: str = Field(min_length=1)
    true_positive: float | None = None
    false_positive: float | None = None
    false_negative: float | None = None
    true_negative: float | None = None
    threshold: float = Field(default=0.5, gt=0, lt=1)
    per_unit_error: float | None = Field(default=None, lt=0)


class Budgets(Strict):
    """What a model may cost to serve: its slowest requests beside the champion's, and its size."""

    p95_ms_ratio: float | None = Field(default=None, gt=0)
    model_mb: float | None = Field(default=None, gt=0)


class Policy(Strict):
    """gate.yaml, version 1. An absent section is a question that nobody asks."""

    version: int = Field(ge=VERSION, le=VERSION)
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    floor_mode: Literal["confident", "point"] = "confident"
    on_inconclusive: OnInconclusive = OnInconclusive()
    retrain: Literal["never", "nightly", "pull_request"] = "pull_request"
    checks: list[CheckLine]
    baselines: list[BaselineName] = ["constant", "one_feature", "linear"]
    calibration: Calibration | None = None
    slices: Slices | None = None
    value: Value | None = None
    budgets: Budgets | None = None
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
        _refuse([sentence(dict(problem), Policy) for problem in error.errors(include_url=False)])
    _refuse(_mistakes(policy))
    return policy


def requirements(policy: Policy, task: str) -> list[Requirement]:
    """All that the policy asks of metrics, in file order.

    Raises FearlessError for a metric that does not judge this task, for a rule that does not fit the
    metric's direction or range, and for a number that is there twice.
    """
    found: list[Requirement] = []
    for at, line in enumerate(policy.checks):
        metric = _metric(at, line, policy, task)
        if line.threshold is not None and metric.counted is None:
            raise FearlessError(
                f"{FILE}: checks[{at}].threshold: `{metric.name}` has none for {task} targets."
            )
        for rule in get_args(Rule):
            limit = getattr(line, rule)
            if limit is None:
                continue
            if mistake := misfit(metric, rule, limit):
                raise FearlessError(f"{FILE}: checks[{at}].{rule}: {mistake}")
            requirement = Requirement(metric.name, rule, limit)
            if any(requirement.id == other.id for other in found):
                raise FearlessError(
                    f"{FILE}: checks[{at}].{rule}: `{metric.name}` has a {rule} already; one number, one home.",
                    fix="Remove one of the two.",
                )
            found.append(requirement)
    return found


def sliced_metrics(policy: Policy, task: str) -> list[str]:
    """The metrics that are compared in every part: those with a margin, or the primary one; not the team's own."""
    margins = [
        each.metric
        for each in requirements(policy, task)
        if each.rule in CHAMPION_RULES and not is_own(each.metric)
    ]
    return list(dict.fromkeys(margins)) or [PRIMARY[task]]


def metrics_of(policy: Policy, task: str) -> dict[str, Metric]:
    """The metrics that the checks name, by the names that `requirements` gives them.

    Raises FearlessError for a metric that does not judge this task.
    """
    found = [_metric(at, line, policy, task) for at, line in enumerate(policy.checks)]
    if policy.value is not None:
        found.append(worth_of(policy.value, task))
    return {metric.name: metric for metric in found}


def worth_of(asked: Value, task: str) -> Metric:
    """The metric `value`; raises FearlessError where what the task needs of it is not there."""
    if task not in WORTH:
        raise FearlessError(
            f"{FILE}: value: is for {' and '.join(WORTH)} targets, and this is {task}.", fix="Remove it."
        )
    needed = WORTH[task]
    missing = [name for name in needed if getattr(asked, name) is None]
    other = [name for names in WORTH.values() for name in names if name not in needed]
    if missing or any(getattr(asked, name) is not None for name in other):
        raise FearlessError(
            f"{FILE}: value: a {task} target needs {', '.join(needed)}, and none of {', '.join(other)}.",
            fix="Say what each answer is worth; 0 where it is worth nothing.",
        )
    numbers = [float(getattr(asked, name)) for name in needed]
    if task == "binary":
        return value.of_answers(np.array(numbers), asked.threshold)
    return value.of_errors(numbers[0])


def _metric(at: int, line: CheckLine, policy: Policy, task: str) -> Metric:
    if line.metric == value.NAME and policy.value is not None:
        return worth_of(policy.value, task)
    if is_own(line.metric):
        return _own(line, task)
    name = PRIMARY[task] if line.metric == "primary" else line.metric
    if name not in TABLES[task]:
        tasks = " and ".join(each for each, table in TABLES.items() if name in table)
        raise FearlessError(
            f"{FILE}: checks[{at}].metric: `{name}` judges {tasks} targets, and this is {task}.",
            fix=f"Take one of: primary, {', '.join(TABLES[task])}.",
        )
    metric = TABLES[task][name]
    return metric if line.threshold is None else metric.at(line.threshold)


def _own(line: CheckLine, task: str) -> Metric:
    """The team's metric as far as gate.yaml tells of it; `Scored` measures it."""

    def measure(_y: Array, _scores: Array) -> Measured:
        raise FearlessError(f"The metric {line.metric} is measured by the team's code.")

    ends = (-math.inf, math.inf)
    return Metric(line.metric, task, line.direction or "higher", measure, domain=ends, skilled=False)


def _mistakes(policy: Policy) -> list[str]:
    """What the types cannot see, one sentence each."""
    found: list[str] = []
    for at, line in enumerate(policy.checks):
        found += [f"checks[{at}]{text}" for text in _mistakes_of(line, policy)]
    if len(set(policy.baselines)) < len(policy.baselines):
        found.append("baselines: names one of them twice. Remove one.")
    if policy.slices and len(set(policy.slices.by)) < len(policy.slices.by):
        found.append("slices.by: names one of them twice. Remove one.")
    if policy.value and _same_whatever_is_said(policy.value):
        found.append(
            "value: yes and no are worth the same on every row, so that it tells no model from another. Say what each"
            " answer is worth, or remove it."
        )
    if policy.budgets and not policy.budgets.model_fields_set:
        found.append(f"budgets: asks nothing. Give it one of: {', '.join(Budgets.model_fields)}.")
    if (
        policy.too_good
        and "reviewed" in policy.too_good.model_fields_set
        and not policy.too_good.reviewed.strip()
    ):
        found.append(
            "too_good.reviewed: must say who looked for the leak, when, and why the skill is real, not"
            f" {shown(policy.too_good.reviewed)}."
        )
    return found


def _same_whatever_is_said(asked: Value) -> bool:
    if asked.true_positive is None or asked.true_negative is None:
        return False
    return asked.true_positive == asked.false_negative and asked.true_negative == asked.false_positive


def _mistakes_of(line: CheckLine, policy: Policy) -> list[str]:
    rules = [rule for rule in get_args(Rule) if getattr(line, rule) is not None]
    known = list(dict.fromkeys(["primary", *METRICS, *MULTICLASS, value.NAME]))
    own = is_own(line.metric)
    if line.metric not in known and not own:
        return [f".metric: `{line.metric}` is not known. {nearest(line.metric, known)}"]
    if not rules:
        return [f": asks nothing of `{line.metric}`. Give it one of: {', '.join(get_args(Rule))}."]
    found: list[str] = []
    if line.metric == value.NAME and policy.value is None:
        return [": `value` has no worth to count with. Say under `value:` what each answer is worth."]
    if own and line.direction is None:
        return [".direction: is missing. Say whether `higher` or `lower` is better."]
    if line.direction is not None and not own:
        found.append(f".direction: `{line.metric}` has its own. Remove that key.")
    metric = METRICS.get(line.metric) or MULTICLASS.get(line.metric)
    if own or line.metric == value.NAME:
        metric = _own(line, "binary")
    if line.threshold is not None and (metric is None or metric.counted is None):
        with_one = ", ".join(each.name for each in METRICS.values() if each.counted)
        found.append(f".threshold: `{line.metric}` has none. A threshold is for {with_one}.")
    for rule in rules:
        limit = getattr(line, rule)
        text = misfit(metric, rule, limit) if metric else misfit_of_primary(rule, limit)
        if text:
            found.append(f".{rule}: {text}")
    return found


def _refuse(mistakes: list[str]) -> None:
    if mistakes:
        raise FearlessError("\n".join(f"{FILE}: {mistake}" for mistake in mistakes))
