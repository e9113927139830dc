"""What the watching left, as the service shows it: the newest report as a page, and how old each heartbeat is.

A page is one of four files that the toolkit itself writes; no part of an address becomes a path.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fearless.core.project import Project
from fearless.ledger.record import LIVE, SIMULATED
from fearless.monitor.heartbeat import MONITOR, TRUTH, last_beat, sign_of
from fearless.report.shown import empty, framed

# The reports by the last part of their address, in the order in which a reader wants them.
PAGES = {
    sign_of(job, kind): f"{said}{' in the simulation' if kind == SIMULATED else ''}"
    for kind in (LIVE, SIMULATED)
    for job, said in ((MONITOR, "What was served"), (TRUTH, "What came true"))
}
LIVE_JOBS = (MONITOR, TRUTH)
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def routes(project: Callable[[], Project]) -> list[Route]:
    """`/dashboard`, and `/dashboard/NAME` for each of PAGES."""

    async def show(request: Request) -> Response:
        asked = request.path_params.get("sign", "")
        if asked and asked not in PAGES:
            return HTMLResponse(empty("There is no such report.", [], ""), 404, HEADERS)
        content = await asyncio.to_thread(page, project(), asked, datetime.now(UTC))
        return HTMLResponse(content, 200, HEADERS)

    return [
        Route("/dashboard", show, methods=["GET"]),
        Route("/dashboard/{sign}", show, methods=["GET"]),
    ]


def page(project: Project, asked: str, now: datetime) -> str:
    """The report `asked` for, or without one the newest live one, else a simulated one; how old it is stands above."""
    there = {sign: made for sign in PAGES if (made := _made_at(project, sign))}
    links = [(f"/dashboard/{sign}", PAGES[sign], f"{_age(now - at)} old") for sign, at in there.items()]
    sign = asked or next(iter(there), MONITOR)
    if sign not in there:
        of = f"{PAGES[sign][0].lower()}{PAGES[sign][1:]}"
        return empty(f"There is no report of {of} yet.", links, _command(sign))
    text = (project.scratch / sign / "report.html").read_text(encoding="utf-8")
    age = f"This report was made {_age(now - there[sign])} ago."
    if sign in LIVE_JOBS:
        age += f" A newer one is made by <code>{escape(_command(sign))}</code>, best on a schedule."
    return framed(text, age, links, f"/dashboard/{sign}")


def heartbeats(project: Project, now: datetime) -> str:
    """When each job that watches ran last, for Prometheus; one that never ran has the time 0 and an endless age."""
    return "\n".join(_heartbeat_lines(project, now)) + "\n"


def _heartbeat_lines(project: Project, now: datetime) -> Iterator[str]:
    beats = {sign: last_beat(project, sign) for sign in PAGES}
    told = {sign: found for sign, found in beats.items() if found or sign in LIVE_JOBS}
    yield "# HELP ml_monitor_last_success_timestamp_seconds When a job that watches ran to its end last; 0 for never."
    yield "# TYPE ml_monitor_last_success_timestamp_seconds gauge"
    for sign, found in told.items():
        at = found.at.timestamp() if found else 0
        yield f'ml_monitor_last_success_timestamp_seconds{{job="{sign}"}} {at:.0f}'
    yield "# HELP ml_monitor_heartbeat_age_seconds How long ago that was."
    yield "# TYPE ml_monitor_heartbeat_age_seconds gauge"
    for sign, found in told.items():
        age = found.age(now).total_seconds() if found else math.inf
        shown = "+Inf" if math.isinf(age) else f"{age:.0f}"
        yield f'ml_monitor_heartbeat_age_seconds{{job="{sign}"}} {shown}'


def _made_at(project: Project, sign: str) -> datetime | None:
    """When a report was made; None where there is none that can be shown."""
    folder = project.scratch / sign
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        made = datetime.fromisoformat(report["context"]["made_at"])
        return made if (folder / "report.html").is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _age(span: timedelta) -> str:
    """A stretch of time in whole units, as a person says it."""
    for unit, length in (
        ("day", timedelta(days=1)),
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
    ):
        if span >= length:
            count = span // length
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "less than a minute"


def _command(sign: str) -> str:
    job = "truth labels.csv" if sign.startswith(TRUTH) else MONITOR
    return f"uv run fearless {job}" if sign in LIVE_JOBS else "uv run fearless simulate"
