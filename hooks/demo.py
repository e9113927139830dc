"""`make demo`: render a project, start it, and watch its gate refuse a worse model. Everything shown is real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import copier

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "demo" / "churn"
REPORT = ".fearless/gate/report.json"


def main() -> None:
    if PROJECT.exists():
        shutil.rmtree(PROJECT)
    say(f"1. Render the template with its defaults into {PROJECT.relative_to(ROOT)}/")
    copier.run_copy(str(ROOT), PROJECT, vcs_ref="HEAD", defaults=True, quiet=True)
    print(
        f"   {len(list(PROJECT.rglob('*')))} files and folders; the first look: {PROJECT.relative_to(ROOT)}/README.md"
    )

    say("2. uv run fearless start: data, golden data, a first model, its judgement, the first commit")
    expect(0, "start")

    say("3. Worsen the model: one tree instead of sixty (params.yaml), and really train it")
    worsen(PROJECT / "params.yaml")
    expect(0, "train")

    say("4. uv run fearless gate: the same command that a pull request runs")
    expect(1, "gate")

    report = json.loads((PROJECT / REPORT).read_text(encoding="utf-8"))
    failed = [check["id"] for check in report["checks"] if check["verdict"] == "FAIL"]
    shown = PROJECT.relative_to(ROOT)
    found = Path(shutil.which("uv") or "uv")  # the one that make fetched is on nobody's PATH
    uv = found if found.is_relative_to(ROOT) else "uv"
    say("What happened")
    print(
        f"""   A repository was made that trains, judges and versions its model. Its first model passed.
   The worse one was refused (exit code 1, which turns a pull request red) by: {", ".join(failed)}.

   Where to look:
     {shown}/README.md                      what is yours, and the commands
     {shown}/.fearless/gate/report.md       the verdict as a pull request shows it
     {shown}/gate.yaml                      the numbers it was held to
     {shown}/src/                           the three files a data scientist writes
   Go on there: cd {shown} && git checkout params.yaml && {uv} run fearless train && {uv} run fearless gate"""
    )


def worsen(params: Path) -> None:
    """Set max_iter to 1 in place, as a person would."""
    lines = params.read_text(encoding="utf-8").splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.strip().startswith("max_iter:")]
    if len(places) != 1:
        sys.exit(f"{params} has {len(places)} lines with max_iter, and the demo needs one.")
    before = lines[places[0]]
    lines[places[0]] = before.replace("max_iter: 60", "max_iter: 1", 1)
    if lines[places[0]] == before:
        sys.exit(f"{params} does not say `max_iter: 60`, which the demo worsens.")
    params.write_text("".join(lines), encoding="utf-8", newline="\n")


def expect(code: int, command: str) -> None:
    """Run `uv run fearless COMMAND` in the project; stop the demo when its exit code is another one."""
    outside = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "UV_PROJECT_ENVIRONMENT", "CI")
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    environment["UV_PYTHON"] = environment.get("UV_PYTHON", sys.executable)
    result = subprocess.run(["uv", "run", "--quiet", "fearless", command], cwd=PROJECT, env=environment)
    if result.returncode != code:
        sys.exit(
            f"\nThe demo stops: `fearless {command}` ended with {result.returncode}, expected was {code}."
        )


def say(text: str) -> None:
    print(f"\n=== {text}\n", flush=True)


if __name__ == "__main__":
    main()
