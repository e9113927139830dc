"""What is computed anew each time, from git and from the files that are here."""

from __future__ import annotations

import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fearless.columns.dictionary import gaps, read_open
from fearless.core.branch import ORIGINS, default_branch
from fearless.core.digest import files_below, sha256_file
from fearless.core.errors import FearlessError
from fearless.core.evidence import content_digest
from fearless.core.git import git
from fearless.core.project import Project
from fearless.guard.ownership import unedited
from fearless.guard.question import unanswered
from fearless.pipeline.base import find_base
from fearless.pipeline.change import BESIDE_GOLDEN, POINTER
from fearless.ship.bound import CHAMPION, is_shallow
from fearless.ship.concern import open_concerns
from fearless.ship.here import Found, Here, read_report
from fearless.ship.proven import CHECK, STATE, ran_well, said_by_ci

SHOWN = 3
PICKLED = (".pkl", ".pickle", ".joblib", ".dill", ".pt", ".pth")
PICKLE_OPCODE = b"\x80"  # what every pickle since protocol 2 begins with, and its number up to 5
LOADERS = ("onnx", "team")


def committed_and_green(here: Here) -> Found:
    """A01."""
    root = here.project.root
    changed = git(["status", "--porcelain", "-z", "--no-renames", "-uall", "--", "."], root).stdout
    state = tuple(f"ops/{name}/" for name in STATE)
    prefix = git(["rev-parse", "--show-prefix"], root).stdout.strip()
    names = [entry[3:].removeprefix(prefix) for entry in changed.split("\0") if entry]
    if loose := [name for name in names if not name.startswith(state)]:
        more = f" and {len(loose) - SHOWN} more" if len(loose) > SHOWN else ""
        raise FearlessError(
            f"Not committed: {', '.join(loose[:SHOWN])}{more}.", fix="Commit, then `uv run fearless ci`"
        )
    flagged = git(["ls-files", "-v", "-z", "--", "."], root).stdout.split("\0")
    if unseen := [entry[2:] for entry in flagged if entry[:1].islower() or entry[:1] == "S"]:
        raise FearlessError(
            f"git was told not to look at {', '.join(unseen[:SHOWN])}.",
            fix="`git update-index --no-assume-unchanged --no-skip-worktree FILE`",
        )
    where = _default_branch(here)
    return said_by_ci(here, f"Commit {here.commit} on {where}; CI was content with it")


def described(here: Here) -> Found:
    """A05."""
    found = gaps(read_open(here.project.root))
    if found:
        gap = found[0]
        raise FearlessError(
            f"columns.yaml: {f'`{gap.column}` ' if gap.column else ''}{gap.what}.", fix=gap.fix
        )
    ran_well(here, CHECK)
    digest = sha256_file(here.project.root / "columns.yaml")
    return said_by_ci(here, f"columns.yaml {digest} leaves nothing open; `{CHECK}` was content")


def golden_alone(here: Here) -> Found:
    """A13: since the champion came, or before the first release for the last change, golden data came alone."""
    root = here.project.root
    if is_shallow(here.project):
        raise FearlessError(
            "This clone is shallow, so nobody can see what the golden data came with.",
            fix="`git fetch --unshallow`",
        )
    since = git(["log", "-1", "--first-parent", "--format=%H", "--", CHAMPION], root).stdout.strip()
    commits = git(
        ["log", "--first-parent", "--format=%H", *([f"{since}..HEAD"] if since else ["-1"]), "--", POINTER],
        root,
    ).stdout.split()
    for commit in commits:
        before = git(["cat-file", "-e", f"{commit}^:./{POINTER}"], root, check=False)
        if before.returncode != 0:
            continue  # the change that brought it
        touched = git(
            ["diff", "--name-only", "--no-renames", "-z", "--relative", f"{commit}^", commit], root
        ).stdout
        company = [name for name in touched.split("\0") if name.startswith(BESIDE_GOLDEN)]
        if company:
            raise FearlessError(
                f"Commit {commit} changed {POINTER} together with {', '.join(company[:SHOWN])}: the ruler and what it"
                " measures.",
                fix="Take one of them back, and bring it in a change of its own",
            )
    if not (root / POINTER).is_file():
        raise FearlessError(f"{POINTER} is missing.", fix="`uv run fearless golden freeze`")
    history = (
        f"last changed by {commits[0]}, alone" if commits else "unchanged since the champion was released"
    )
    if commits and not since and len(_touching(root)) == 1:
        history = f"unchanged since commit {commits[0]} brought it"
    return Found(f"{POINTER} is {history}{_golden_told(here)}.")


def gate_is_whole(here: Here) -> Found:
    """A28."""
    if strays := unedited(here.project):
        raise FearlessError(strays[0].what, fix=strays[0].fix)
    for command in ("uv run --locked fearless check --change", CHECK, "uv run --locked fearless gate"):
        ran_well(here, command)
    skipped = [each for each in here.ci.details["commands"] if each.get("code") is None]
    if skipped:
        raise FearlessError(f"CI skipped `{skipped[0].get('command')}`.", fix="`uv run fearless ci`")
    base = find_base(here.project, environment={})
    if base and content_digest(here.project, base.commit) != here.content:
        judged_by = str(here.report["context"].get("base", ""))
        if judged_by != base.commit:
            raise FearlessError(
                f"The gate was read from {judged_by or 'this change itself'}, and the base is {base.commit}.",
                fix="`uv run fearless gate`",
            )
        return said_by_ci(here, f"The gate is that of the base {base.commit}; nothing was skipped")
    return said_by_ci(here, "This is the base itself, so its own gate judged; nothing was skipped")


