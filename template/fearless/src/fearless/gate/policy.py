"""gate.yaml: what must hold to ship, read and checked. Every number the gate compares with is in there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fearless.core.errors import FearlessError
from fearless.core.yaml_file import read_mapping
from fearless.gate.complaints import nearest, sentence, shown
from fearless.gate.metrics import METRICS, PRIMARY, Metric
from fearless.gate.rules import Rule, misfit, misfit_of_primary

FILE = "gate.yaml"
VERSION = 1

Mode = Literal["pull_request", "release"]
Reaction = Literal["warn", "fail"]
BaselineName = Literal["constant", "one_feature", "linear"]


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
    """gate.yaml, version 1. An absent section is a question that nobody asks."""

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
        metric = _metric(line, task)
        if metric.task != task:
            fitting = ", ".join(each.name for each in METRICS.values() if each.task == task)
            raise FearlessError(
                f"{FILE}: checks[{at}].metric: `{metric.name}` judges {metric.task} targets, and this is {task}.",
                fix=f"Take one of: primary, {fitting}.",
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


def metrics_of(policy: Policy, task: str) -> dict[str, Metric]:
    """The metrics that the checks name, by the names that `requirements` gives them."""
    found = [_metric(line, task) for line in policy.checks]
    return {metric.name: metric for metric in found}


def _metric(line: CheckLine, task: str) -> Metric:
    metric = METRICS[PRIMARY[task] if line.metric == "primary" else line.metric]
    return metric if line.threshold is None else metric.at(line.threshold)


def _mistakes(policy: Policy) -> list[str]:
    """What the types cannot see, one sentence each."""
    found: list[str] = []
    for at, line in enumerate(policy.checks):
        found += [f"checks[{at}]{text}" for text in _mistakes_of(line)]
    if len(set(policy.baselines)) < len(policy.baselines):
        found.append("baselines: names one of them twice. Remove one.")
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


def _mistakes_of(line: CheckLine) -> list[str]:
    rules = [rule for rule in get_args(Rule) if getattr(line, rule) is not None]
    known = ["primary", *METRICS]
    if line.metric not in known:
        return [f".metric: `{line.metric}` is not known. {nearest(line.metric, known)}"]
    if not rules:
        return [f": asks nothing of `{line.metric}`. Give it one of: {', '.join(get_args(Rule))}."]
    metric = METRICS.get(line.metric)
    found: list[str] = []
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
