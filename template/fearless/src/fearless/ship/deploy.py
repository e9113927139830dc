"""Putting a release in place, and going back: one row in the ledger, which every running service follows.

The row is written when everything else has succeeded, in one transaction. So a killed deploy left the old model in
production, or the new one, and never neither.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from fearless.core import dvc
from fearless.core.branch import BRANCHES, ORIGINS, commit_on_branch, default_branch, shown_at
from fearless.core.errors import FearlessError
from fearless.core.git import git, identity, is_work_tree, person
from fearless.core.project import Project
from fearless.core.yaml_file import parse_mapping
from fearless.ledger.record import Deployment
from fearless.ledger.store import Ledger
from fearless.model.artifact import MANIFEST, open_model
from fearless.model.releases import (
    MODEL,
    POINTER,
    RECORD,
    Release,
    damaged_texts,
    read_release,
    release_of,
    releases,
    verify_bundle,
    verify_pointer,
)
from fearless.report.visible import visible
from fearless.serve.scoring import in_place
from fearless.ship.history import ROLLBACK, before, taken_out

CHAMPION = "models/champion.dvc"
BRANCH = "fearless-rollback-"
LONGEST = 10_000


class Placed(NamedTuple):
    """A release that is in production now. `was` is what was there before, `already` whether nothing had to be done.

    `warnings` are sentences about what stopped nothing and somebody should know.
    """

    release: Release
    was: Deployment | None
    already: bool
    warnings: tuple[str, ...] = ()


class Moved(NamedTuple):
    """The change that moves the champion: its branch, or why there is none; both empty where none is needed."""

    branch: str
    trouble: str


def deploy(project: Project, ledger: Ledger, why: str = "", *, again: bool = False) -> Placed:
    """Put the champion in production: the release that models/champion.dvc names on the default branch.

    Raises FearlessError where nothing was released, the release is not merged, or the bundle or its model is damaged,
    and without `again` where production was rolled back from it; production then stays as it is.
    """
    apart = apart_from_origin(project)
    try:
        release = _merged_champion(project)
    except FearlessError as error:  # often the reason why: what was merged here was not pushed
        raise FearlessError(f"{error.what} {apart}".strip(), fix=error.fix) from None
    before = ledger.deployments()
    if not again:
        _refuse_rolled_back(release, before)
    verify_bundle(project, release)
    # Proving the model takes seconds: a rollback that came meanwhile must not be undone.
    placed = _place(project, ledger, release, "", why, known=len(before))
    return placed._replace(warnings=(apart,) if apart else ())


def roll_back(project: Project, ledger: Ledger, version: str = "", why: str = "") -> Placed:
    """Put `version` in production, or the release that was there before the present one.

    No checklist is asked, and a damaged card or report of the gate is only told: the way back needs the record and the
    model. Raises FearlessError where there is nothing to go back to, `version` was neither in production nor merged, or
    its record or model is damaged; production then stays as it is.
    """
    release = _named(project, ledger, version) if version else _release_before(project, ledger)
    told = tuple(map(str, damaged_texts(project, release)))
    return _place(project, ledger, release, ROLLBACK, why)._replace(warnings=told)


def apart_from_origin(project: Project) -> str:
    """One sentence where the default branch here is not origin's, as it was fetched last; else an empty text."""
    theirs = default_branch(project.root)
    ours = theirs.removeprefix("origin/")
    counted = git(
        ["rev-list", "--left-right", "--count", f"{BRANCHES}{ours}...{ORIGINS}{theirs}", "--"],
        project.root,
        check=False,
    ).stdout.split()
    if ours == theirs or len(counted) != 2 or counted == ["0", "0"]:
        return ""
    ahead, behind = map(int, counted)
    told = [
        f"{_commits(ahead)} ahead of {theirs}, which CI has not seen" if ahead else "",
        f"{_commits(behind)} behind {theirs}" if behind else "",
    ]
    return f"Local {ours} is {', and '.join(filter(None, told))}; what {theirs} has is deployed."


def _commits(number: int) -> str:
    return f"{number} commit{'' if number == 1 else 's'}"


def bring(project: Project, release: Release) -> None:
    """Prove the model of a release: every file by its digest, and that it loads and scores.

    The artifact is brought from DVC's cache or the storage where it is not here.
    """
    verify_pointer(project, release)
    folder = project.root / release.folder / MODEL
    pointer = f"{release.folder}/{POINTER}"
    if not (folder / MANIFEST).exists():  # nothing was brought yet, or a killed command brought a part
        try:
            dvc.checkout([pointer], project.root)
        except FearlessError:
            _pull(pointer, project, release)
        verify_pointer(project, release)
    model = open_model(folder, f"{release.folder}/{MODEL}", project)
    if model.digest != release.model_sha256:
        raise FearlessError(
            f"{release.folder}/{MODEL} is not the model that was released as {release.release}.",
            fix=f"Bring it back: `uv run dvc checkout --force {pointer}`.",
        )
    in_place(project, model, "champion")


def _pull(pointer: str, project: Project, release: Release) -> None:
    try:
        dvc.pull([pointer], project.root)
    except FearlessError as error:
        raise FearlessError(
            f"The model of {release.release} is not here, and the storage does not give it: {error.what}",
            fix="`uv run dvc push` where it was made; the credentials that a storage may need stand in .env.example.",
        ) from None


