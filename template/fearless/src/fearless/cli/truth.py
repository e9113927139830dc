"""`fearless truth FILE`: store what turned out to be true, and measure the model by it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fearless.cli.monitor import run_and_print, span_of
from fearless.core.project import Project
from fearless.monitor.heartbeat import TRUTH, sign_of
from fearless.monitor.watch import truth


def measure_and_print(
    project: Project, file: Path, *, kind: str, since: str, page: str, as_json: bool
) -> int:
    """Store labels and measure; write .fearless/truth/report.{json,html}; returns the exit code.

    `kind` is `live`, or `simulated`, whose reports lie in .fearless/truth-simulated.
    """
    span = span_of(since)
    return run_and_print(
        project,
        sign_of(TRUTH, kind),
        page,
        as_json,
        lambda: truth(project, file, span, datetime.now(UTC), kind),
    )
