"""`fearless monitor`: compare what was served, write the reports, print what was found."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fearless.core.atomic import replaced_folder, write_text
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.monitor.heartbeat import MONITOR, sign_of
from fearless.monitor.watch import monitor
from fearless.report.monitor_html import html
from fearless.report.monitor_text import plain

UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LONGEST_DAYS = 3660


def watch_and_print(project: Project, *, kind: str, since: str, page: str, as_json: bool) -> int:
    """Compare what was served; write .fearless/monitor/report.{json,html}; returns the exit code.

    `kind` is `live`, or `simulated`, whose reports lie in .fearless/monitor-simulated.
    """
    span = span_of(since)
    return run_and_print(
        project,
        sign_of(MONITOR, kind),
        page,
        as_json,
        lambda: monitor(project, span, datetime.now(UTC), kind),
    )


def span_of(text: str) -> timedelta:
    """`12h`, `7d` or `4w` as a span of time; raises FearlessError for another text."""
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text.strip().lower())
    span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else timedelta(0)
    if not timedelta(0) < span <= timedelta(days=LONGEST_DAYS):
        raise FearlessError(
            f"`--since {text}` is no time to look back.",
            fix=f"Write hours, days or weeks, such as 12h, 7d or 4w, and at most {LONGEST_DAYS}d.",
        )
    return span


def run_and_print(
    project: Project, sign: str, page: str, as_json: bool, work: Callable[[], dict[str, Any]]
) -> int:
    """Do the work, write its report into .fearless/<sign> and print it; returns the report's exit code."""
    report, drawn = written(project, sign, work)
    if page:
        write_text(Path(page), drawn)
    print(as_text(report) if as_json else plain(report), end="")
    code: int = report["exit_code"]
    return code


def written(project: Project, sign: str, work: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """Do the work and write its report into .fearless/<sign>; returns it, and the page that was drawn of it."""
    folder = project.scratch / sign
    # Whatever happens now, no report of yesterday can pass for today's.
    shutil.rmtree(folder, ignore_errors=True)
    report = work()
    drawn = html(report)
    with replaced_folder(folder) as made:
        write_text(made / "report.json", as_text(report))
        write_text(made / "report.html", drawn)
    return report, drawn


def as_text(report: dict[str, Any]) -> str:
    """A report as report.json holds it."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"
