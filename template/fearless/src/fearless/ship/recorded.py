"""Digests, recomputed and held against what was recorded: a file that was swapped after training was never judged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fearless.core.digest import CACHE, dvc_folder_md5, files_below, md5_file, sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping
from fearless.golden.frozen import ROWS, pointed_digest, read_record
from fearless.model.artifact import MANIFEST
from fearless.pipeline.train import PARAMS, made_from
from fearless.ship.here import Found, Here

LOCK, PIPELINE = "dvc.lock", "dvc.yaml"
POINTERS = ("data/raw", "data/golden", "models/champion")
SHOWN = 3


def as_recorded(here: Here) -> Found:
    """A02: model, golden rows, data, columns, parameters, feature code, and every entry of dvc.lock."""
    digests = _Digests(here.project)
    strays = [*_model(here), *_sources(here), *_golden(here.project), *_pointers(digests), *_lock(digests)]
    if strays:
        named = list(dict.fromkeys(strays))
        more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
        raise FearlessError(f"Not as recorded: {'; '.join(named[:SHOWN])}{more}.")
    return Found(
        f"All {len(here.manifest.files)} files of the candidate {here.candidate} and {len(digests.known)} paths of"
        f" {LOCK} and the pointers are as recorded."
    )


class _Digests:
    """What DVC would write of each path now, read once."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.known: dict[str, str] = {}

    def of(self, path: str) -> str:
        if path not in self.known:
            place = self.project.root / path
            if place.is_dir():
                self.known[path] = dvc_folder_md5(place)
            else:
                self.known[path] = md5_file(place) if place.is_file() else ""
        return self.known[path]

    def differs(self, path: str, recorded: object, by: str) -> Iterator[str]:
        now = self.of(path)
        if not now:
            yield f"{path} is not here (`uv run dvc pull`)"
        elif now != recorded:
            yield f"{path} is {now}, and {by} says {recorded}"


def _model(here: Here) -> Iterator[str]:
    folder, manifest = here.project.candidate, here.manifest
    present = {name: path for name, path in files_below(folder) if CACHE not in Path(name).parts}
    for name, digest in manifest.files.items():
        if name not in present:
            yield f"models/candidate/{name} is missing"
        elif sha256_file(present[name]) != digest:
            yield f"models/candidate/{name} is not the file that was trained"
    for name in sorted(present.keys() - manifest.files.keys() - {MANIFEST}):
        yield f"models/candidate/{name} is not in the manifest"


def _sources(here: Here) -> Iterator[str]:
    now, then = made_from(here.project), here.manifest.made_from
    for name in sorted({*now, *then}):
        if now.get(name) != then.get(name):
            yield f"{name} is not what the candidate was made from"


def _golden(project: Project) -> Iterator[str]:
    file = project.golden / ROWS
    if not file.is_file():
        yield f"data/golden/{ROWS} is not here (`uv run dvc pull`)"
    elif sha256_file(file) != read_record(project).rows_sha256:
        yield f"data/golden/{ROWS} is not what was frozen"


def _pointers(digests: _Digests) -> Iterator[str]:
    root = digests.project.root
    for name in POINTERS:
        pointer = root / f"{name}.dvc"
        if pointer.is_file():
            yield from digests.differs(name, pointed_digest(pointer, f"{name}.dvc"), f"{name}.dvc")
        elif name != "models/champion":
            yield f"{name}.dvc is missing"


def _lock(digests: _Digests) -> Iterator[str]:
    root = digests.project.root
    locked = _stages(root / LOCK)
    for name, stage in _stages(root / PIPELINE).items():
        found = locked.get(name)
        if not isinstance(found, dict):
            yield f"the stage {name} of {PIPELINE} never ran (`uv run fearless train`)"
            continue
        if found.get("cmd") != stage.get("cmd"):
            yield f"{LOCK} was made by another command for {name}"
        for entry in [*found.get("deps", []), *found.get("outs", [])]:
            yield from digests.differs(str(entry.get("path")), entry.get("md5"), LOCK)
        for file, values in found.get("params", {}).items():
            yield from _params(root, file, values)


def _params(root: Path, file: str, recorded: dict[str, Any]) -> Iterator[str]:
    now = read_mapping(root / file, file) if file.endswith((".yaml", ".yml")) else {}
    for key, value in recorded.items() if file == PARAMS or now else ():
        found: Any = now
        for part in [key] if key in now else key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found != value:
            yield f"`{key}` of {file} is {found!r}, and {LOCK} says {value!r}"


def _stages(path: Path) -> dict[str, dict[str, Any]]:
    found = read_mapping(path, path.name).get("stages")
    if not isinstance(found, dict) or not all(isinstance(stage, dict) for stage in found.values()):
        raise FearlessError(f"{path.name} names no stages.", fix=f"`git checkout -- {path.name}`")
    return found
