"""The two tables of a gate report as rows of text, made from the plain content of report.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fearless.report.deciding import ORDER

CHECK_HEADER = ("verdict", "check", "measured", "bounds", "asked")
# What is asked by rule; a rule of a later toolkit is shown by its own name.
ASKED = {
    "min_skill": ">= {limit}",
    "floor": ">= {limit}",
    "ceiling": "<= {limit}",
    "max_skill_drop": "> -{limit}",
    "max_drop": "> -{limit}",
    "max_rise": "> -{limit}",
    "beats": "> 0",
    "too_good": "<= {limit} or reviewed",
    "slices": "not worse",
    "ece_max": "<= {limit}",
    "p95_ms_ratio": "<= {limit}",
    "model_mb": "<= {limit}",
    "alone": "changes alone",
    "unedited": "unedited",
    "champion": "kept",
    "unproven": "proven",
    "told": "told",
    "untrained_rows": "enough rows",
}
ROLES = {"candidate": 0, "champion": 1, "baseline": 2}


def check_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row a check, in the order in which a reader needs them: what failed first."""
    return [
        check_row(check)
        for check in sorted(report["checks"], key=lambda check: ORDER.get(check["verdict"], 0))
    ]


def check_row(check: Mapping[str, Any]) -> tuple[str, ...]:
    """A check as verdict, what it is about, what was measured, its bounds and what was asked."""
    return (check["verdict"], _subject(check), _value(check), _bounds(check.get("estimate")), _asked(check))


def model_header(report: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of the table of models: the primary metric and the skill, then the other metrics."""
    return ("model", report["primary"], "skill", *_other_metrics(report), "what it is")


def model_rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row a model: candidate, champion, then the baselines from the best to the worst."""
    rows: list[tuple[str, ...]] = []
    for model in by_role(report):
        shown = [model["metrics"].get(name) for name in judged_metrics(report)]
        numbers = [_number(each["value"]) if each else "" for each in shown]
        skill = _number(model["skill"]["value"]) if model.get("skill") else ""
        rows.append((model["name"], numbers[0], skill, *numbers[1:], model["description"]))
    return rows


def by_role(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Candidate, champion, then the baselines from the best to the worst."""
    return sorted(
        report["models"],
        key=lambda model: (ROLES.get(model["role"], 3), -(model.get("skill") or {"value": 0.0})["value"]),
    )


def judged_metrics(report: Mapping[str, Any]) -> list[str]:
    """The primary metric, then the others that any model has."""
    return [report["primary"], *_other_metrics(report)]


def _other_metrics(report: Mapping[str, Any]) -> list[str]:
    return sorted({name for model in report["models"] for name in model["metrics"]} - {report["primary"]})


def _subject(check: Mapping[str, Any]) -> str:
    measure = f"{check['metric']} skill" if check["of"] == "skill" else check["metric"]
    if check["rule"] == "slices":
        measure = f"{measure} by {check['id'].rpartition('.')[2]}"
    if check.get("against"):
        measure = f"{measure}, ahead of {check['against']}"
    if check["rule"] == "too_good":
        measure = f"{measure}, not too good"
    return f"{measure}, base's golden data" if check.get("golden") == "base" else measure


def _value(check: Mapping[str, Any]) -> str:
    estimate = check.get("estimate")
    return _number(estimate["value"], check.get("against")) if estimate else ""


def _bounds(estimate: Mapping[str, float] | None) -> str:
    return f"{_number(estimate['lower'])} .. {_number(estimate['upper'])}" if estimate else ""


def _asked(check: Mapping[str, Any]) -> str:
    rule = str(check["rule"])
    return ASKED.get(rule, rule).format(limit=f"{check['limit']:.4g}")


def _number(value: float, signed: object = None) -> str:
    return f"{value:+.4g}" if signed else f"{value:.4g}"
