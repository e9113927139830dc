"""Other golden data is judged beside the base's, and the worse of both verdicts decides.

A change that chose its own golden rows could choose those on which its model looks good. The base's rows were
chosen before anybody knew this candidate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fearless.gate import wording
from fearless.gate.findings import Check, GoldenSet, Report, Verdict, exit_code, overall
from fearless.gate.policy import Policy

BASE = "base"
PREFIX = "base_golden."
# What is not measured on golden rows says nothing about either set.
ELSEWHERE = ("change", "budget")


def on_both(report: Report, older: Report, left_out: int, policy: Policy) -> Report:
    """The report on the change's golden rows with every check of the one on the base's rows behind its own.

    `left_out` rows of the base's golden data were not judged, since the candidate was trained on them. Neither
    report may be an ERROR.
    """
    sets = [
        _set("change", report, 0, [each for each in report.checks if each.kind not in ELSEWHERE]),
        _set(BASE, older, left_out, older.checks),
    ]
    checks = [*report.checks, *(_of_base(check) for check in older.checks)]
    told = [f"On the base's golden data: {note}" for note in older.notes if note not in report.notes]
    return _decided(replace(report, notes=[*report.notes, *told]), checks, sets, policy)


def not_on_base(report: Report, left: int, left_out: int, policy: Policy) -> Report:
    """The report where too few rows of the base's golden data are `left`: open, and never silently passed."""
    told = wording.too_few_left(left, left_out)
    check = Check(
        id=f"{PREFIX}judged",
        kind="golden",
        metric="golden data",
        of="value",
        against=None,
        rule="untrained_rows",
        limit=0.0,
        verdict=Verdict.INCONCLUSIVE,
        sentence=told,
        golden=BASE,
    )
    sets = [
        _set("change", report, 0, [each for each in report.checks if each.kind not in ELSEWHERE]),
        GoldenSet(BASE, Verdict.INCONCLUSIVE, left, None, None, told),
    ]
    return _decided(report, [*report.checks, check], sets, policy)


def _set(name: str, report: Report, left_out: int, checks: Sequence[Check]) -> GoldenSet:
    verdict = overall(check.verdict for check in checks)
    rows = report.golden["rows"] or 0
    return GoldenSet(
        name,
        verdict,
        rows,
        report.golden["positives"],
        report.golden["groups"],
        wording.golden_set(name == BASE, verdict, rows, left_out),
    )


def _of_base(check: Check) -> Check:
    return replace(
        check, id=PREFIX + check.id, sentence=f"On the base's golden data: {check.sentence}", golden=BASE
    )


def _decided(report: Report, checks: list[Check], sets: list[GoldenSet], policy: Policy) -> Report:
    verdict = overall(check.verdict for check in checks)
    reaction = (
        policy.on_inconclusive.release if report.mode == "release" else policy.on_inconclusive.pull_request
    )
    champion = any(model.role == "champion" for model in report.models)
    rows = [each.rows for each in sets]
    more = [wording.seen_by_champion()] if champion else []
    return replace(
        report,
        verdict=verdict,
        exit_code=exit_code(verdict, reaction),
        summary=wording.summary(verdict, checks, rows, champion, report.mode, reaction),
        next=wording.next_steps(verdict, checks, report.mode, reaction),
        notes=[*report.notes, *more],
        checks=checks,
        sets=sets,
    )
