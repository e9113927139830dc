"""`fearless simulate`: play a season against the running service, let the monitors judge it, keep the evidence."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from fearless.cli.monitor import written
from fearless.core.project import Project
from fearless.ledger.record import SIMULATED
from fearless.monitor.heartbeat import MONITOR, TRUTH, sign_of
from fearless.monitor.simulate import Played, half_of, keep, play
from fearless.monitor.watch import monitor, truth

QUICK_S = 2.0


def simulate_and_print(project: Project, url: str, *, drift: bool, rows: int, as_json: bool) -> int:
    """Play, judge, record ops/evidence/simulation.json and print; returns 0 where the watching did what it must."""
    progress = _Progress()
    played = play(project, url, drift=drift, rows=rows, tell=progress)
    progress.end()

    def since() -> Any:
        return datetime.now(UTC) - played.started

    measured, _ = written(
        project,
        sign_of(TRUTH, SIMULATED),
        lambda: truth(project, played.labels, since(), datetime.now(UTC), SIMULATED),
    )
    watched, _ = written(
        project,
        sign_of(MONITOR, SIMULATED),
        lambda: monitor(project, since(), datetime.now(UTC), SIMULATED),
    )
    half = half_of(played, watched, measured)
    proof = keep(project, played, half)
    if as_json:
        print(json.dumps({"passed": proof.passed, **proof.details}, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(project, played, half, watched, measured, proof.passed)))
    return 0 if half["held"] else 1


def _lines(
    project: Project,
    played: Played,
    half: dict[str, Any],
    watched: dict[str, Any],
    measured: dict[str, Any],
    passed: bool,
) -> list[str]:
    first, last = played.season
    season = f" from {first} to {last}" if first else ""
    drift = f", in which `{played.column}` drifts after a third" if played.column else ""
    refused = sum(played.refused.values())
    messy = refused + len(played.answered)
    by_reason = ", ".join(f"{count} x {reason}" for reason, count in sorted(played.refused.items()))
    lines = [
        f"A season of {half['rows']:,} golden rows{season}{drift}.",
        f"Played in {played.seconds:.1f} s against {played.url} (model {played.model_sha256[:12]}).",
        f"Messy rows: {messy} sent, {refused} refused by the name of their column"
        + (f" ({by_reason})." if by_reason else "."),
        f"Repeated requests: {played.repeated}, of which {played.repeated - played.differed} got their first answer.",
        f"Labels: {half['labels']:,} arrived by the end of the season, {half['not_yet']:,} are not known yet.",
        f"Truth: {measured['verdict']}: {measured['headline']}",
        f"Monitor: {watched['verdict']}: {watched['headline']}",
    ]
    lines += ["The season was cut: it took too long for all of its rows."] * played.cut
    lines += [
        f"  {each['what']} {each['since']}".rstrip() for each in watched["findings"] if each["light"] == "red"
    ]
    lines.append("")
    if half["why"]:
        lines.append(f"Not as it must be: {half['why']}.")
    elif passed:
        lines.append("Proven: the monitor was content without a drift, and alarmed by one.")
    else:
        other = "uv run fearless simulate" + ("" if played.column else " --drift")
        lines.append(f"As it must be. The other half of the proof: `{other}`.")
    folder = project.relative(project.scratch / sign_of(MONITOR, SIMULATED))
    lines.append(
        f"The report is {folder}/report.html, the evidence ops/evidence/simulation.json (source: simulated)."
    )
    return lines


class _Progress:
    """Says on a terminal how far the season is, once it takes longer than a moment."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._shown = 0.0

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self._start > QUICK_S and now - self._shown > 0.2 and sys.stderr.isatty():
            print(f"\r{done:,} of {of:,} rows", end="", file=sys.stderr, flush=True)
            self._shown = now

    def end(self) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
