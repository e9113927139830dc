"""Files in the repository that no review should have to find: conflict markers, large files, secrets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fearless.core.git import git, is_work_tree
from fearless.core.project import Project
from fearless.guard.finding import Finding

LARGEST_KB = 1000
FILE_MODE = "100"  # how git's modes of ordinary files begin; links and submodules have others
# How older and newer versions of ruff name a file that is not formatted.
UNFORMATTED = re.compile(r"(?:Would reformat: |--> )([^:\n]+)")
RULES = ["ruff", "check", "--quiet", "--output-format", "concise"]
LAYOUT = ["ruff", "format", "--check"]
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
    # In a merge that is not finished git lists a file once for each side.
    every = dict.fromkeys(listing.split("\0"))
    names = [name for name in every if name and not name.startswith(".storage/")]
    return [path for name in names if (path := project.root / name).is_file()]


@dataclass(frozen=True)
class Staged:
    """A file as the next commit will hold it, which need not be what lies in the work tree."""

    name: str
    size: int
    content: bytes

    def read(self) -> bytes:
        return self.content


def staged_content(project: Project) -> list[Staged]:
    """The ordinary files that the next commit adds or changes; one that is too large comes without content."""
    listing = git(
        ["diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=ACM", "--relative"],
        project.root,
    ).stdout
    parts = listing.split("\0")
    blobs = {
        name: entry.split(" ")[3]
        for entry, name in zip(parts[::2], parts[1::2], strict=False)
        if entry.split(" ")[1].startswith(FILE_MODE) and not name.startswith(".storage/")
    }
    sizes = dict(zip(blobs, _sizes(list(blobs.values()), project), strict=True))
    wanted = {name: blob for name, blob in blobs.items() if not _is_too_large(name, sizes[name])}
    contents = dict(zip(wanted, _blobs(list(wanted.values()), project), strict=True))
    return [Staged(name, sizes[name], contents.get(name, b"")) for name in blobs]


def _sizes(blobs: list[str], project: Project) -> list[int]:
    said = _cat_file("--batch-check=%(objectsize)", blobs, project)
    return [int(line) for line in said.splitlines()]


def _blobs(blobs: list[str], project: Project) -> list[bytes]:
    """What `git show` prints of each, from one process: a line with the size, the bytes, a line end."""
    said = _cat_file("--batch=%(objectsize)", blobs, project)
    found: list[bytes] = []
    at = 0
    for _ in blobs:
        start = said.index(b"\n", at) + 1
        end = start + int(said[at:start])
        found.append(said[start:end])
        at = end + 1
    return found


def _cat_file(option: str, blobs: list[str], project: Project) -> bytes:
    if not blobs:
        return b""
    command = ["git", "cat-file", option]
    asked = "".join(f"{blob}\n" for blob in blobs).encode()
    return subprocess.run(command, cwd=project.root, input=asked, capture_output=True, check=True).stdout


def unfit(files: Iterable[Path], project: Project) -> list[Finding]:
    """Conflict markers, files above the size git is good for, and what looks like a secret."""
    return [
        finding
        for path in files
        for finding in _faults(project.relative(path), path.stat().st_size, path.read_bytes)
    ]


def unfit_staged(files: Iterable[Staged]) -> list[Finding]:
    """As `unfit`, of what the next commit will hold."""
    return [finding for file in files for finding in _faults(file.name, file.size, file.read)]


def _is_too_large(name: str, size: int) -> bool:
    exempt = name.startswith((".storage/", "fearless/")) or name.rpartition("/")[2] == "uv.lock"
    return size // 1024 > LARGEST_KB and not exempt


def _faults(name: str, size: int, read: Callable[[], bytes]) -> list[Finding]:
    if _is_too_large(name, size):
        what = f"{name} has {size // 1024} KB, too large for git."
        return [Finding(what, f"Track it with `uv run dvc add {name}`, or name it in .gitignore.")]
    found: list[Finding] = []
    content = read()
    if any(line.startswith(MARKERS) for line in content.splitlines()):
        found.append(Finding(f"{name} holds conflict markers.", "Resolve the conflict and remove them."))
    for kind, pattern in SECRETS.items():
        if pattern.search(content):
            what = f"{name} holds what looks like {kind}."
            found.append(Finding(what, "Take it out, and revoke it: git remembers."))
    return found


def lint(project: Project) -> list[Finding]:
    """What ruff finds in the team's code, by the rules in pyproject.toml."""
    chosen = [name for name in ("src", "tests") if (project.root / name).is_dir()]
    return _lint_findings(*_lint_files(project, chosen))


def lint_staged(project: Project, files: Iterable[Staged]) -> list[Finding]:
    """What ruff finds in these files as the next commit will hold them."""
    # One run for all files that lie in the work tree as they are staged; the others go through stdin, one by one.
    same: list[Staged] = []
    other: list[Staged] = []
    for file in files:
        path = project.root / file.name
        as_staged = path.is_file() and path.read_bytes() == file.content
        (same if as_staged else other).append(file)
    said, unformatted = _lint_files(project, [file.name for file in same])
    for file in other:
        through_stdin = ["--stdin-filename", file.name, "-"]
        rules = _run([*RULES, *through_stdin], project, file.content)
        if rules.returncode != 0:
            said += _lines(rules)
        if _run([*LAYOUT, *through_stdin], project, file.content).returncode != 0:
            unformatted.append(file.name)
    return _lint_findings(said, unformatted)


def _lint_files(project: Project, chosen: list[str]) -> tuple[list[str], list[str]]:
    """What ruff's rules say of these files and folders, and which of them its formatter would change."""
    if not chosen:
        return [], []
    rules = _run([*RULES, *chosen], project)
    layout = _run([*LAYOUT, *chosen], project)
    said = _lines(rules) if rules.returncode != 0 else []
    if layout.returncode == 0:
        return said, []
    return said, UNFORMATTED.findall(layout.stdout) or (layout.stderr.strip().splitlines() or ["a file"])


def _lines(result: subprocess.CompletedProcess[str]) -> list[str]:
    return (result.stdout or result.stderr).strip().splitlines() or ["it gave no reason"]


def _lint_findings(said: list[str], unformatted: list[str]) -> list[Finding]:
    found: list[Finding] = []
    if said:
        found.append(Finding(f"ruff check: {_first(said, '; ')}.", "Run `uv run ruff check --fix`."))
    if unformatted:
        found.append(
            Finding(f"ruff format would change {_first(unformatted, ', ')}.", "Run `uv run ruff format`.")
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


def _run(
    command: list[str], project: Project, given: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment in the root, with `given` as its input exactly as it is."""
    result = subprocess.run(
        [sys.executable, "-m", *command], cwd=project.root, input=given, capture_output=True
    )
    said, wrong = (
        text.decode("utf-8", errors="replace").replace("\r\n", "\n")
        for text in (result.stdout, result.stderr)
    )
    return subprocess.CompletedProcess(result.args, result.returncode, said, wrong)
