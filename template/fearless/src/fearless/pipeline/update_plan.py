"""Whether an update can begin: which release it would bring, and what stands in its way. Nothing is changed here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fearless.core.errors import FearlessError
from fearless.core.git import git, has_commit, is_work_tree
from fearless.core.project import Project
from fearless.core.release import Release, recorded_release, releases, shown, source_of
from fearless.guard.repository import MARKERS

BRANCH = "fearless-update-"
UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}


@dataclass(frozen=True)
class Plan:
    """An update that can be made: from the commit `start` of the branch `here`, which is empty on none."""

    before: Release
    after: Release
    source: str
    here: str
    start: str

    @property
    def branch(self) -> str:
        return f"{BRANCH}{self.after}"

    @property
    def back(self) -> str:
        """The commands that take the update back, wherever it stopped."""
        there = self.here or f"--detach {self.start[:12]}"
        return f"git switch --discard-changes {there} && git clean -fd && git branch -D {self.branch}"


def plan_update(project: Project, to: str = "") -> Plan | None:
    """The update to the newest release, or to `to`; None where this repository has it already.

    Raises FearlessError where the template cannot be asked, has no such release, or the repository is in no state to be
    updated: no git, changes that are not committed, a merge that is not finished, a branch of that name.
    """
    need_git(project)
    before = recorded_release(project)
    source = source_of(project)
    after = _wanted(releases(source), before, to, source)
    if after is None:
        return None
    root = project.root
    refuse_unfinished(root)
    if changed := uncommitted(root):
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise FearlessError(
            f"Some changes are not committed: {', '.join(changed[:3])}{more}.",
            fix="Commit them or put them aside (`git stash -u`): the way back of an update starts from a commit.",
        )
    here = git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip()
    plan = Plan(before, after, source, here, git(["rev-parse", "HEAD"], root).stdout.strip())
    if git(["rev-parse", "--verify", "-q", f"refs/heads/{plan.branch}"], root, check=False).returncode == 0:
        raise FearlessError(
            f"The branch {plan.branch} is there already.",
            fix=f"Go on with it (`git switch {plan.branch}`), or remove it (`git branch -D {plan.branch}`) and run this"
            " again.",
        )
    return plan


def need_git(project: Project) -> None:
    """The way back of an update is a commit."""
    if not is_work_tree(project.root) or not has_commit(project.root):
        raise FearlessError(
            f"{project.root} has no commit in git, and the way back of an update starts from one.",
            fix="Run `uv run fearless start`, or `git init` and commit what is here.",
        )


def refuse_unfinished(root: Path) -> None:
    """A merge, rebase or the like that was begun has a way back of its own."""
    for name, what in UNFINISHED.items():
        path = Path(git(["rev-parse", "--git-path", name], root).stdout.strip())
        if (root / path).exists():
            raise FearlessError(
                f"A {what} is not finished here.",
                fix=f"Finish it, or give it up with `git {what} --abort`.",
            )


def uncommitted(root: Path) -> list[str]:
    """What git calls changed or new, in the whole repository: copier refuses any."""
    listing = git(["status", "--porcelain", "-z", "--untracked-files=normal", "--no-renames"], root).stdout
    return [entry[3:] for entry in listing.split("\0") if entry]


def refuse_conflicts(root: Path, base: str) -> None:
    """Copier ends with 0 where the same lines were changed on both sides: look for what it left."""
    unmerged = git(["ls-files", "--unmerged", "-z"], root).stdout
    names = {entry.split("\t", 1)[1] for entry in unmerged.split("\0") if entry}
    differ = git(["diff", "--name-only", "-z", "--relative", base, "--", "."], root).stdout
    new = git(["ls-files", "--others", "--exclude-standard", "-z", "--", "."], root).stdout
    for name in filter(None, (differ + new).split("\0")):
        if name.endswith(".rej") or (not name.startswith(".storage/") and _has_markers(root / name)):
            names.add(name)
    if names:
        shown_names = sorted(names)
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise FearlessError(
            f"The release and this repository changed the same lines of {', '.join(shown_names[:5])}{more}.",
            fix="The template's files are not to be edited: take the edit back (`git log -p -- FILE` shows it,"
            " `uv run fearless check` says when the file is as it was delivered), commit, and update again.",
        )


def _has_markers(path: Path) -> bool:
    return path.is_file() and any(line.startswith(MARKERS) for line in path.read_bytes().splitlines())


def _wanted(known: list[Release], before: Release, to: str, source: str) -> Release | None:
    """The release to update to: `to`, or the newest that is no pre-release; None where it is the one that is here."""
    final = [release for release in known if not release.version.is_prerelease]
    if not to:
        newer = [release for release in final if release > before]
        return newer[-1] if newer else None
    asked = next((release for release in known if to in (release.tag, str(release))), None)
    if asked is None:
        there = ", ".join(str(release) for release in final[-5:]) or "none"
        raise FearlessError(
            f"The template at {shown(source)} has no release {to}.", fix=f"The newest ones: {there}."
        )
    if asked < before:
        raise FearlessError(
            f"This repository has {before}, which is newer than {to}.",
            fix="An update goes forwards only; the way back from one is `git revert`.",
        )
    return asked if asked > before else None
