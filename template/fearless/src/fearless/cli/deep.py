"""`fearless check --deep`: the guards that train, one line each with what was seen and how long it took."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.guard.finding import Finding
from fearless.pipeline.interference import interference
from fearless.pipeline.repeatable import repeatable
from fearless.pipeline.rerun import Reruns
from fearless.report.guards import markdown

Deep = Callable[[Reruns], tuple[list[Finding], str]]
GUARDS: list[tuple[str, Deep]] = [
    ("training is repeatable", repeatable),
    ("golden rows do not reach the model", interference),
]


def run_deep(project: Project, *, as_json: bool = False, summary: str = "") -> int:
    """Run the guards in copies of the repository and print a line for each; returns 1 when one found something.

    `summary` names a file that the result is added to as Markdown.
    """
    results: list[dict[str, Any]] = []
    if not as_json:
        print("Trains in copies of this repository, about as long as three trainings take.", flush=True)
    with tempfile.TemporaryDirectory(prefix="fearless-deep-") as folder:
        reruns = Reruns(project, Path(folder))
        for name, guard in GUARDS:
            began = time.perf_counter()
            found, seen = _run(guard, reruns)
            seconds = round(time.perf_counter() - began, 1)
            findings = [{"what": each.what, "fix": each.fix} for each in found]
            result = {"guard": name, "ok": not found, "findings": findings, "seen": seen, "seconds": seconds}
            results.append(result)
            if not as_json:
                _print(result)
    ok = all(each["ok"] for each in results)
    if summary:
        told = [{**each, "guard": _line(each)} for each in results]
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(markdown(told) + "\n")
    if as_json:
        print(json.dumps({"version": 1, "ok": ok, "guards": results}, indent=2, ensure_ascii=False))
    return 0 if ok else 1


def _run(guard: Deep, reruns: Reruns) -> tuple[list[Finding], str]:
    try:
        return guard(reruns)
    except FearlessError as error:
        return [Finding(error.what, error.fix)], ""


def _print(result: dict[str, Any]) -> None:
    print(f"{'ok  ' if result['ok'] else 'FAIL'}  {_line(result)}  [{result['seconds']} s]", flush=True)
    for each in result["findings"]:
        print(f"        {each['what']}" + (f"\n        -> {each['fix']}" if each["fix"] else ""), flush=True)


def _line(result: dict[str, Any]) -> str:
    """The guard, and where it is content how far its proof reaches; else the findings say so."""
    return f"{result['guard']}: {result['seen']}" if result["ok"] else result["guard"]
