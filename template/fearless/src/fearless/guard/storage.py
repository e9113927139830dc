"""The storage inside the repository: what dvc.lock and the pointers name must be there for whoever clones it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fearless.core.git import git, is_work_tree
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping
from fearless.guard.finding import Finding

POINTERS = ("data", "models", "ops/releases/*")
PUSH = "Run `uv run dvc push`, and commit .storage together with dvc.lock."


def pushed(project: Project) -> list[Finding]:
    """Outputs that the last commit names and .storage lacks, or that lie there without being in git.

    Nothing is said of another storage, nor of a training that is not committed: an experiment need not be pushed.
    """
    if project.answers.get("dvc_remote") != "local" or not (project.root / "dvc.lock").is_file():
        return []
    names = ["dvc.lock", *(f"{folder}/*.dvc" for folder in POINTERS)]
    if not is_work_tree(project.root) or git(["status", "--porcelain", "--", *names], project.root).stdout:
        return []
    named = _named(project)
    lacking = [
        path for path, digest in named.items() if not all(map(Path.is_file, _objects(project, digest)))
    ]
    if lacking:
        return [
            Finding(f"{', '.join(lacking)} would be missing in a clone: it was not pushed to .storage.", PUSH)
        ]
    new = git(
        ["ls-files", "--others", "--exclude-standard", "--", ".storage"], project.root
    ).stdout.splitlines()
    loose = {(project.root / name).resolve() for name in new}
    uncommitted = [
        path
        for path, digest in named.items()
        if loose & {file.resolve() for file in _objects(project, digest)}
    ]
    if uncommitted:
        return [Finding(f"{', '.join(uncommitted)} lies in .storage, and git does not know it yet.", PUSH)]
    return []


def _named(project: Project) -> dict[str, str]:
    """Path and digest of every output that DVC keeps. ops/ is kept by git."""
    found: dict[str, str] = {}
    for stage in read_mapping(project.root / "dvc.lock", "dvc.lock").get("stages", {}).values():
        found |= {out["path"]: out["md5"] for out in stage.get("outs", []) if _kept(out)}
    for folder in POINTERS:
        for pointer in sorted(project.root.glob(f"{folder}/*.dvc")):
            outs = read_mapping(pointer, project.relative(pointer)).get("outs", [])
            place = project.relative(pointer.parent)
            found |= {f"{place}/{out['path']}": out["md5"] for out in outs if _kept(out)}
    return found


def _kept(out: dict[str, Any]) -> bool:
    return "md5" in out and not str(out.get("path", "")).startswith("ops/")


def _objects(project: Project, digest: str) -> list[Path]:
    """The files in .storage that hold what `digest` names: for a folder its listing and what that lists."""
    first = _object(project, digest)
    if not digest.endswith(".dir") or not first.is_file():
        return [first]
    return [first, *(_object(project, entry["md5"]) for entry in json.loads(first.read_text("utf-8")))]


def _object(project: Project, digest: str) -> Path:
    return project.storage / "files" / "md5" / digest[:2] / digest[2:]
