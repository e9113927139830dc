"""What a change does to releases: a new champion comes with a whole bundle, and a merged bundle is never edited."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

from fearless.core.branch import shown_at
from fearless.core.digest import sha256_text
from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.project import Project
from fearless.gate.policy import FILE as POLICY
from fearless.golden.frozen import pointer_of
from fearless.guard.finding import Finding
from fearless.model.releases import FOLDER, GATE, RECORD, Release, read_release, releases, verify_bundle
from fearless.ship.deploy import CHAMPION, champion_md5

ANEW = "Make it with `uv run fearless release` on the default branch, and merge what that prepared."


def release_findings(project: Project, base: str) -> list[Finding]:
    """What is wrong with the releases that the work tree brings over the commit `base`; nothing where it brings none.

    A bundle is held against its own digests and against the golden data and the policy of the base, so that a model
    which was judged by other rows or other numbers is not released. Its checklist must have nothing open, or say why.
    """
    touched = touched_releases(project, base)
    found = _edited(project, base, touched)
    # Each new bundle, also one that is no champion yet: the change that makes it one looks like a way back.
    for name in _new(project, base, touched):
        try:
            found += _of_bundle(project, base, read_release(project, name))
        except FearlessError as error:
            found.append(Finding(f"The bundle of {name} does not hold: {error}", ANEW))
    if CHAMPION not in touched or not (project.root / CHAMPION).is_file():
        return found
    md5 = champion_md5((project.root / CHAMPION).read_text(encoding="utf-8", errors="replace"))
    release = next((each for each in reversed(releases(project)) if each.model_md5 == md5), None)
    if release is None:
        found.append(Finding(f"{CHAMPION} names a model that no release in {FOLDER} has.", ANEW))
    return found


def _new(project: Project, base: str, touched: list[str]) -> list[str]:
    """The names of the bundles that the base does not have."""
    names = {PurePosixPath(name).parts[2] for name in touched if name.startswith(f"{FOLDER}/")}
    return sorted(
        name
        for name in names
        if (project.root / FOLDER / name).is_dir()
        and shown_at(project.root, base, f"{FOLDER}/{name}/{RECORD}") is None
    )


def _edited(project: Project, base: str, touched: list[str]) -> list[Finding]:
    merged: dict[str, bool] = {}
    found: list[Finding] = []
    for name in touched:
        parts = PurePosixPath(name).parts
        if not name.startswith(f"{FOLDER}/") or len(parts) < 4:
            continue
        folder = "/".join(parts[:3])
        if folder not in merged:
            merged[folder] = shown_at(project.root, base, f"{folder}/{RECORD}") is not None
        if merged[folder]:
            what = f"{name} belongs to a release that was merged, and is changed or removed here."
            found.append(Finding(what, f"Bring it back: `git checkout {base[:12]} -- {folder}`."))
    return found


def _of_bundle(project: Project, base: str, release: Release) -> list[Finding]:
    try:
        verify_bundle(project, release)
        report = json.loads((project.root / release.folder / GATE).read_text(encoding="utf-8"))
    except (FearlessError, ValueError) as error:
        return [Finding(f"The bundle of {release.release} does not hold: {error}", ANEW)]
    if not isinstance(report, dict) or not isinstance(report.get("context"), dict):
        return [
            Finding(f"The bundle of {release.release} does not hold: {GATE} is no report of the gate.", ANEW)
        ]
    wrong = [*_judged_otherwise(release, report), *_judged_by_others(project, base, release)]
    if not release.break_glass:
        open_items = [
            str(item.get("id")) for item in release.items if item.get("state") not in ("done", "not asked")
        ]
        if report.get("verdict") != "PASS":
            wrong.append(f"its gate says {report.get('verdict')}")
        if open_items or not release.items:
            wrong.append(f"its checklist has open items: {', '.join(open_items) or 'there is no checklist'}")
    return [Finding(f"{release.release} is not fit to be merged: {each}.", ANEW) for each in wrong]


def _judged_otherwise(release: Release, report: dict[str, Any]) -> list[str]:
    context = report["context"]
    wrong = []
    if context.get("candidate_sha256") != release.model_sha256:
        wrong.append("its gate judged another model")
    if report.get("mode") != "release" or report.get("verdict") != release.verdict:
        wrong.append("its record and its gate report tell two stories")
    return wrong


def _judged_by_others(project: Project, base: str, release: Release) -> list[str]:
    """What judged the model, and is not what the base has."""
    wrong = []
    policy = shown_at(project.root, base, POLICY)
    if policy is None or release.digests.get(POLICY) != sha256_text(policy):
        wrong.append(f"it was judged by another {POLICY} than the base's")
    golden = project.relative(pointer_of(project))
    before = shown_at(project.root, base, golden)
    if before is None or release.digests.get("data/golden") != champion_md5(before):
        wrong.append(f"it was judged on other golden data than the base's ({golden})")
    return wrong


def touched_releases(project: Project, base: str) -> list[str]:
    """The files of releases, and the champion's pointer, that differ from the base, committed or not."""
    names = ["diff", "--name-only", "--no-renames", "-z", "--relative", base, "--", FOLDER, CHAMPION]
    new = ["ls-files", "--others", "--exclude-standard", "-z", "--", FOLDER]
    listed = git(names, project.root).stdout + git(new, project.root).stdout
    return sorted({name for name in listed.split("\0") if name})
