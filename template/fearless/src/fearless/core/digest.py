"""Digests of files: SHA-256 in full for our own records, MD5 as DVC writes it in its pointers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

CHUNK = 1 << 20
CACHE = "__pycache__"


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    return _file_digest(path, "sha256")


def md5_file(path: Path) -> str:
    """The digest DVC writes of a file: the MD5 of its bytes."""
    return _file_digest(path, "md5")


def sha256_text(text: str) -> str:
    """SHA-256 of a text in UTF-8, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def dvc_folder_md5(folder: Path) -> str:
    """The digest DVC writes in the pointer of a folder: the MD5 of its sorted listing as JSON, plus `.dir`.

    Source: DVC's `Tree.as_bytes` (a list of `{"md5": ..., "relpath": ...}` sorted by path, default
    separators), seen with DVC 3.67 and checked against its own pointer in the tests. Python's bytecode is left out, as
    .dvcignore says.
    """
    listing = [
        {"md5": md5_file(file), "relpath": name}
        for name, file in files_below(folder)
        if CACHE not in name.split("/")
    ]
    return hashlib.md5(json.dumps(listing).encode(), usedforsecurity=False).hexdigest() + ".dir"


def files_below(folder: Path) -> list[tuple[str, Path]]:
    """All files below `folder` as (relative path with `/`, path), sorted by that text, as DVC sorts them."""
    return sorted((file.relative_to(folder).as_posix(), file) for file in folder.rglob("*") if file.is_file())


def _file_digest(path: Path, name: str) -> str:
    digest = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def parse_manifest(text: str) -> dict[str, str]:
    """SHA-256 by path, from lines `sha256  path`."""
    lines = [line.split("  ", 1) for line in text.splitlines() if line.strip()]
    return {name: digest for digest, name in lines}
