"""DVC, called in this process: a second call then costs hundredths of a second instead of most of one."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fearless.core.errors import FearlessError

if TYPE_CHECKING:
    from dvc.repo import Repo


def pointer_text(md5: str, path: str) -> str:
    """The text of a .dvc file that names the folder `path` beside it by the digest `md5` (`....dir`)."""
    return f"outs:\n- md5: {md5}\n  hash: md5\n  path: {path}\n"


def pointed_md5(pointer: Mapping[str, Any]) -> str:
    """The digest in the content of a pointer, or an empty text."""
    outs = pointer.get("outs")
    digest = outs[0].get("md5") if isinstance(outs, list) and outs and isinstance(outs[0], dict) else None
    return digest if isinstance(digest, str) else ""


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


def is_kept(digest: str, root: Path) -> bool:
    """Whether the cache of this machine holds every file of the folder that DVC calls by `digest` (`....dir`)."""
    with _repo("checkout", root) as repo:

        def holds(part: str) -> bool:
            return Path(repo.cache.local.oid_to_path(part)).is_file()

        return holds(digest) and all(holds(part) for part in _listed(repo, digest).values())


def bring(digest: str, folder: Path, root: Path) -> None:
    """Write the folder that DVC calls by `digest` (`....dir`), of any commit, from the cache or else from the remote.

    Raises FearlessError where neither has all of it; nothing is written then.
    """
    with _repo("fetch", root) as repo:
        _held(repo, [digest])
        files = _listed(repo, digest)
        places = _held(repo, [*files.values()])
        for name, part in files.items():
            stored = places[part]
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(stored, folder / name)


def _held(repo: Repo, digests: Sequence[str]) -> dict[str, Path]:
    """Where the cache keeps these objects, once those that it lacks have been brought from the remote."""
    from dvc.exceptions import DvcException
    from dvc_data.hashfile.hash_info import HashInfo

    places = {digest: Path(repo.cache.local.oid_to_path(digest)) for digest in digests}
    if absent := [digest for digest, place in places.items() if not place.is_file()]:
        try:
            repo.cloud.pull([HashInfo("md5", digest) for digest in absent])
        except DvcException:
            raise
        except Exception as error:  # each cloud's library raises classes of its own
            said = " ".join(": ".join(_chain(error)).split())
            raise FearlessError(f"the storage does not give it: {said}.") from None
    if not all(place.is_file() for place in places.values()):
        raise FearlessError("neither the cache nor the storage holds all of it.")
    return places


def _listed(repo: Repo, digest: str) -> dict[str, str]:
    """The digest of each file of a folder that lies in the cache, by its path in the folder."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    try:
        listed = Tree.load(repo.cache.local, HashInfo("md5", digest))
    except ObjectFormatError:
        raise FearlessError("what the cache or the storage holds of it is damaged.") from None
    return {"/".join(key): found.value for key, _, found in listed}


def changed(root: Path) -> list[str]:
    """The stages and pointers that are not as dvc.lock and the pointers record, by name.

    A release that was not brought here is no such change.
    """
    with _repo("status", root) as repo:
        return sorted(str(name) for name in repo.status() if not str(name).startswith("ops/releases/"))


@contextlib.contextmanager
def _repo(command: str, root: Path) -> Iterator[Repo]:
    """DVC's repository in `root`, silent; what goes wrong in the block becomes a FearlessError."""
    import logging

    with contextlib.chdir(root):
        from dvc.exceptions import DvcException
        from dvc.logger import set_loggers_level
        from dvc.repo import Repo
        from dvc.utils.serialize import ParseError

        with set_loggers_level(logging.CRITICAL):
            try:
                with Repo(str(root)) as repo:
                    yield repo
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
