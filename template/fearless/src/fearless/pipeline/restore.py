"""The template's files as a release delivers them: what drifted is brought back.

An update replays the difference of two releases. A file that was edited once would keep its edit for ever.
"""

from __future__ import annotations

from pathlib import Path

from fearless.core.atomic import write_bytes
from fearless.core.digest import sha256_file
from fearless.core.project import Project
from fearless.core.release import MANIFEST, Delivered
from fearless.guard.ownership import CI_FOLDERS


def restore(project: Project, delivered: Delivered) -> list[str]:
    """Write each of the template's files that is missing or differs from the release; returns their paths."""
    ci = str(project.answers.get("ci", ""))
    others = tuple(folder for name, folder in CI_FOLDERS.items() if name != ci)
    drifted = [
        name
        for name, digest in delivered.manifest.items()
        if not name.startswith(others) and not _is(project.root / name, digest)
    ]
    contents = {name: delivered.read(name) for name in drifted}
    manifest = delivered.read(MANIFEST)
    if not (project.root / MANIFEST).is_file() or (project.root / MANIFEST).read_bytes() != manifest:
        contents[MANIFEST] = manifest
    for name, content in contents.items():
        write_bytes(project.root / name, content)
    return sorted(contents)


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and sha256_file(path) == digest
