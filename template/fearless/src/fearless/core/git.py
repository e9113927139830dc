"""Git, called as a program with a list of arguments."""

from __future__ import annotations

import getpass
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fearless.core.errors import FearlessError


def git(
    arguments: Sequence[str],
    folder: Path,
    *,
    check: bool = True,
    variables: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run git in `folder`; with `check`, a failure becomes a FearlessError with git's own reason.

    `variables` are added to this process's environment; `stdin` are the bytes that git reads.
    """
    if shutil.which("git") is None:
        raise FearlessError("git is not installed.", fix="Install git 2.30 or newer and run this again.")
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **variables} if variables else None,
        input=stdin,
        capture_output=True,
    )
    result = subprocess.CompletedProcess(done.args, done.returncode, _text(done.stdout), _text(done.stderr))
    if check and result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines() or ["no message"]
        # What git says first is the reason; below it may stand pages of advice.
        reason = next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1])
        raise FearlessError(f"`git {' '.join(arguments[:2])}` failed in {folder}: {reason}")
    return result


def blobs(names: Sequence[str], folder: Path) -> list[bytes]:
    """The bytes that git keeps under each of `names` (a blob, or `HEAD:./path`), unchanged by any filter."""
    asked = "".join(f"{name}\n" for name in names).encode()
    said = subprocess.run(
        ["git", "cat-file", "--batch"], cwd=folder, input=asked, capture_output=True, check=False
    ).stdout
    found: list[bytes] = []
    place = 0
    for name in names:
        end = said.find(b"\n", place)
        about = said[place:end].split(b" ")
        if end < 0 or len(about) != 3 or about[1] != b"blob":
            raise FearlessError(f"git has no file `{name}` in {folder}.")
        size = int(about[2])
        found.append(said[end + 1 : end + 1 + size])
        place = end + 1 + size + 1
    return found


def is_work_tree(folder: Path) -> bool:
    """True where `folder` lies in a git work tree: its own, or that of a folder above that does not ignore it."""
    inside = git(["rev-parse", "--is-inside-work-tree"], folder, check=False).stdout.strip() == "true"
    return inside and git(["check-ignore", "--quiet", str(folder)], folder, check=False).returncode != 0


def has_commit(folder: Path) -> bool:
    """True where the repository of `folder` has at least one commit."""
    return git(["rev-parse", "--verify", "-q", "HEAD"], folder, check=False).returncode == 0


def identity(folder: Path, answers: Mapping[str, Any]) -> list[str]:
    """Git's options that name the owner of the answers as the author, where git knows no one; else none."""
    if git(["config", "user.email"], folder, check=False).stdout.strip():
        return []
    owner = (f"user.name={answers.get('owner_name')}", f"user.email={answers.get('owner_email')}")
    return ["-c", owner[0], "-c", owner[1]]


def person(folder: Path) -> tuple[str, str]:
    """Name and email of whoever runs this, as git would write them; without git, the user of the machine."""
    try:
        known = git(["var", "GIT_AUTHOR_IDENT"], folder, check=False).stdout
    except FearlessError:
        known = ""
    if found := re.match(r"(.*?) ?<(.*)> \d+ [+-]\d+$", known.strip()):
        return found[1], found[2]
    user = getpass.getuser()
    return user, f"{user}@{platform.node()}"


def _text(said: bytes) -> str:
    return said.decode("utf-8", errors="replace").replace("\r\n", "\n")
