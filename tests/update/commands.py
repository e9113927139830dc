"""The programs that the tests start as a user would: git, uv and copier, without trust."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from uv import find_uv_bin

# What the surroundings of the tests have set must not reach a project, and git fetches from local paths only.
LEFT_OUT = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "UV_PROJECT_ENVIRONMENT", "CI")
SET = {
    "GIT_ALLOW_PROTOCOL": "file",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "commit.gpgsign",
    "GIT_CONFIG_VALUE_0": "false",
    "PYTHONUTF8": "1",
}
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if name not in LEFT_OUT}, **SET}


def run(command: list[str], folder: Path, *, code: int | None = 0) -> str:
    """Run `command` in `folder` and return all that it printed; it must end with `code` (None: any)."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert code in (None, done.returncode), (
        f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
    )
    return done.stdout


def git(folder: Path, *arguments: str, code: int | None = 0) -> str:
    return run(["git", *arguments], folder, code=code)


def uv(folder: Path, *arguments: str, code: int | None = 0) -> str:
    return run([find_uv_bin(), *arguments], folder, code=code)


def fearless(folder: Path, *arguments: str, code: int | None = 0) -> str:
    return uv(folder, "run", "--quiet", "fearless", *arguments, code=code)


def copier_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "copier", *arguments]


def render(template: Path, ref: str, folder: Path, answers: dict[str, str]) -> None:
    """Render the template as it is at `ref` into `folder`."""
    data = [f"--data={name}={value}" for name, value in answers.items()]
    command = copier_command(
        "copy", "--quiet", "--defaults", f"--vcs-ref={ref}", *data, str(template), str(folder)
    )
    run(command, folder.parent)


def commit(folder: Path, message: str) -> str:
    """Commit all that changed in `folder` and return the commit."""
    git(folder, "add", "--all", ".")
    git(folder, "commit", "--quiet", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


def tracked(folder: Path) -> dict[str, bytes]:
    """The content of every file that git knows or would take in, by path."""
    listing = git(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = sorted({name for name in listing.split("\0") if name})
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
