"""Files in the repository that no review should have to find: conflict markers, large files, secrets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from fearless.core.git import git, is_work_tree
from fearless.core.project import Project
from fearless.guard.finding import Finding

LARGEST_KB = 1000
# How older and newer versions of ruff name a file that is not formatted.
UNFORMATTED = re.compile(r"(?:Would reformat: |--> )([^:\n]+)")
MARKERS = (b"<<<<<<< ", b">>>>>>> ")
SECRETS = {
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "an AWS access key": re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(rb"\bgh[pousr]_[0-9A-Za-z]{36,}\b"),
    "a GitLab token": re.compile(rb"\bglpat-[0-9A-Za-z_-]{20,}\b"),
    "an Azure storage key": re.compile(rb"AccountKey=[0-9A-Za-z+/]{80,}={0,2}"),
    "a Google service account key": re.compile(rb'"private_key_id": *"[0-9a-f]{40}"'),
}


def tracked_files(project: Project) -> list[Path]:
    """The files of the project that git tracks, without the embedded DVC storage."""
    if not is_work_tree(project.root):
        return []
    listing = git(["ls-files", "-z"], project.root).stdout
    names = [name for name in listing.split("\0") if name and not name.startswith(".storage/")]
    return [path for name in names if (path := project.root / name).is_file()]


def unfit(files: Iterable[Path], project: Project) -> list[Finding]:
    """Conflict markers, files above the size git is good for, and what looks like a secret."""
    found: list[Finding] = []
    for path in files:
        name = project.relative(path)
        size_kb = path.stat().st_size // 1024
        if (
            size_kb > LARGEST_KB
            and not name.startswith((".storage/", "fearless/"))
            and path.name != "uv.lock"
        ):
            found.append(
                Finding(
                    f"{name} has {size_kb} KB, too large for git.",
                    f"Track it with `uv run dvc add {name}`, or name it in .gitignore.",
                )
            )
            continue
        content = path.read_bytes()
        if any(line.startswith(MARKERS) for line in content.splitlines()):
            found.append(Finding(f"{name} holds conflict markers.", "Resolve the conflict and remove them."))
        for kind, pattern in SECRETS.items():
            if pattern.search(content):
                found.append(
                    Finding(
                        f"{name} holds what looks like {kind}.", "Take it out, and revoke it: git remembers."
                    )
                )
    return found


def lint(project: Project, files: list[str] | None = None) -> list[Finding]:
    """What ruff finds in the team's code, by the rules in pyproject.toml."""
    chosen = (
        files if files is not None else [name for name in ("src", "tests") if (project.root / name).is_dir()]
    )
    if not chosen:
        return []
    found: list[Finding] = []
    rules = _run(["ruff", "check", "--quiet", "--output-format", "concise", *chosen], project)
    if rules.returncode != 0:
        lines = (rules.stdout or rules.stderr).strip().splitlines() or ["it gave no reason"]
        found.append(Finding(f"ruff check: {_first(lines, '; ')}.", "Run `uv run ruff check --fix`."))
    layout = _run(["ruff", "format", "--check", *chosen], project)
    if layout.returncode != 0:
        files_named = UNFORMATTED.findall(layout.stdout) or (layout.stderr.strip().splitlines() or ["a file"])
        found.append(
            Finding(f"ruff format would change {_first(files_named, ', ')}.", "Run `uv run ruff format`.")
        )
    return found


def _first(texts: list[str], between: str) -> str:
    more = f" (and {len(texts) - 3} more)" if len(texts) > 3 else ""
    return between.join(texts[:3]) + more


def tests(project: Project) -> list[Finding]:
    """The team's tests; none collected is a failure, because a suite that ran nothing proved nothing."""
    result = _run(["pytest", "-q", "--no-header", "-p", "no:cacheprovider"], project)
    if result.returncode == 0:
        return []
    if result.returncode == 5:
        return [
            Finding("pytest collected no test.", "Write one in tests/: what must your features always do?")
        ]
    lines = [line for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    last = (result.stdout.strip() or result.stderr.strip()).splitlines()[-1:]
    return [
        Finding(f"The tests failed: {'; '.join((lines or last)[:3])}.", "Run `uv run pytest` to see them.")
    ]


def _run(command: list[str], project: Project) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project.root,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
