"""Commits made beside the work tree: what is open there, staged or not, stays as it is, and no hook runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from fearless.core.errors import FearlessError
from fearless.core.git import git

FILE_MODE = "100644"
ORIGINS, BRANCHES = "refs/remotes/", "refs/heads/"
KEYS = r"^(user\.signingkey|gpg\.ssh\.defaultkeycommand)$"


def commit_beside(
    root: Path, parent: str, files: Mapping[str, bytes], message: str, author: Sequence[str] = ()
) -> str:
    """A commit on top of `parent` that brings `files`, which no branch names yet; returns it.

    `files` is the content by path, relative to the folder `root`, which need not be git's; git keeps these bytes, past
    any filter. `author` are options of git (see `identity`). It is signed where git has a key to sign with.
    """
    prefix = git(["rev-parse", "--show-prefix"], root).stdout.strip()
    sign = ["-S"] if has_key(root) else []
    with tempfile.TemporaryDirectory(prefix="fearless-commit-") as folder:
        own = {"GIT_INDEX_FILE": os.path.join(folder, "index")}  # noqa: PTH118 (git takes it as text)
        git(["read-tree", parent], root, variables=own)
        for name, content in files.items():
            blob = git(["hash-object", "-w", "--stdin"], root, stdin=content).stdout.strip()
            entry = f"{FILE_MODE},{blob},{prefix}{name}"
            git(["update-index", "--add", "--cacheinfo", entry], root, variables=own)
        tree = git(["write-tree"], root, variables=own).stdout.strip()
    told = ["commit-tree", *sign, "-p", parent, "-m", message, tree]
    return git([*author, *told], root).stdout.strip()


def has_key(root: Path) -> bool:
    """Whether git has a key to sign with, or is told to sign each commit."""
    if git(["config", "--get-regexp", KEYS], root, check=False).stdout.strip():
        return True
    return git(["config", "--type=bool", "commit.gpgsign"], root, check=False).stdout.strip() == "true"


def commit_on_branch(
    root: Path,
    branch: str,
    files: Mapping[str, bytes],
    message: str,
    *,
    start: str = "HEAD",
    author: Sequence[str] = (),
) -> str:
    """Let `branch` be one commit on top of `start` that brings `files` (see `commit_beside`); returns the commit.

    A branch of that name is moved, for it was prepared and not merged; the one that is checked out is not. Git moves it
    in one step, so a killed process leaves the branch as it was.
    """
    here = git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip()
    if branch == here:
        raise FearlessError(
            f"The branch {branch} is checked out, so it cannot be made anew.",
            fix="`git switch -`, then again.",
        )
    parent = git(["rev-parse", f"{start}^{{commit}}"], root).stdout.strip()
    commit = commit_beside(root, parent, files, message, author)
    git(["update-ref", "-m", "fearless", f"{BRANCHES}{branch}", commit], root)
    return commit


def default_branch(root: Path) -> str:
    """What is merged, by its name for git: the default branch of origin where there is one, else the local one.

    Where none has a usual name it is the branch that is checked out, and an empty text where there is none.
    """
    head = ["symbolic-ref", "--short", "-q", f"{ORIGINS}origin/HEAD"]
    named = git(head, root, check=False).stdout.strip()
    for folder, names in ((ORIGINS, (named, "origin/main", "origin/master")), (BRANCHES, ("main", "master"))):
        for name in filter(None, names):
            asked = ["rev-parse", "--verify", "-q", f"{folder}{name}^{{commit}}"]
            if git(asked, root, check=False).returncode == 0:
                return name
    return git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip()


def shown_at(root: Path, commit: str, name: str) -> str | None:
    """The text of a file at a commit, None where it is not there; `name` is relative to `root`."""
    shown = git(["show", f"{commit}:./{name}"], root, check=False)
    return shown.stdout if shown.returncode == 0 else None
