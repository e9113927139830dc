"""A commit on a branch of its own, made beside the work tree: what is open there, staged or not, stays as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fearless.core.errors import FearlessError
from fearless.core.git import git

FILE_MODE = "100644"


def commit_on_branch(
    root: Path,
    branch: str,
    files: Mapping[str, bytes],
    message: str,
    *,
    start: str = "HEAD",
    author: Sequence[str] = (),
) -> str:
    """Let `branch` be one commit on top of `start` that brings `files`; returns the commit.

    `files` is the content by path, relative to the folder `root`, which need not be git's. `author` are options of git
    (see `identity`). A branch of that name is moved, for it was prepared and not merged; the one that is checked out is
    not. Git moves it in one step, so a killed process leaves the branch as it was.
    """
    here = git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip()
    if branch == here:
        raise FearlessError(
            f"The branch {branch} is checked out, so it cannot be made anew.",
            fix="`git switch -`, then again.",
        )
    prefix = git(["rev-parse", "--show-prefix"], root).stdout.strip()
    signed = git(["config", "--type=bool", "commit.gpgsign"], root, check=False).stdout.strip() == "true"
    with tempfile.TemporaryDirectory(prefix="fearless-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(["read-tree", start], root, variables=index)
        for name, content in files.items():
            put = ["hash-object", "-w", "--stdin", f"--path={prefix}{name}"]
            blob = git(put, root, stdin=content).stdout.strip()
            entry = ["update-index", "--add", "--cacheinfo", FILE_MODE, blob, prefix + name]
            git(entry, root, variables=index)
        tree = git(["write-tree"], root, variables=index).stdout.strip()
    told = ["commit-tree", tree, "-p", start, "-m", message, *(["-S"] if signed else [])]
    commit = git([*author, *told], root).stdout.strip()
    git(["update-ref", "-m", "fearless", f"refs/heads/{branch}", commit], root)
    return commit


def default_branch(root: Path) -> str:
    """What is merged, by its name for git: the default branch of origin where there is one, else the local one.

    An empty text where there is neither.
    """
    for name in ("origin/HEAD", "origin/main", "origin/master", "main", "master"):
        if git(["rev-parse", "--verify", "-q", f"{name}^{{commit}}"], root, check=False).returncode == 0:
            return name
    return ""


def shown_at(root: Path, commit: str, name: str) -> str | None:
    """The text of a file at a commit, None where it is not there; `name` is relative to `root`."""
    shown = git(["show", f"{commit}:./{name}"], root, check=False)
    return shown.stdout if shown.returncode == 0 else None
