"""What another gate.yaml would say of the same rows: shown beside the verdict, and never a part of it."""

from __future__ import annotations

from fearless.gate import wording
from fearless.gate.findings import Check, Report, Trial, Verdict, overall

# What a change does to its judges is not asked by gate.yaml.
ASKED_ELSEWHERE = "change"


def tried(report: Report, trial: Report) -> Trial:
    """Hold the report by the policy that judges against the one by the policy that is tried, check by check."""
    if trial.errors:
        return not_tried(trial.errors[0])
    now, then = _asked(report), _asked(trial)
    verdict = overall(check.verdict for check in then.values())
    differs = [
        wording.asked_otherwise(name, now.get(name), then.get(name))
        for name in (*now, *(name for name in then if name not in now))
        if _said(now.get(name)) != _said(then.get(name))
    ]
    return Trial(verdict, wording.tried(verdict, len(differs)), differs)


def not_tried(error: str) -> Trial:
    """A policy that could not judge the same rows, and why."""
    return Trial(Verdict.ERROR, wording.not_tried(error), [])


def _asked(report: Report) -> dict[str, Check]:
    return {check.id: check for check in report.checks if check.kind != ASKED_ELSEWHERE and not check.golden}


def _said(check: Check | None) -> tuple[Verdict, float] | None:
    return (check.verdict, check.limit) if check else None
