"""DVC, called in this process: a second call then costs hundredths of a second instead of most of one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fearless.core.errors import FearlessError

if TYPE_CHECKING:
    from dvc.repo import Repo


def add(targets: Sequence[str], root: Path) -> None:
    """Track files or folders: write their pointers and keep their content in DVC's cache."""
    with _repo("add", root) as repo:
        repo.add(list(targets))


def reproduce(root: Path, *, again: bool = False) -> None:
    """Run the stages of dvc.yaml that are out of date, or `again` all; what they print goes to this terminal."""
    with _own_programs_first(), _repo("repro", root) as repo:
        repo.reproduce(force=again)


def push(root: Path) -> None:
    """Copy what the remote lacks to it."""
    with _repo("push", root) as repo:
        repo.push()


def pull(targets: Sequence[str], root: Path) -> None:
    """Bring what the pointers name from the remote."""
    with _repo("pull", root) as repo:
        repo.pull(targets=list(targets))


def checkout(targets: Sequence[str], root: Path) -> None:
    """Bring what the pointers and dvc.lock name from the cache."""
    with _repo("checkout", root) as repo:
        repo.checkout(targets=list(targets))


def get(path: str, revision: str, folder: Path, root: Path) -> None:
    """Bring what `path` held at a commit of git to `folder`, from the cache or else from the remote.

    Raises FearlessError where neither gives it; the folder may hold a part of it then.
    """
    with _told("get", root):
        from dvc.repo import Repo

        try:
            Repo.get(str(root), path, str(folder), rev=revision, force=True)
        except Exception as error:  # each cloud's library raises classes of its own
            said = " ".join(": ".join(_chain(error)).split())
            raise FearlessError(f"neither the cache nor the storage gives {path}: {said}.") from None


def changed(root: Path) -> list[str]:
    """The stages and pointers that are not as dvc.lock and the pointers record, by name.

    A release that was not brought here is no such change.
    """
    with _repo("status", root) as repo:
        return sorted(str(name) for name in repo.status() if not str(name).startswith("ops/releases/"))


@contextlib.contextmanager
def _repo(command: str, root: Path) -> Iterator[Repo]:
    """DVC's repository in `root`, silent; what goes wrong in the block becomes a FearlessError."""
    with _told(command, root):
        from dvc.repo import Repo

        with Repo(str(root)) as repo:
            yield repo


@contextlib.contextmanager
def _told(command: str, root: Path) -> Iterator[None]:
    """In `root`, with DVC silent; what it raises in the block becomes a FearlessError."""
    import logging

    with contextlib.chdir(root):
        from dvc.exceptions import DvcException
        from dvc.logger import set_loggers_level
        from dvc.utils.serialize import ParseError

        with set_loggers_level(logging.CRITICAL):
            try:
                yield
            except (DvcException, ParseError) as error:
                _refuse_conflict(root)
                said = " ".join(": ".join(_chain(error)).split())
                fix = (
                    "The credentials it may need stand in .env.example."
                    if command in ("pull", "push")
                    else ""
                )
                raise FearlessError(f"`dvc {command}` failed: {said}.", fix=fix) from None


def _refuse_conflict(root: Path) -> None:
    """Two branches that both trained conflict in dvc.lock, and no side of it is right for the merged code."""
    lock = root / "dvc.lock"
    if lock.is_file() and "\n<<<<<<< " in "\n" + lock.read_text(encoding="utf-8", errors="replace"):
        raise FearlessError(
            "dvc.lock holds the conflict of two branches that both trained.",
            fix="Take either side, `git checkout --theirs dvc.lock ops/reports/metrics.json`, then `uv run fearless"
            " train` and `git add dvc.lock ops/reports`.",
        )


def _chain(error: BaseException) -> Iterator[str]:
    """The message of `error` and of what caused it, each once."""
    seen = ""
    cause: BaseException | None = error
    while cause is not None:
        if (text := str(cause).strip().rstrip(".")) and text not in seen:
            seen += text
            yield text
        cause = cause.__cause__ or getattr(cause, "cause", None)


@contextlib.contextmanager
def _own_programs_first() -> Iterator[None]:
    """Let the stages' `fearless` be the one of this environment, also when it is not activated."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
