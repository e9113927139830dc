"""`fearless update`: what will be done, then each step, then what came of it and how to go on or back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from fearless.core.project import Project
from fearless.core.release import recorded_release, shown, source_of
from fearless.pipeline.update import Update
from fearless.pipeline.update_plan import plan_update
from fearless.pipeline.update_result import Result


def run_update(project: Project, *, to: str, as_json: bool) -> int:
    """Update to the newest release, or to `to`; returns the exit code."""
    say = _speaker(as_json)
    say(f"Asking the template at {shown(source_of(project))} which releases there are.")
    plan = plan_update(project, to)
    if plan is None:
        return _nothing_newer(project, to, as_json=as_json)
    say(f"{plan.before} is here, and {plan.after} is to come.")
    say(
        f"It comes in on the new branch {plan.branch}: the template's files, uv.lock, then check, training and gate of"
        f" the new release, and one commit. {plan.here or 'What is checked out now'} stays as it is; nothing is merged."
    )
    say(f"The way back, at any time: {plan.back}")
    say("(and `uv run dvc checkout`, where it had trained already)\n")
    return _tell(Update(project, say).run(plan), as_json=as_json)


def run_finish(project: Project, *, as_json: bool) -> int:
    """Finish an update that copier began on this branch; returns the exit code."""
    return _tell(Update(project, _speaker(as_json)).finish(), as_json=as_json)


def _nothing_newer(project: Project, to: str, *, as_json: bool) -> int:
    here = recorded_release(project)
    if as_json:
        _print({"from": str(here), "to": str(here), "updated": False})
    elif to:
        print(f"This repository has the release {here} already.")
    else:
        print(f"This repository has the newest release, {here}.")
    return 0


def _tell(result: Result, *, as_json: bool) -> int:
    if as_json:
        _print(_fields(result))
        return result.code
    print(f"\nUpdated from {result.before} to {result.after}: {result.commit[:12]} on {result.branch}.")
    print(
        f"  check: {_said(result.check)}   train: {_said(result.train)}   gate: {result.verdict or 'no verdict'}"
    )
    if result.code:
        print(
            "Not all of it is content, for the reasons above: mend it on this branch, or let the pull request show it."
        )
    print(
        f"Next: `git push -u origin {result.branch}` and a pull request; .fearless/update/body.md is its text."
    )
    print(f"The way back: {result.back}" + (" && uv run dvc checkout" if result.trained else ""))
    return result.code


def _fields(result: Result) -> dict[str, Any]:
    return {
        "updated": True,
        "from": str(result.before),
        "to": str(result.after),
        "branch": result.branch,
        "base": result.base,
        "commit": result.commit,
        "restored": result.restored,
        "locked": result.locked,
        "check": {"code": result.check, "found": list(result.found)},
        "train": {"code": result.train, "trained": result.trained},
        "gate": {"code": result.gate, "verdict": result.verdict},
        "way_back": result.back,
    }


def _said(code: int | None) -> str:
    return "content" if code == 0 else f"ended with {code}"


def _speaker(as_json: bool) -> Callable[[str], None]:
    """Where the steps are told: beside the JSON, not in it."""
    return lambda text: print(text, file=sys.stderr if as_json else sys.stdout, flush=True)


def _print(fields: dict[str, Any]) -> None:
    print(json.dumps({"version": 1, **fields}, indent=2, ensure_ascii=False))
