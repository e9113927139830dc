"""A gate report as Markdown, for a job summary or a comment: one screen that says it all, the rest folded away."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fearless.report.deciding import deciding, in_order, of_judges
from fearless.report.rows import CHECK_HEADER, check_row, model_header, model_rows
from fearless.report.visible import visible
from fearless.report.words import between, headline, lead, number, without_model

MARKS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "🟡", "ERROR": "⛔"}
SHOWN_CHECKS, SHOWN_STEPS = 3, 4
# A column less than in the table of all checks, so that what was asked is seen on a phone.
FIRST_HEADER = ("verdict", "check", "measured (bounds)", "asked")
# What a host takes as a comment ends at 65,536 characters; the rest is room for what it adds.
MOST = 60_000
SENTENCE, STEP, CELL = 400, 200, 100


def markdown(report: Mapping[str, Any]) -> str:
    """The plain content of report.json as GitHub and GitLab Markdown, ending with a line feed.

    At most 25 rendered lines before the folds, and at most 60,000 characters in all: what does not fit is
    counted and stands in report.json. Names and descriptions come from the team's data: they are escaped, so
    that none of them can make a table break, a link or a mention.
    """
    verdict = report["verdict"]
    parts = [f"## {_mark(verdict)} Gate: {safe(verdict, CELL)}", ""]
    parts += [f"**{headline(report)}** {safe(lead(report), SENTENCE)}", ""]
    if len(report["errors"]) > 1:
        parts += [
            *(f"- {safe(error.strip().removeprefix('-> '), STEP)}" for error in report["errors"][1:6]),
            "",
        ]
    if report.get("sets"):
        parts += [
            *(f"- {_mark(each['verdict'])} {safe(each['sentence'], SENTENCE)}" for each in report["sets"]),
            "",
        ]
    if report["checks"]:
        parts += [*_table(FIRST_HEADER, [_first(check) for check in deciding(report, SHOWN_CHECKS)]), ""]
    # A bar that is lowered is read by whoever approves it, also where the change is let through.
    for check in of_judges(report)[:SHOWN_CHECKS]:
        parts += [f"**Beside the model:** {safe(check['sentence'], SENTENCE)}", ""]
    if report.get("value"):
        parts += [_worth(report["value"]), ""]
    if report.get("worst_slice"):
        parts += [f"**Weakest part:** {safe(report['worst_slice']['sentence'], SENTENCE)}", ""]
    if told := without_model(report):
        parts += [f"**Without a model:** {safe(' '.join(filter(None, told)), SENTENCE)}", ""]
    parts += [*(f"**Next:** {safe(step, STEP)}  " for step in report["next"][:SHOWN_STEPS]), ""]
    text = "\n".join(parts) + "\n"
    for title, lines in _folds(report):
        text += _folded(title, lines, MOST - len(text))
    return text.rstrip() + "\n"


def _folds(report: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    checks = in_order(report["checks"])
    slices = report.get("slices") or []
    judged = [
        f"- {safe(name, CELL)}: {safe(value, CELL)}" for name, value in sorted(report["context"].items())
    ]
    rows = [_row(check) for check in checks] if len(checks) > SHOWN_CHECKS else []
    return [
        (f"All {len(checks)} checks", _table(CHECK_HEADER, rows)),
        (
            "Every check in a sentence",
            [f"- {_mark(check['verdict'])} {safe(check['sentence'], SENTENCE)}" for check in checks],
        ),
        (
            f"{len(slices)} parts of the data",
            [f"- {_mark(part['verdict'])} {safe(part['sentence'], SENTENCE)}" for part in slices],
        ),
        ("The models beside each other", _table(model_header(report), model_rows(report))),
        ("Not in force: what the gate.yaml of this change would say", _trial(report.get("trial"))),
        ("What else to do", [f"- {safe(step, SENTENCE)}" for step in report["next"][SHOWN_STEPS:]]),
        ("How it was judged", [*(f"- {safe(note, SENTENCE)}" for note in report["notes"]), *judged]),
    ]


def _trial(trial: Mapping[str, Any] | None) -> list[str]:
    """Words alone, without a mark: no second verdict may be taken for the first."""
    if not trial:
        return []
    return [
        safe(trial["sentence"], SENTENCE),
        "",
        *(f"- {safe(each, SENTENCE)}" for each in trial["differs"]),
    ]


def _row(check: Mapping[str, Any]) -> tuple[str, ...]:
    verdict, *rest = check_row(check)
    return (f"{_mark(verdict)} {verdict}", *rest)


def _first(check: Mapping[str, Any]) -> tuple[str, ...]:
    verdict, subject, value, bounds, asked = _row(check)
    return (verdict, subject, f"{value} ({bounds})" if bounds else value, asked)


def _worth(value: Mapping[str, Any]) -> str:
    compared = value.get("difference")
    estimate = compared or value["candidate"]
    signed = bool(compared)
    unit = f"{safe(value['currency'], CELL)} per {safe(value['per'], CELL)}"
    beside = " beside the champion" if compared else ""
    return (
        f"**Worth:** {number(estimate['value'], signed)} {unit}{beside}, between {between(estimate, signed)}"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [[safe(cell, CELL) for cell in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return [f"| {' | '.join(line)} |" for line in lines]


def _folded(title: str, lines: Sequence[str], room: int) -> str:
    """The lines behind a title that opens on a click, as many as there is room for."""
    if not lines:
        return ""
    head, foot = f"<details>\n<summary>{title}</summary>\n\n", "\n</details>\n\n"
    room -= len(head) + len(foot) + 50
    shown: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        shown.append(line)
    if not shown:
        return ""
    left = len(lines) - len(shown)
    more = f"\n{left} more stand in report.json.\n" if left else ""
    return head + "\n".join(shown) + "\n" + more + foot


def _mark(verdict: str) -> str:
    return MARKS.get(verdict, MARKS["ERROR"])


def safe(text: object, limit: int = 600) -> str:
    """Text that Markdown shows as it is, on one line."""
    inert = re.sub(r"[&<|\\*~\[\]]", lambda found: f"&#{ord(found.group())};", visible(text, limit))
    # The hosts look for @name and #12 after rendering, where a reference has become the character again: a
    # zero-width space behind it is what stops them.
    return re.sub(r"(?<!&)([@#])(?=\w)", "\\1\u200b", inert)
