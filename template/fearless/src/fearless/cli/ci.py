"""`fearless ci`: what the pipeline would say of the last commit, said before it is pushed."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from fearless.core import evidence
from fearless.core.project import Project
from fearless.pipeline.clone import Outcome, run_in_clone

SHOWN_LINES = 40
SHOWN_FILES = 5


def run_ci(project: Project, *, keep: bool, as_json: bool) -> int:
    """Run the pipeline's commands in a fresh clone, record ops/evidence/ci.json; returns the exit code."""

    def say(text: str) -> None:
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)

    outcome = run_in_clone(project, say, keep=keep)
    fields = _fields(outcome)
    failed = outcome.failed
    proof = evidence.prove(
        project,
        "ci",
        passed=failed is None,
        source="ci" if os.environ.get("CI") else "local",
        details=fields,
        commit=outcome.commit,
    )
    path = evidence.write(project, proof)
    code = failed.code or 0 if failed else 0
    if as_json:
        verdict = {"version": 1, "passed": failed is None, "code": code, "commit": outcome.commit}
        kept = {"clone": str(outcome.kept)} if outcome.kept else {}
        print(json.dumps({**verdict, **fields, **kept}, indent=2, ensure_ascii=False))
        return code
    _tell(project, outcome)
    print(f"Recorded in {project.relative(path)}.")
    return code


def _tell(project: Project, outcome: Outcome) -> None:
    failed = outcome.failed
    if failed:
        lines = [line for line in failed.said.splitlines() if line.strip()]
        print(f"\n--- {failed.command} said" + (" last:" if len(lines) > SHOWN_LINES else ":"))
        print("\n".join(lines[-SHOWN_LINES:]))
        print("---")
    if outcome.uncommitted:
        more = len(outcome.uncommitted) - SHOWN_FILES
        named = ", ".join(outcome.uncommitted[:SHOWN_FILES]) + (f" and {more} more" if more > 0 else "")
        print(f"Not in the clone, because it is not committed: {named}.")
    if failed and failed.command.endswith("dvc pull"):
        carried = ", and commit .storage" if project.answers.get("dvc_remote") == "local" else ""
        print(
            f"Not in the clone, because it was never pushed: what is named above. Run `uv run dvc push`{carried}."
        )
    if outcome.kept:
        print(f"The clone is kept: {outcome.kept}")
    commit = outcome.commit[:12]
    if failed:
        print(f"\nThe pipeline would refuse {commit}: `{failed.command}` ended with {failed.code}.")
    else:
        print(f"\nThe pipeline would be content with {commit}: all {len(outcome.commands)} commands were.")


def _fields(outcome: Outcome) -> dict[str, Any]:
    return {
        "branch": outcome.branch,
        "base": outcome.base,
        "not_in_the_clone": list(outcome.uncommitted),
        "commands": [
            {"command": each.command, "code": each.code, "seconds": each.seconds} for each in outcome.commands
        ],
    }
