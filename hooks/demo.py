"""`make demo`: render a project and go the whole road with it, to production and back. Everything shown is real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import copier

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "demo" / "churn"
REPORT = ".fearless/gate/report.json"
# Two people, because nobody signs their own work.
ADA = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com"}
BOB = {"GIT_AUTHOR_NAME": "Bob", "GIT_AUTHOR_EMAIL": "bob@example.com"}
COMMITTER = {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com"}
PATIENCE_S = 60


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
    trees(60, 1)
    expect(0, "train")

    say("4. The gate, as a pull request runs it")
    expect(1, "gate")
    failed = [check["id"] for check in report()["checks"] if check["verdict"] == "FAIL"]
    trees(1, 60)
    expect(0, "train", shown=False)
    expect(0, "gate", shown=False)

    say("5. Serve the good model; each prediction is on disk before it is answered")
    uv("add", "--quiet", "fearless[serve]")
    commit("Add the service")
    expect(0, "ci")
    expect(0, "rehearse")
    with served() as url:
        answer = predicted(url)
        expect(0, "trace", answer["id"])

        say("6. A season with messy rows and late labels, first as it was, then with a drift")
        expect(0, "simulate", "--url", url)
        expect(0, "simulate", "--url", url, "--drift")
        commit("Evidence")

        say("7. The checklist, computed from evidence; a second person signs")
        expect(1, "checklist")
        expect(0, "sign", "S1", "--yes", by=BOB)
        expect(0, "sign", "S7", "--yes", by=BOB)

        say("8. Release, and deploy into the running service")
        expect(0, "release", "--merge")
        expect(0, "deploy", "--url", url, "--why", "the first release")

        say("9. Another model is released and deployed, and taken back in one command")
        trees(60, 50)
        expect(0, "train", shown=False)
        uv("run", "--quiet", "dvc", "push", "--quiet")
        commit("Fifty trees")
        for command in (("ci",), ("rehearse",)):
            expect(0, *command, shown=False)
        commit("Evidence for fifty trees")
        expect(0, "sign", "S7", "--yes", by=BOB, shown=False)
        expect(0, "release", "--merge")
        expect(0, "deploy", "--url", url)
        expect(0, "rollback", "--url", url, "--why", "the demo wants to see it")
    expect(0, "history")

    shown = PROJECT.relative_to(ROOT)
    found = Path(shutil.which("uv") or "uv")  # the one that make fetched is on nobody's PATH
    program = found if found.is_relative_to(ROOT) else "uv"
    say("What happened")
    print(
        f"""   A repository was made that trains, judges and versions its model. A worse model was refused (exit code 1,
   which turns a pull request red) by: {", ".join(failed)}.
   The good one was served, watched, signed, released and deployed; the next one too, and it was taken back.

   Where to look:
     {shown}/README.md                                    what is yours, and the commands
     {shown}/.fearless/gate/report.html                   the gate's verdict
     {shown}/.fearless/monitor-simulated/report.html      what the monitor said of the season with the drift
     {shown}/ops/releases/v1/card.md                      what was released, with what proof
     {shown}/gate.yaml                                    the numbers it was held to
     {shown}/src/                                         the three files a data scientist writes
   Go on there: cd {shown} && {program} run fearless checklist"""
    )


@contextmanager
def served() -> Iterator[str]:
    """`fearless serve` on a free port while the block lasts; gives its address."""
    windows = PROJECT / ".venv" / "Scripts" / "python.exe"
    python = windows if windows.is_file() else PROJECT / ".venv" / "bin" / "python"
    # Without uv in between, which would leave the service behind when it is killed.
    command = [str(python), "-m", "fearless.cli", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=PROJECT, env=environment(ADA), stdout=subprocess.PIPE, text=True)
    try:
        print("   $ uv run fearless serve &", flush=True)
        assert process.stdout
        for line in process.stdout:
            print(f"   {line.rstrip()}", flush=True)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield found[0]
                break
        else:
            sys.exit("\nThe demo stops: the service did not start.")
        process.terminate()
        process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.communicate()


def predicted(url: str) -> dict[str, str]:
    """The answer for the example row of the service's own description."""
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=PATIENCE_S) as reply:
        row = json.load(reply)["components"]["schemas"]["Row"]["examples"][0]
    body = json.dumps(row).encode()
    asked = urllib.request.Request(f"{url}/v1/predict", body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=PATIENCE_S) as reply:
        answer: dict[str, str] = json.load(reply)
    print(f"   $ curl -H 'content-type: application/json' -d '{body.decode()}' {url}/v1/predict")
    print(f"   {json.dumps(answer)}", flush=True)
    return answer


def trees(before: int, after: int) -> None:
    """Set max_iter in place, as a person would."""
    params = PROJECT / "params.yaml"
    lines = params.read_text(encoding="utf-8").splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.strip().startswith(f"max_iter: {before}")]
    if len(places) != 1:
        sys.exit(f"{params} has {len(places)} lines with `max_iter: {before}`, and the demo needs one.")
    lines[places[0]] = lines[places[0]].replace(f"max_iter: {before}", f"max_iter: {after}", 1)
    params.write_text("".join(lines), encoding="utf-8", newline="\n")


def report() -> dict[str, list[dict[str, str]]]:
    """What the gate wrote last."""
    found: dict[str, list[dict[str, str]]] = json.loads((PROJECT / REPORT).read_text(encoding="utf-8"))
    return found


def commit(message: str) -> None:
    for command in (("add", "--all"), ("commit", "--quiet", "--message", message)):
        subprocess.run(["git", *command], cwd=PROJECT, env=environment(ADA), check=True)


def uv(*arguments: str) -> None:
    print(f"   $ uv {' '.join(arguments)}", flush=True)
    done = subprocess.run(["uv", *arguments], cwd=PROJECT, env=environment(ADA))
    if done.returncode != 0:
        sys.exit(f"\nThe demo stops: `uv {' '.join(arguments)}` ended with {done.returncode}.")


def expect(code: int, *arguments: str, by: dict[str, str] = ADA, shown: bool = True) -> None:
    """Run `uv run fearless ...` in the project; stop the demo when its exit code is another one."""
    who = "  (as Bob)" if by is BOB else ""
    print(f"   $ uv run fearless {' '.join(arguments)}{who}", flush=True)
    result = subprocess.run(
        ["uv", "run", "--quiet", "fearless", *arguments],
        cwd=PROJECT,
        env=environment(by),
        capture_output=not shown,
        text=True,
    )
    if result.returncode != code:
        told = "" if shown else f"\n{result.stdout}{result.stderr}"
        sys.exit(
            f"{told}\nThe demo stops: `fearless {arguments[0]}` ended with {result.returncode}, expected was {code}."
        )


def environment(who: dict[str, str]) -> dict[str, str]:
    outside = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "UV_PROJECT_ENVIRONMENT", "CI")
    own = {name: value for name, value in os.environ.items() if name not in outside}
    return {**own, **COMMITTER, **who, "UV_PYTHON": own.get("UV_PYTHON", sys.executable)}


def say(text: str) -> None:
    print(f"\n=== {text}\n", flush=True)


if __name__ == "__main__":
    main()
