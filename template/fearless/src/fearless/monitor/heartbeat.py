"""A sign of life for each job that watches: a silent monitor looks like a healthy one, so the next run asks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fearless.core.atomic import write_text
from fearless.core.project import Project
from fearless.ledger.record import LIVE

FOLDER = "heartbeats"
MONITOR, TRUTH = "monitor", "truth"


@dataclass(frozen=True)
class Beat:
    """When a job ran last, and what it found."""

    at: datetime
    verdict: str

    def age(self, now: datetime) -> timedelta:
        """How old it is; zero where a clock was set back since."""
        return max(now - self.at, timedelta(0))


def sign_of(job: str, kind: str) -> str:
    """The name of a job's heartbeat and folder: what simulation did is no sign of life of the live job."""
    return job if kind == LIVE else f"{job}-{kind}"


def last_beat(project: Project, job: str) -> Beat | None:
    """The last sign of life of `job` on this machine; None where there is none that can be read."""
    try:
        content = json.loads(_file(project, job).read_text(encoding="utf-8"))
        at = datetime.fromisoformat(content["at"])
        return Beat(at if at.tzinfo else at.replace(tzinfo=UTC), str(content["verdict"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def beat(project: Project, job: str, now: datetime, verdict: str) -> None:
    """Leave the sign that `job` ran to its end at `now`."""
    content = {"version": 1, "job": job, "at": now.isoformat(timespec="seconds"), "verdict": verdict}
    write_text(_file(project, job), json.dumps(content, indent=2) + "\n")


def _file(project: Project, job: str) -> Path:
    return project.scratch / FOLDER / f"{job}.json"
