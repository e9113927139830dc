"""A release: the judged candidate as a bundle that nobody edits, and the change that makes it the champion.

Nothing of the work tree is touched until that change is merged: it is one commit on a branch of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fearless.core import dvc
from fearless.core.branch import commit_on_branch, shown_at
from fearless.core.digest import dvc_folder_md5, sha256_text
from fearless.core.errors import FearlessError
from fearless.core.evidence import content_digest
from fearless.core.git import git, has_commit, identity, is_work_tree, person
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version
from fearless.core.yaml_file import read_mapping
from fearless.gate.findings import Report
from fearless.golden.frozen import pointed_digest, pointer_of
from fearless.model.artifact import open_model
from fearless.model.releases import CARD, GATE, MODEL, POINTER, RECORD, Person, Release, releases
from fearless.report.card import card
from fearless.ship.deploy import CHAMPION, champion_md5

BRANCH = "fearless-release-"
CANDIDATE = "models/candidate"
# What made and judged the model, beside its own code, which the artifact carries.
BOUND = (
    "QUESTION.md",
    "columns.yaml",
    "gate.yaml",
    "params.yaml",
    "dvc.yaml",
    "dvc.lock",
    "uv.lock",
    "data/raw.dvc",
)
RECORDS = "ops/"


@dataclass(frozen=True)
class Plan:
    """What would be released: from the commit `start` of the branch `here`, under the name `version`."""

    version: str
    start: str
    here: str
    model_md5: str
    replaces: str

    @property
    def branch(self) -> str:
        return BRANCH + self.version


@dataclass(frozen=True)
class Prepared:
    """A release on its branch; `commit` is the one that brings its bundle and makes it the champion."""

    release: Release
    branch: str
    commit: str


def plan_release(project: Project) -> Plan:
    """What a release of the candidate would be; raises FearlessError where none can be made of this work tree."""
    root = project.root
    if not is_work_tree(root) or not has_commit(root):
        raise FearlessError(f"{root} has no commit in git.", fix="Run `uv run fearless start` first.")
    if changed := _uncommitted(root):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise FearlessError(
            f"Some changes are not committed: {', '.join(changed[:3])}{more}. What is released must be in git.",
            fix="Commit them, or put them aside (`git stash -u`).",
        )
    md5 = _candidate_md5(project)
    champion = champion_md5(shown_at(root, "HEAD", CHAMPION) or "")
    known = releases(project)
    if md5 == champion:
        name = next(
            (each.release for each in reversed(known) if each.model_md5 == md5), "a champion without a bundle"
        )
        raise FearlessError(
            f"{CANDIDATE} is the champion already ({name}).",
            fix="`uv run fearless deploy` puts it in production.",
        )
    number = known[-1].number + 1 if known else 1
    replaced = next((each.release for each in reversed(known) if each.model_md5 == champion), champion)
    return Plan(
        version=f"v{number}",
        start=git(["rev-parse", "HEAD"], root).stdout.strip(),
        here=git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip(),
        model_md5=md5,
        replaces=replaced,
    )


def prepare(
    project: Project,
    plan: Plan,
    report: Report,
    items: list[dict[str, Any]],
    question: Mapping[str, Any],
    break_glass: str = "",
    beside: Mapping[str, bytes] | None = None,
) -> Prepared:
    """Make the bundle and the branch that brings it; `beside` are further files of that commit, by their paths.

    `report` is the gate's on the candidate, `items` the checklist as plain values. Raises FearlessError where the
    candidate cannot be read, or is not the one that was judged.
    """
    model = open_model(project.candidate, CANDIDATE, project)
    if report.context.get("candidate_sha256") not in (model.digest, None):
        raise FearlessError(
            f"{CANDIDATE} changed while it was judged.", fix="Let nothing else train here, and release again."
        )
    name, email = person(project.root)
    manifest = model.manifest.model_dump(mode="json")
    record: dict[str, Any] = {
        "version": 1,
        "release": plan.version,
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": Person(name=name, email=email).model_dump(),
        "model_name": model.manifest.name,
        "model_sha256": model.digest,
        "model_md5": plan.model_md5,
        "replaces": plan.replaces,
        "content": content_digest(project, plan.start),
        "digests": _digests(project, plan.start),
        "verdict": report.verdict.value,
        "items": items,
        "break_glass": break_glass,
        "toolkit": toolkit_version(),
    }
    files = {GATE: report.to_json(), CARD: card(record, manifest, report.to_dict(), question)}
    record["files"] = {each: sha256_text(text) for each, text in files.items()}
    release = Release.model_validate(record)
    text = json.dumps(release.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    bundle = {
        **files,
        RECORD: text,
        POINTER: dvc.pointer_text(plan.model_md5, MODEL),
        ".gitignore": "/model\n",
    }
    brought = {f"{release.folder}/{each}": content.encode() for each, content in bundle.items()}
    commit = commit_on_branch(
        project.root,
        plan.branch,
        {**brought, CHAMPION: dvc.pointer_text(plan.model_md5, "champion").encode(), **(beside or {})},
        f"Release {plan.version} of {release.model_name}\n\n{_told(release)}",
        start=plan.start,
        author=identity(project.root, project.answers),
    )
    return Prepared(release, plan.branch, commit)


def merge(project: Project, prepared: Prepared, plan: Plan) -> None:
    """Merge a prepared release into the branch that is checked out, and lay its model beside its record.

    Raises FearlessError where the branch has moved on since, or no branch is checked out; and, once it is merged, where
    DVC cannot lay the model in place.
    """
    if not plan.here:
        raise FearlessError(
            "No branch is checked out, so there is none to merge into.",
            fix="`git switch main`, then release again.",
        )
    git(["merge", "--ff-only", "--quiet", prepared.branch], project.root)
    git(["branch", "--quiet", "-d", prepared.branch], project.root, check=False)
    try:
        dvc.checkout([CHAMPION, f"{prepared.release.folder}/{POINTER}"], project.root)
    except FearlessError as error:
        raise FearlessError(
            f"{prepared.release.release} is merged into {plan.here}: that was the release. Its model could not be laid"
            f" in place: {error.what}",
            fix=f"`uv run dvc checkout --force {CHAMPION}`, then `uv run fearless deploy`.",
        ) from None


def _told(release: Release) -> str:
    lines = [f"Model {release.model_sha256}", f"Gate: {release.verdict}"]
    if release.replaces:
        lines.append(f"Replaces {release.replaces}")
    if release.break_glass:
        lines.append(f"In spite of what was open: {release.break_glass}")
    return "\n".join(lines)


def _uncommitted(root: Path) -> list[str]:
    """What git calls changed or new; what commands record in ops/ is no part of what is released."""
    listing = git(
        ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--", "."], root
    ).stdout
    prefix = git(["rev-parse", "--show-prefix"], root).stdout.strip()
    names = [entry[3:].removeprefix(prefix) for entry in listing.split("\0") if entry]
    return [name for name in names if not name.startswith(RECORDS)]


def _candidate_md5(project: Project) -> str:
    """What dvc.lock calls the candidate, which must be what lies in models/candidate."""
    for stage in read_mapping(project.root / "dvc.lock", "dvc.lock").get("stages", {}).values():
        for out in stage.get("outs", []):
            if out.get("path") == CANDIDATE and isinstance(out.get("md5"), str):
                md5: str = out["md5"]
                if project.candidate.is_dir() and dvc_folder_md5(project.candidate) == md5:
                    return _kept(md5, project)
                raise FearlessError(
                    f"{CANDIDATE} is not the model that dvc.lock names.",
                    fix="`uv run dvc checkout` brings that one back; `uv run fearless train` makes a new one.",
                )
    raise FearlessError("dvc.lock names no models/candidate.", fix="Train it: `uv run fearless train`.")


def _kept(md5: str, project: Project) -> str:
    """`md5`, where DVC holds the candidate: a release whose model can be pushed and brought by nobody is none."""
    if not dvc.is_kept(md5, project.root):
        raise FearlessError(
            f"DVC's cache does not hold {CANDIDATE}, so nobody could bring what would be released.",
            fix=f"Put it there: `uv run dvc commit {CANDIDATE}`, then `uv run dvc push`.",
        )
    return md5


def _digests(project: Project, start: str) -> dict[str, str]:
    """SHA-256 of the texts that git has at `start`, so that every system names the same."""
    texts = {name: shown_at(project.root, start, name) for name in BOUND}
    found = {name: sha256_text(text) for name, text in texts.items() if text is not None}
    golden = pointer_of(project)
    return {**found, "data/golden": pointed_digest(golden, project.relative(golden))}
