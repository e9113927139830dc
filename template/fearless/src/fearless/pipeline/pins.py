"""The tested versions: a preference for the first lock of a repository, then the team's own.

The rendered pyproject.toml asks for `fearless[tested]`, so the first lock takes the versions that the template's
CI ran. Dropping the extra and locking again keeps them, and leaves the team free to choose others.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib

from fearless.core.atomic import write_text
from fearless.core.errors import FearlessError
from fearless.core.project import Project

# Read by line: a parser for the whole lock costs more than the rest of this step.
LOCKED = re.compile(r'^\[\[package\]\]\nname = "([^"]+)"\nversion = "([^"]+)"$', re.MULTILINE)
ASKED = re.compile(r'"fearless\[([a-z0-9, -]+)\]"')


def asks_for_tested(project: Project) -> bool:
    """True while pyproject.toml asks for the tested versions."""
    found = ASKED.search(_pyproject(project))
    return bool(found and any(extra.startswith("tested") for extra in _extras(found)))


def drop_tested(project: Project) -> list[str]:
    """Take the extra out of pyproject.toml and lock again; return the packages that differ from the tested ones.

    Where the lock cannot be made (no network, say) pyproject.toml is left as it was.
    """
    uv_program()  # before anything is changed
    before = _pyproject(project)
    write_text(project.root / "pyproject.toml", ASKED.sub(_without_tested, before, count=1))
    result = _uv_lock(project, offline=True)  # all it needs was fetched for the first lock a moment ago
    if result.returncode != 0:
        result = _uv_lock(project, offline=False)
    if result.returncode != 0:
        write_text(project.root / "pyproject.toml", before)
        said = result.stderr.strip().splitlines()[-1:] or ["no message"]
        raise FearlessError(f"`uv lock` failed: {said[0].strip()}", fix="Mend that and run this again.")
    return differing(project)


def differing(project: Project) -> list[str]:
    """`name locked (tested)` for every package whose locked version is not the tested one."""
    toolkit = tomllib.loads((project.root / "fearless" / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (project.root / "uv.lock").read_text(encoding="utf-8")
    tested: dict[str, set[str]] = {}
    for extra, pins in toolkit["project"]["optional-dependencies"].items():
        for pin in pins if extra.startswith("tested") else []:
            name, _, version = pin.split(";")[0].strip().partition("==")
            tested.setdefault(name, set()).add(version)
    locked: dict[str, set[str]] = {}
    for name, version in LOCKED.findall(lock):
        locked.setdefault(name, set()).add(version)
    return [
        f"{name} {'/'.join(sorted(versions))} ({'/'.join(sorted(tested[name]))})"
        for name, versions in sorted(locked.items())
        if name in tested and not versions & tested[name]
    ]


def uv_program() -> str:
    """The uv that runs this, or the one on the PATH."""
    found = os.environ.get("UV") or shutil.which("uv")
    if not found:
        raise FearlessError(
            "uv is not installed.", fix="Install it with `pip install uv` and run this again."
        )
    return found


def _uv_lock(project: Project, *, offline: bool) -> subprocess.CompletedProcess[str]:
    command = [uv_program(), "lock", "--quiet", *(["--offline"] if offline else [])]
    return subprocess.run(
        command, cwd=project.root, capture_output=True, text=True, encoding="utf-8", errors="replace"
    )


def _without_tested(found: re.Match[str]) -> str:
    kept = [extra for extra in _extras(found) if not extra.startswith("tested")]
    return f'"fearless[{",".join(kept)}]"' if kept else '"fearless"'


def _extras(found: re.Match[str]) -> list[str]:
    return [extra.strip() for extra in found.group(1).split(",")]


def _pyproject(project: Project) -> str:
    path = project.root / "pyproject.toml"
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FearlessError("pyproject.toml is missing.", fix="Bring it back with git.") from None
