"""The template's files as it delivered them: an edit there is lost at the next update, so it is named before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fearless.core.digest import parse_manifest, sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.guard.finding import Finding

MANIFEST = "fearless/MANIFEST"
CI_FOLDERS = {"github": ".github/workflows/", "gitlab": ".gitlab/fearless/"}
LITTER = {"__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache", ".DS_Store"}
# What `uv run` makes when it is called inside the toolkit's folder.
TOOLKIT_LITTER = {".venv", "uv.lock"}
SHOWN = 3


def unedited(project: Project, manifest: Mapping[str, str] | None = None) -> list[Finding]:
    """Files of the template that were edited or removed, and files that stand in its folders without being its.

    `manifest` maps each of the template's paths to its SHA-256; without one, fearless/MANIFEST is believed.
    """
    promised = _promised(project, _read_manifest(project) if manifest is None else manifest)
    fix = "Bring it back with `git checkout {}`; the README says where to change what."
    found: list[Finding] = []
    for name, digest in promised.items():
        path = project.root / name
        if not path.is_file():
            found.append(Finding(f"{name} belongs to the template and is missing.", fix.format(name)))
        elif sha256_file(path) != digest:
            found.append(Finding(f"{name} belongs to the template and was edited.", fix.format(name)))
    for name in _present(project):
        if name not in promised and name != MANIFEST:
            found.append(
                Finding(
                    f"{name} stands among the template's files and is not one of them.",
                    "Remove it, or move it into src/ or ops/.",
                )
            )
    more = len(found) - SHOWN
    return [*found[:SHOWN], Finding(f"and {more} more.")] if more > 0 else found


def _promised(project: Project, manifest: Mapping[str, str]) -> dict[str, str]:
    """The manifest's files that this repository has: those of the other CI system were not rendered."""
    ci = str(project.answers.get("ci", ""))
    others = tuple(folder for name, folder in CI_FOLDERS.items() if name != ci)
    return {name: digest for name, digest in manifest.items() if not name.startswith(others)}


def _read_manifest(project: Project) -> dict[str, str]:
    path = project.root / MANIFEST
    if not path.is_file():
        raise FearlessError(
            f"{MANIFEST} is missing.", fix=f"Bring it back with `git checkout -- {MANIFEST}`."
        )
    return parse_manifest(path.read_text(encoding="utf-8"))


def _present(project: Project) -> list[str]:
    """The files in the template's folders, as paths from the root, without what tools leave there."""
    files = _toolkit_files(project.root / "fearless")
    files += (project.root / ".github" / "workflows").glob("fearless-*")
    files += (project.root / ".gitlab" / "fearless").glob("*")
    names = [path.relative_to(project.root) for path in files]
    return sorted(name.as_posix() for name in names if not any(_is_litter(part) for part in name.parts))


def _toolkit_files(toolkit: Path) -> list[Path]:
    """The files below `toolkit`; folders of tools are not walked, since a `.venv` holds thousands of files."""
    found: list[Path] = []
    for place, folders, names in os.walk(toolkit):
        here = Path(place)
        skipped = TOOLKIT_LITTER if here == toolkit else set()
        folders[:] = [name for name in folders if name not in skipped and not _is_litter(name)]
        found += [here / name for name in names if name not in skipped]
    return found


def _is_litter(part: str) -> bool:
    return part in LITTER or part.endswith(".egg-info")
