"""Records that are written once and committed alone: signatures and concerns, and what history says of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from fearless.core.atomic import write_text
from fearless.core.branch import FILE_MODE, commit_beside
from fearless.core.errors import FearlessError
from fearless.core.git import git, has_commit, is_work_tree
from fearless.core.project import Project

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
STAMP = "%Y%m%dT%H%M%SZ"  # the same in the name of a file
ATTEMPTS = 5
# Where git itself is in the middle of something, a commit of ours would end up in the wrong place.
UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


@dataclass(frozen=True)
class Person:
    """Who acts, as git knows them."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


@dataclass(frozen=True)
class Touch:
    """One commit that touched a record: `how` is git's letter (A added, M modified, D deleted), `blob` what it left."""

    commit: str
    how: str
    blob: str


def whoever(project: Project) -> Person:
    """The person whom git would name as the author; raises FearlessError where it knows no one."""
    said = git(["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"], project.root, check=False)
    name, _, rest = said.stdout.partition(" <")
    email = rest.partition(">")[0].strip()
    if said.returncode != 0 or not name.strip() or not email:
        raise FearlessError(
            "git does not know who you are.",
            fix='Tell it: `git config user.name "Your Name"` and `git config user.email you@example.com`.',
        )
    return Person(name.strip(), email)


def commit_file(project: Project, path: str, text: str, message: str) -> str:
    """Commit the new file `path` (relative to the project) with `text`, and nothing else; returns the commit.

    What is staged stays staged and uncommitted, and no hook runs. The commit is signed where git has a key to sign
    with. The branch moves in one step: a killed process leaves the commit or, at most, a file that nobody committed.
    """
    root = project.root
    refuse_unready(project)
    file = root / path
    if file.exists():
        raise FearlessError(f"{path} is there already, and a record is never written over.")
    full = git(["rev-parse", "--show-prefix"], root).stdout.strip() + path
    top = Path(git(["rev-parse", "--show-toplevel"], root).stdout.strip())
    write_text(file, text)
    try:
        # The person's own index first: killed after this, the file is only staged and not committed.
        blob = git(["hash-object", "-w", "--no-filters", "--", str(file)], root).stdout.strip()
        git(["update-index", "--add", "--cacheinfo", f"{FILE_MODE},{blob},{full}"], top)
        return _move_branch(root, path, text.encode("utf-8"), message)
    except BaseException:
        if git(["cat-file", "-e", f"HEAD:{full}"], top, check=False).returncode != 0:
            git(["update-index", "--force-remove", "--", full], top, check=False)
            file.unlink(missing_ok=True)
        raise


def refuse_unready(project: Project) -> None:
    """Raise FearlessError where a commit could not be made now, or would be lost."""
    root = project.root
    refuse_without_commit(project)
    if git(["symbolic-ref", "-q", "HEAD"], root, check=False).returncode != 0:
        raise FearlessError(
            "No branch is checked out, so what is committed now would be lost.",
            fix="`git switch BRANCH` first.",
        )
    for name in UNDER_WAY:
        place = Path(git(["rev-parse", "--git-path", name], root).stdout.strip())
        if (root / place).exists():
            raise FearlessError(
                "git is in the middle of a merge, a rebase or the like.",
                fix="Finish it first (`git status`).",
            )


def refuse_without_commit(project: Project) -> None:
    """Raise FearlessError where git has no commit of this project."""
    if not is_work_tree(project.root) or not has_commit(project.root):
        raise FearlessError(
            f"{project.root} has no commit yet.", fix="Run `uv run fearless start`, or commit first."
        )


def head_of(project: Project) -> str:
    """The last commit. What git says of its past is the same whenever it is asked, and may be kept."""
    return git(["rev-parse", "HEAD"], project.root).stdout.strip()


def history(project: Project, folder: str) -> dict[str, list[Touch]]:
    """Every commit up to HEAD that touched `folder` or a file below it, by the file's path, newest first."""
    return _history(project.root, head_of(project), folder)


@cache
def _history(root: Path, head: str, folder: str) -> dict[str, list[Touch]]:
    said = git(
        [
            *("-c", "core.quotePath=false", "log", "--full-history", "--no-renames", "--raw", "--no-abbrev"),
            *("--relative", "--format=commit %H", head, "--", folder),
        ],
        root,
    ).stdout
    found: dict[str, list[Touch]] = {}
    commit = ""
    for line in said.splitlines():
        if line.startswith("commit "):
            commit = line[7:]
        elif line.startswith(":"):
            about, path = line.split("\t", 1)
            _, _, _, blob, how = about.split()
            found.setdefault(path, []).append(Touch(commit, how[0], blob))
    return found


def moment(text: object) -> datetime:
    """A moment as records write it, in UTC to the second; raises ValueError for anything else."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no moment")
    return datetime.strptime(text, MOMENT).replace(tzinfo=UTC)


def _move_branch(root: Path, path: str, content: bytes, message: str) -> str:
    """Put the file on the branch that is checked out, whatever another git does there meanwhile."""
    for _ in range(ATTEMPTS):
        parent = git(["rev-parse", "HEAD"], root).stdout.strip()
        made = commit_beside(root, parent, {path: content}, message)
        moved = git(["update-ref", "-m", f"commit: {message}", "HEAD", made, parent], root, check=False)
        if moved.returncode == 0:
            return made
    raise FearlessError(
        f"The branch could not be moved: {moved.stderr.strip()}",
        fix="Is another git at work here? Try again.",
    )
