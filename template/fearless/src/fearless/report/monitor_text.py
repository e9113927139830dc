"""A report of the monitor as lines of text: the verdict first, then what was found, then what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LIGHTS = {"red": "BREACH", "amber": "LOOK"}
SHOWN_REJECTS = 5


def plain(report: Mapping[str, Any]) -> str:
    """The plain content of the monitor's report.json as text, ending with a line feed."""
    lines = [f"{report['verdict']}: {report['headline']}", report["summary"]]
    if last := report["last_run"]:
        lines.append(f"The run before this one: {_ago(last['age_hours'])}, {last['verdict']}.")
    for each in report["findings"]:
        lines += ["", f"{LIGHTS.get(each['light'], each['light'])}: {each['what']}"]
        lines += [f"  {part}" for part in (each["since"], each["sure"]) if part]
    if labels := report["labels"]:
        lines += ["", *_labels(labels)]
    measured = [line for model in report["models"] for line in _measured(model)]
    if measured:
        lines += ["", *_aligned(("model", "metric", "measured", "bounds", "on golden data"), measured)]
    lines += ["", *report["notes"]] if report["notes"] else []
    lines += ["", *(f"Next: {step}" for step in report["next"])]
    return "\n".join(lines) + "\n"


def _ago(hours: float) -> str:
    return "less than an hour ago" if hours < 1 else f"{hours:.1f} hours ago"


def _labels(labels: Mapping[str, Any]) -> list[str]:
    counted = ", ".join(f"{labels[name]:,} {name}" for name in ("added", "corrected", "repeated", "rejected"))
    lines = [f"Labels: {labels['rows']:,} rows; {counted}."]
    lines += [f"  {count:,} x {reason}" for reason, count in labels["reasons"].items()]
    lines += [
        f"  row {each['row']} ({each['name']}): {each['reason']}"
        for each in labels["rejects"][:SHOWN_REJECTS]
    ]
    return lines


def _measured(model: Mapping[str, Any]) -> list[tuple[str, ...]]:
    truth = model["truth"] or {"metrics": {}, "golden": {}}
    return [
        (
            model["place"],
            name,
            f"{found['value']:.4g}",
            f"{found['lower']:.4g} .. {found['upper']:.4g}",
            f"{truth['golden'][name]:.4g}" if name in truth["golden"] else "-",
        )
        for name, found in truth["metrics"].items()
    ]


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[at]) for line in (header, *rows)) for at in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