def move_champion(project: Project, release: Release) -> Moved:
    """Prepare the change that makes `release` the champion again, on a branch of its own.

    What goes wrong is told and not raised: production has moved, and that must not look undone.
    """
    try:
        if not is_work_tree(project.root):
            return Moved("", "this is no git repository")
        start = default_branch(project.root) or "HEAD"
        if champion_md5(shown_at(project.root, start, CHAMPION) or "") == release.model_md5:
            return Moved("", "")
        branch = f"{BRANCH}{release.release}"
        commit_on_branch(
            project.root,
            branch,
            {CHAMPION: dvc.pointer_text(release.model_md5, "champion").encode()},
            f"Roll back to {release.release}: it is in production again",
            start=start,
            author=identity(project.root, project.answers),
        )
    except FearlessError as error:
        return Moved("", str(error))
    return Moved(branch, "")


def champion_md5(pointer: str) -> str:
    """What a text of models/champion.dvc names, or an empty text."""
    return dvc.pointed_md5(parse_mapping(pointer, CHAMPION)) if pointer.strip() else ""


def _place(
    project: Project, ledger: Ledger, release: Release, kind: str, why: str, known: int | None = None
) -> Placed:
    bring(project, release)
    was = ledger.production()
    if was and was.model_sha256 == release.model_sha256:
        return Placed(release, was, already=True)
    name, email = person(project.root)
    ledger.deploy(
        Deployment(
            at=time.time_ns() // 1000,
            kind=kind or ("break-glass" if release.break_glass else "deploy"),
            model_name=release.model_name,
            model_version=release.release,
            model_sha256=release.model_sha256,
            actor=f"{name} <{email}>",
            reason=visible(_reason(release, kind, why), LONGEST),
        ),
        known,
    )
    return Placed(release, was, already=False)


def _reason(release: Release, kind: str, why: str) -> str:
    """What the history says of it; why a release was made in spite of what was open is never left out."""
    glass = "" if kind else release.break_glass
    return "; ".join(each for each in (why.strip(), glass) if each)


def _refuse_rolled_back(release: Release, deployments: list[Deployment]) -> None:
    """What was taken out of production must not come back because a pipeline ran again."""
    if release.release in taken_out(deployments):
        last = deployments[-1]
        why = f" ({last.reason})" if last.reason else ""
        raise FearlessError(
            f"{release.release} was taken out of production by {last.actor}{why}, and is still the champion.",
            fix=f"Merge the branch {BRANCH}{last.model_version}; or, if it is meant, `uv run fearless deploy --again`.",
        )


def _merged_champion(project: Project) -> Release:
    """The release that the default branch names as champion; the record here must be the merged one, byte for byte."""
    root = project.root
    where = default_branch(root) if is_work_tree(root) else ""
    if not where:
        raise FearlessError(
            "Which release was merged cannot be told: there is no git repository with a default branch here.",
            fix="Run this where the repository is, with FEARLESS_LEDGER naming the service's ledger.",
        )
    pointer = shown_at(root, where, CHAMPION)
    if pointer is None:
        raise FearlessError(
            f"{where} has no {CHAMPION}: nothing was released yet.",
            fix="`uv run fearless release` prepares the change, and merging it is the release.",
        )
    md5 = champion_md5(pointer)
    release = next((each for each in reversed(releases(project)) if each.model_md5 == md5), None)
    if release is None:
        raise FearlessError(
            f"{CHAMPION} of {where} names a model that no release in ops/releases here has.",
            fix="Bring the newest commits (`git pull`), or make a release: `uv run fearless release`.",
        )
    record = f"{release.folder}/{RECORD}"
    merged = shown_at(root, where, record)
    if merged is None:
        raise FearlessError(
            f"{release.release} is not merged: {where} has no {record}.",
            fix=f"Merge the branch fearless-release-{release.release}, then deploy.",
        )
    if merged != (root / record).read_text(encoding="utf-8"):
        raise FearlessError(
            f"{record} is not the one that was merged into {where}.",
            fix=f"Bring it back: `git checkout {where} -- {release.folder}`.",
        )
    return release


def _named(project: Project, ledger: Ledger, version: str) -> Release:
    """The release `version`, which was in production before or is merged: this is no way round a review."""
    release = read_release(project, version)
    if any(each.model_sha256 == release.model_sha256 for each in ledger.deployments()):
        return release
    record = f"{release.folder}/{RECORD}"
    where = default_branch(project.root) if is_work_tree(project.root) else ""
    if where and shown_at(project.root, where, record) == (project.root / record).read_text(encoding="utf-8"):
        return release
    raise FearlessError(
        f"{version} was never in production by the ledger {ledger.address}, and is not merged as it lies here.",
        fix="Is FEARLESS_LEDGER the service's ledger? A new model is merged, then deployed: `uv run fearless deploy`.",
    )


def _release_before(project: Project, ledger: Ledger) -> Release:
    deployments = ledger.deployments()
    if not deployments:
        raise FearlessError(
            f"Nothing was deployed yet by the ledger {ledger.address}, so there is nothing to go back to.",
            fix="Is FEARLESS_LEDGER the service's? If it is, name a release: `uv run fearless rollback v1`.",
        )
    below = before(deployments)
    if below is None:
        raise FearlessError(
            f"{deployments[-1].model_version} is the first that was in production, so there is nothing to go back to.",
            fix="Stop the service instead, or name another release: `uv run fearless rollback VERSION`.",
        )
    release = release_of(project, below.model_sha256)
    if release is None:
        raise FearlessError(
            f"{below.model_version} was in production before, and its bundle is not in ops/releases.",
            fix="Bring the newest commits (`git pull`), or name another release.",
        )
    return release
