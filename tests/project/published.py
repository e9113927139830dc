"""A repository of the template with two releases, and a project that was made from the first of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import SCRATCH, Repo

IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
JUDGE = "fearless/src/fearless/gate/wording.py"
OLD, NEW = "The verdict in one sentence.", "The verdict in a sentence."


@pytest.fixture
def published(template: Path, tmp_path: Path) -> Path:
    """The template's repository: v0.1.0 is what is checked out, v0.2.0 says one thing in other words."""
    root = tmp_path / "template"
    shutil.copytree(template, root, ignore=shutil.ignore_patterns(*SCRATCH))
    _git(root, "init", "--quiet", "--initial-branch=main")
    _release(root, "v0.1.0")
    file = root / "template" / JUDGE
    file.write_text(file.read_text("utf-8").replace(OLD, NEW), "utf-8", newline="\n")
    subprocess.run([sys.executable, "hooks/manifest.py"], cwd=root, check=True)
    _release(root, "v0.2.0")
    return root


def made_from(repo: Repo, published: Path, tag: str) -> None:
    """Record in the answers that `repo` was made from this release, as copier does."""
    answers = repo.root / ".copier-answers.yml"
    kept = [line for line in answers.read_text("utf-8").splitlines() if not line.startswith(("_", "#"))]
    repo.write(".copier-answers.yml", "\n".join([f"_commit: {tag}", f"_src_path: {published}", *kept]) + "\n")


def updated(repo: Repo, published: Path) -> None:
    """Do to the template's files what an update to the second release does."""
    repo.edit(".copier-answers.yml", "v0.1.0", "v0.2.0")
    for name in (JUDGE, "fearless/MANIFEST"):
        shutil.copy(published / "template" / name, repo.root / name)


def _release(root: Path, tag: str) -> None:
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", tag)
    _git(root, "tag", tag)


def _git(root: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *IDENTITY, *arguments], cwd=root, check=True, env=environment)
