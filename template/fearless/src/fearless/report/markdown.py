"""A gate report as Markdown, for a job summary or a comment: one screen, the rest folded away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fearless.report.rows import CHECK_HEADER, check_rows, model_header, model_rows

MARKS = {"PASS": "✅", "FAIL": "❌", "INCONCLUSIVE": "🟡", "ERROR": "⛔"}
SHOWN_CHECKS = 8


def markdown(report: dict[str, Any]) -> str:
    """The plain content of report.json as GitHub and GitLab Markdown, ending with a line feed.

    Names and descriptions come from the team's data: they are escaped, so that none of them can make a table
    break, a link or a mention.
    """
    verdict = report["verdict"]
    parts = [f"## {MARKS[verdict]} Gate: {verdict}", "", _safe(report["summary"]), ""]
    if len(report["errors"]) > 1:
        parts += [*(f"- {_safe(error)}" for error in report["errors"]), ""]
    rows = [(f"{MARKS[row[0]]} {row[0]}", *row[1:]) for row in check_rows(report)]
    if rows:
        parts += [*_table(CHECK_HEADER, rows[:SHOWN_CHECKS]), ""]
    if report["models"]:
        parts += [*_table(model_header(report), model_rows(report)), ""]
    parts += [*(f"**Next:** {_safe(step)}  " for step in report["next"]), ""]
    if len(rows) > SHOWN_CHECKS:
        parts += _folded(f"All {len(rows)} checks", _table(CHECK_HEADER, rows))
    if report["checks"]:
        sentences = [f"- {MARKS[check['verdict']]} {_safe(check['sentence'])}" for check in report["checks"]]
        parts += _folded("Every check in a sentence", sentences)
    judged = [f"- {_safe(name)}: {_safe(str(value))}" for name, value in sorted(report["context"].items())]
    parts += _folded("How it was judged", [*(f"- {_safe(note)}" for note in report["notes"]), *judged])
    return "\n".join(parts).rstrip() + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [[_safe(cell) for cell in line] for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return [f"| {' | '.join(line)} |" for line in lines]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>", ""] if lines else []


def _safe(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    flat = " ".join(text.split())
    inert = re.sub(r"[&<|\\*~\[\]]", lambda found: f"&#{ord(found.group())};", flat)
    # The hosts look for @name and #12 after rendering, where a reference has become the character again: a
    # zero-width space behind it is what stops them.
    return re.sub(r"(?<!&)([@#])(?=\w)", "\\1\u200b", inert)
