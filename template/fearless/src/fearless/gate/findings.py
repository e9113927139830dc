"""The shape of a judgement: checks, models and the report that becomes report.json (schema version 1).

The template's docs/reference/gate-report.md explains every field. The schema grows by new kinds of checks
and new keys, never by a changed meaning: a reader skips what it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

SCHEMA = 1


class Verdict(StrEnum):
    """What the gate says of one check and of the whole."""

    PASS = "PASS"
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    ERROR = "ERROR"


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and its two one-sided bounds."""

    value: float
    standard_error: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Check:
    """One thing that was asked, what was found, and the verdict.

    `of` says what is measured: the metric's `value`, or the `skill`. Where `against` names another model, the
    estimate is the candidate's advantage over it in that measure, positive where the candidate is better.
    `golden` is `base` where the base's golden data was measured and not that of the change.
    """

    id: str
    kind: str
    metric: str
    of: str
    against: str | None
    rule: str
    limit: float
    verdict: Verdict
    sentence: str = ""
    estimate: Estimate | None = None
    rows_needed: int | None = None
    golden: str | None = None


@dataclass(frozen=True)
class Model:
    """What was measured of one model: for each metric an estimate, and the skill on the primary metric."""

    name: str
    role: str
    description: str
    metrics: dict[str, Estimate]
    skill: Estimate | None


@dataclass(frozen=True)
class Slice:
    """One metric in one part of the golden rows: where `by` (a column, or two) has this `level`.

    `difference` is the candidate's advantage over the champion. The verdict is INCONCLUSIVE where there are too
    few rows, or no champion.
    """

    by: str
    level: str
    rows: int
    positives: int | None
    metric: str
    candidate: Estimate
    champion: Estimate | None
    difference: Estimate | None
    verdict: Verdict
    sentence: str = ""

    def told(self, sentence: str) -> Slice:
        """The same with its sentence."""
        return replace(self, sentence=sentence)


@dataclass(frozen=True)
class Worth:
    """What a row is worth with each model's answers, in `currency` for one `per`; `constant` is without a model."""

    currency: str
    per: str
    candidate: Estimate
    champion: Estimate | None
    difference: Estimate | None
    constant: Estimate | None = None


@dataclass(frozen=True)
class GoldenSet:
    """What one of two golden sets says: that of the `change`, or of its `base`; `sentence` says it in words."""

    name: str
    verdict: Verdict
    rows: int
    positives: int | None
    groups: int | None
    sentence: str


@dataclass(frozen=True)
class Trial:
    """What the change's own gate.yaml would say. It counts for nothing until it is merged.

    `differs` has a sentence for each check that is asked otherwise, or ends otherwise.
    """

    verdict: Verdict
    sentence: str
    differs: list[str]


@dataclass(frozen=True)
class Report:
    """A whole judgement. `exit_code` is what the command ends with in this mode."""

    verdict: Verdict
    exit_code: int
    mode: str
    summary: str
    next: list[str]
    notes: list[str]
    errors: list[str]
    task: str
    primary: str
    confidence: float | None
    golden: dict[str, int | None]
    checks: list[Check] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    policy: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    curves: dict[str, Any] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)
    worst_slice: Slice | None = None
    value: Worth | None = None
    sets: list[GoldenSet] = field(default_factory=list)
    trial: Trial | None = None
    do_nothing: str = ""
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as they stand in report.json."""
        plain: dict[str, Any] = json.loads(self.to_json())
        return plain

    def to_json(self) -> str:
        """The text of report.json: sorted keys, LF, the same bytes for the same judgement."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of them: ERROR before FAIL before INCONCLUSIVE before PASS. Nothing judged is ERROR."""
    found = set(verdicts)
    for verdict in (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
        if verdict in found:
            return verdict
    return Verdict.ERROR


def exit_code(verdict: Verdict, reaction: str) -> int:
    """0 pass, 1 fail, 2 error, 3 inconclusive where the policy's reaction in this mode is `fail`, else 0."""
    if verdict is Verdict.INCONCLUSIVE:
        return 3 if reaction == "fail" else 0
    return {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.ERROR: 2}[verdict]
