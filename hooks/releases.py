"""The table of releases: which commit is which version. Tags may be absent in a checkout, this table is not.

python hooks/releases.py    exit 1 and say which line of releases.yaml is wrong
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "releases.yaml"
TOOLKIT = "template/fearless/pyproject.toml"


def main() -> int:
    found = problems(releases(), ROOT)
    for problem in found:
        print(problem)
    return 1 if found else 0


def releases() -> dict[str, str]:
    """The commit of each release by version, oldest first; empty before the first one."""
    # BaseLoader: a version such as 1.10 and a digest of digits alone stay text.
    table = yaml.load(TABLE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader) or {}  # noqa: S506
    return {str(version): str(commit) for version, commit in table.items()}


def problems(table: dict[str, str], repository: Path) -> list[str]:
    """What is wrong with the table, one sentence a line of it."""
    versions = list(table)
    found: list[str] = []
    if versions != sorted(versions, key=parts):
        found.append(f"releases.yaml: {', '.join(versions)} are not in order; the oldest comes first")
    for version, commit in table.items():
        where = f"releases.yaml: {version}"
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            found.append(f"{where}: {commit} is not the full digest of a commit")
        elif (text := show(repository, commit, TOOLKIT)) is None:
            found.append(
                f"{where}: this checkout has no commit {commit}; was it fetched with its full history?"
            )
        elif (told := version_of(text)) != version:
            found.append(f"{where}: {TOOLKIT} at that commit says {told}")
        elif not is_ancestor(repository, commit):
            found.append(f"{where}: {commit} is not in the history of what is checked out")
    return found


def parts(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))


def version_of(pyproject: str) -> str:
    """The version that the text of a pyproject.toml gives."""
    return str(tomllib.loads(pyproject)["project"]["version"])


def show(repository: Path, commit: str, path: str) -> str | None:
    """The text of the file at `path` in `commit`, or None where the commit or the file is not there."""
    done = _git(repository, "show", f"{commit}:{path}")
    return done.stdout if done.returncode == 0 else None


def is_ancestor(repository: Path, commit: str) -> bool:
    """Whether what is checked out came after `commit`, or is it."""
    return _git(repository, "merge-base", "--is-ancestor", commit, "HEAD").returncode == 0


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *arguments], cwd=repository, capture_output=True, text=True, encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
