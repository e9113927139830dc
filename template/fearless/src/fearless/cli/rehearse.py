"""`fearless rehearse`: production once through, before it is production."""

from __future__ import annotations

import json
from dataclasses import asdict

from fearless.core.evidence import FOLDER
from fearless.core.project import Project
from fearless.ship.rehearse import WHAT, Found, rehearse

TITLES = {
    "A23": "training and serving agree",
    "A24": "the ledger keeps what was answered",
    "A27": "the way back works",
}


def run_rehearsal(project: Project, *, as_json: bool) -> int:
    """Run the rehearsal and print a line for each item; returns 1 where one does not hold."""

    def say(item: str, found: Found) -> None:
        if not as_json:
            print(
                f"{'ok  ' if found.passed else 'FAIL'}  {item} {TITLES[item]}\n        {found.told}",
                flush=True,
            )

    rehearsal = rehearse(project, say)
    if as_json:
        print(json.dumps({"version": 1, "passed": rehearsal.passed, **asdict(rehearsal)}, indent=2))
    else:
        print(f"\nRecorded in {FOLDER}/{WHAT}.json; commit it with the release's other evidence.")
    return 0 if rehearsal.passed else 1