def locked_and_safe(here: Here) -> Found:
    """A30."""
    packages = list(_locked(here.project))
    bare = [name for name, hashed in packages if not hashed]
    if bare:
        raise FearlessError(
            f"uv.lock has no hash for {', '.join(bare[:SHOWN])}.", fix="`uv lock`, and commit"
        )
    if here.manifest.loader not in LOADERS:
        raise FearlessError(
            f"The candidate's loader is `{here.manifest.loader}`, and {' and '.join(LOADERS)} are safe."
        )
    pickled = [
        f"models/candidate/{name}" for name, path in files_below(here.project.candidate) if _runs_code(path)
    ]
    if pickled:
        raise FearlessError(
            f"Loading {', '.join(pickled[:SHOWN])} would run code.", fix="Store the model without pickle"
        )
    digest = sha256_file(here.project.root / "uv.lock")
    return Found(
        f"All {len(packages)} packages of uv.lock {digest} have hashes; the model is stored as {here.manifest.loader}."
    )


def no_concern(here: Here) -> Found:
    """A34."""
    waiting = open_concerns(here.project)
    if waiting:
        raise FearlessError(
            " ".join(f"{each}" for each in waiting),
            fix=f'`uv run fearless concern --answer {waiting[0].id} "..."`',
        )
    return Found("ops/concerns and its history hold no concern without an answer.")


def question_answered(here: Here) -> Found:
    """Q01."""
    found = unanswered(here.project)
    if found:
        more = f" ({len(found) - 1} more of this kind.)" if len(found) > 1 else ""
        raise FearlessError(found[0].what + more, fix=found[0].fix)
    review = here.question.review
    if review is None:
        raise FearlessError(
            f"QUESTION.md: `review` is {here.question.answer('review')!r} and no day.",
            fix="Write it as 2027-01-31",
        )
    if review < here.now.date():
        raise FearlessError(
            f"The question was to be asked again by {review}.",
            fix="Ask it again, and set a new `review:` in QUESTION.md",
        )
    digest = sha256_file(here.project.root / "QUESTION.md")
    return Found(f"QUESTION.md {digest} is complete, to be asked again by {review}.")


def _default_branch(here: Here) -> str:
    """The default branch where the last commit is part of it; raises FearlessError where it is not."""
    root = here.project.root
    where = default_branch(root)
    default = where.removeprefix("origin/")
    origin = default if where != default else ""
    branch = git(["symbolic-ref", "--short", "-q", "HEAD"], root, check=False).stdout.strip()
    within = git(["merge-base", "--is-ancestor", "HEAD", ORIGINS + where], root, check=False)
    if not (branch and branch == default) and not (origin and within.returncode == 0):
        raise FearlessError(
            f"The last commit is on {f'`{branch}`' if branch else 'no branch'}, and the default branch is `{default}`.",
            fix=f"Merge it, then `git switch {default}` (if another is default: `git remote set-head origin -a`)",
        )
    if origin and content_digest(here.project, ORIGINS + where) != here.content:
        raise FearlessError(
            f"`{default}` here and origin/{origin} are not the same content.",
            fix="`git pull`, or `git push`",
        )
    return default


def _touching(root: Path) -> list[str]:
    return git(["log", "--first-parent", "--format=%H", "--", POINTER], root).stdout.split()


def _golden_told(here: Here) -> str:
    """Its size and its share of positives, as the gate counted them."""
    try:
        golden = read_report(here.project)["golden"]
    except FearlessError:
        return ""
    rows, positives = golden.get("rows"), golden.get("positives")
    if not isinstance(rows, int):
        return ""
    share = f", {positives / rows:.1%} of them positive" if isinstance(positives, int) and rows else ""
    return f": {rows:,} rows{share}"


def _locked(project: Project) -> Iterator[tuple[str, bool]]:
    """The name of each package that is fetched, and whether every file of it has a hash."""
    path = project.root / "uv.lock"
    if not path.is_file():
        raise FearlessError("uv.lock is missing.", fix="`uv lock`, and commit it")
    try:
        packages: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8")).get("package", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FearlessError(f"uv.lock cannot be read: {error}.", fix="`uv lock`, and commit it") from None
    for package in packages:
        source = package.get("source", {})
        if "registry" in source or "url" in source:
            files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
            hashed = bool(files) and all(str(file.get("hash", "")).startswith("sha256:") for file in files)
            yield str(package.get("name")), hashed


def _runs_code(path: Path) -> bool:
    """Whether the file is a pickle, by its name or by its first bytes, or an archive that holds one."""
    if path.suffix.lower() in PICKLED:
        return True
    with path.open("rb") as file:
        first = file.read(2)
    if first[:1] == PICKLE_OPCODE and 2 <= (first + b"\0")[1] <= 5:
        return True
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(Path(name).suffix.lower() in PICKLED for name in archive.namelist())
