"""Files that are there whole or not at all: written beside their place, synced, then moved into it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with LF line ends; a reader sees the old file or the new one, never a part."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content`; a reader sees the old file or the new one, never a part."""
    with replaced_file(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; move it to `path` when the block ends well, remove it when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder to fill; move it to `path` when the block ends well, remove it when it does not.

    A folder that stands at `path` already is moved aside first, so it is never half removed. Between the two
    moves a killed process leaves no folder at all, which every reader here treats as "not made yet".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent, path.name)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    aside = temporary.with_suffix(".old")
    try:
        yield temporary
        for file in sorted(temporary.rglob("*")):
            if file.is_file():
                _sync(file)
        temporary.chmod(0o755)  # mkdtemp makes it private to one user
        if path.exists():
            path.replace(aside)
        temporary.replace(path)
    finally:
        if aside.exists() and not path.exists():
            aside.replace(path)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove what killed writers of `name` left in `folder`, where no other may be at work now."""
    for left in [*folder.glob(f".{name}.*.part"), *folder.glob(f".{name}.*.old")]:
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
