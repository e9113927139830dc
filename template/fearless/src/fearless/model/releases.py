"""Releases: what was released, as bundles that nobody edits.

ops/releases/v3/release.json   what was released, when, by whom, and the digests of all of it
ops/releases/v3/gate.json      how the gate judged it
ops/releases/v3/card.md        the model card
ops/releases/v3/model.dvc      DVC's pointer of the artifact, which lies beside it in model/ once it was brought
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from fearless.core.digest import sha256_file
from fearless.core.dvc import pointed_md5
from fearless.core.errors import FearlessError
from fearless.core.model_error import first_complaint
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping
from fearless.model.artifact import MANIFEST

FOLDER = "ops/releases"
RECORD = "release.json"
GATE = "gate.json"
CARD = "card.md"
POINTER = "model.dvc"
MODEL = "model"
NAME = re.compile(r"v[1-9][0-9]{0,5}")


class Person(BaseModel):
    """Who did it, as git knows them."""

    name: str
    email: str


class Release(BaseModel):
    """A release, version 1. `files` holds the SHA-256 of the other files of the bundle, by their names.

    `model_sha256` is the digest of the artifact's manifest, `model_md5` what DVC calls the artifact. `content` is the
    content digest of the commit it was made from (see core/evidence.py), `digests` are those of what made and judged
    it. `items` is the checklist as it stood, `break_glass` why it was released in spite of what was open.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    version: Literal[1] = 1
    release: str
    at: str
    by: Person
    model_name: str
    model_sha256: str
    model_md5: str
    replaces: str = ""
    content: str
    digests: dict[str, str]
    files: dict[str, str]
    verdict: str
    items: list[dict[str, Any]]
    break_glass: str = ""
    toolkit: str

    @property
    def number(self) -> int:
        """3 for v3."""
        return int(self.release[1:])

    @property
    def folder(self) -> str:
        """The bundle's folder, relative to the repository."""
        return f"{FOLDER}/{self.release}"


def releases(project: Project) -> list[Release]:
    """All releases that are here, oldest first. Raises FearlessError for a record that cannot be read."""
    found = [read_release(project, folder.name) for folder in _folders(project)]
    return sorted(found, key=lambda release: release.number)


def read_release(project: Project, name: str) -> Release:
    """The record of one release; raises FearlessError where there is none of that name, or it cannot be read."""
    if not NAME.fullmatch(name):
        raise FearlessError(f"`{name}` names no release: they are called v1, v2 and so on.")
    file = project.root / FOLDER / name / RECORD
    shown = f"{FOLDER}/{name}/{RECORD}"
    if not file.is_file():
        known = ", ".join(folder.name for folder in _folders(project)) or "none yet"
        raise FearlessError(f"There is no release {name} here.", fix=f"Released were: {known}.")
    try:
        release = Release.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise FearlessError(
            first_complaint(error, shown, Release.model_fields).what, fix=_bring_back(name)
        ) from None
    if release.release != name:
        raise FearlessError(
            f"{shown} speaks of `{release.release}`.",
            fix=f"Give the folder {FOLDER}/{name} its own name back.",
        )
    return release


def release_of(project: Project, model_sha256: str) -> Release | None:
    """The newest release of the model with this digest, or None.

    A record that cannot be read is passed over: damage to one release must not keep another from being found.
    """
    for folder in reversed(_folders(project)):
        try:
            release = read_release(project, folder.name)
        except FearlessError:
            continue
        if release.model_sha256 == model_sha256:
            return release
    return None


def model_folders(project: Project) -> Iterator[Path]:
    """The folders that hold an artifact: champion and candidate first, then the releases that were brought here."""
    yield from (each for each in (project.champion, project.candidate) if (each / MANIFEST).is_file())
    yield from (folder / MODEL for folder in _folders(project) if (folder / MODEL / MANIFEST).is_file())


def find_model(project: Project, model_sha256: str) -> Path | None:
    """The folder whose manifest has this SHA-256, or None where that model is not here."""
    for folder in model_folders(project):
        if sha256_file(folder / MANIFEST) == model_sha256:
            return folder
    return None


def verify_bundle(project: Project, release: Release) -> None:
    """Hold the files of a bundle, apart from the model, against its record; raises FearlessError for the first one."""
    verify_pointer(project, release)
    for damage in damaged_texts(project, release):
        raise damage


def damaged_texts(project: Project, release: Release) -> list[FearlessError]:
    """What is wrong with the texts that the record names, the gate's report and the card: one error for each.

    People read them and no service does, so whoever goes back to this release at night may be told instead of stopped.
    """
    found = {
        name: _damage(project.root / release.folder / name, each) for name, each in release.files.items()
    }
    return [
        FearlessError(f"{release.folder}/{name} {what}.", fix=_bring_back(release.release))
        for name, what in found.items()
        if what
    ]


def _damage(file: Path, digest: str) -> str:
    if not file.is_file():
        return "is missing"
    try:
        return "" if sha256_file(file) == digest else "is not what was released: its SHA-256 differs"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def verify_pointer(project: Project, release: Release) -> None:
    """Raise FearlessError where a record names no digest of its texts, or another model than lies beside it.

    The artifact is held against its own manifest when it is opened, and the manifest against the record here, where
    the artifact was brought.
    """
    folder = project.root / release.folder
    if not {GATE, CARD} <= set(release.files):
        raise FearlessError(
            f"{release.folder}/{RECORD} names no digest of {GATE} and {CARD}.",
            fix=_bring_back(release.release),
        )
    if pointed_md5(read_mapping(folder / POINTER, f"{release.folder}/{POINTER}")) != release.model_md5:
        raise FearlessError(
            f"{release.folder}/{POINTER} names another model than {RECORD}.", fix=_bring_back(release.release)
        )
    manifest = folder / MODEL / MANIFEST
    if manifest.is_file() and sha256_file(manifest) != release.model_sha256:
        raise FearlessError(
            f"{release.folder}/{MODEL} is not the model that was released as {release.release}: the SHA-256 of its"
            " manifest differs.",
            fix=f"Bring it back: `uv run dvc checkout --force {release.folder}/{POINTER}`.",
        )


def _folders(project: Project) -> list[Path]:
    there = (project.root / FOLDER).glob(f"*/{RECORD}")
    return sorted(
        (file.parent for file in there if NAME.fullmatch(file.parent.name)),
        key=lambda each: int(each.name[1:]),
    )


def _bring_back(name: str) -> str:
    return f"Bring the bundle back: `git checkout -- {FOLDER}/{name}`."
