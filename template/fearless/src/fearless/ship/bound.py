"""What a signature is bound to, and who wrote it: files of the last commit, each with its full SHA-256."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from fearless.core.digest import sha256_text
from fearless.core.errors import FearlessError
from fearless.core.evidence import RECORDS, content_digest
from fearless.core.git import blobs, git
from fearless.core.project import Project
from fearless.ship.items import EVERYTHING, Item
from fearless.ship.record import head_of, history

# What a GO is not bound to: records, and texts that change nothing of what runs.
APART = (RECORDS, "docs/", "README.md", "LICENSE")
CO_AUTHOR = re.compile(r"^\s*co-authored-by:.*<([^<>\s]+)>", re.IGNORECASE | re.MULTILINE)
BOT = "[bot]"
# Bots, and tools that call themselves co-authors.
NOBODY = re.compile(r"\[bot\]|^no-?reply@", re.IGNORECASE)
CHAMPION = "models/champion.dvc"


def bound_files(project: Project, item: Item) -> dict[str, str]:
    """The SHA-256 of each file that `item` is about, by path, as the last commit has it.

    An item about everything has one entry, `everything`: the content digest of the last commit without ops/, docs/,
    README.md and LICENSE. A module of the team's package that a bound one names counts with it.
    """
    if item.bound == EVERYTHING:
        return {EVERYTHING: content_digest(project, without=APART)}
    known = committed(project)
    names = [name.format(package=project.package) for name in item.bound]
    for name in names:
        if name not in known:
            raise FearlessError(
                f"{name} is not in the last commit, and {item.id} is about it.", fix="Write it and commit."
            )
    paths = sorted({*names, *_modules(project, [name for name in names if name.endswith(".py")], known)})
    found = blobs([known[path] for path in paths], project.root)
    return {path: sha256(content).hexdigest() for path, content in zip(paths, found, strict=True)}


def digest_over(files: dict[str, str]) -> str:
    """One SHA-256 over all of them: of the sorted lines `sha256  path`."""
    return sha256_text("".join(f"{files[path]}  {path}\n" for path in sorted(files)))


def committed(project: Project) -> dict[str, str]:
    """Git's name for each file of the last commit, by its path in the project."""
    return dict(_listed(project.root, head_of(project)))


@cache
def _listed(root: Path, head: str) -> dict[str, str]:
    listing = git(["ls-tree", "-r", "-z", head], root).stdout
    entries = [entry.split("\t", 1) for entry in listing.split("\0") if entry]
    return {path: about.split()[2] for about, path in entries}


def authors(project: Project, item: Item, files: dict[str, str]) -> dict[str, str]:
    """Who wrote what `item` is about: for each email, in small letters, the newest commit that shows it.

    Commit authors and co-authors count. Of everything, those count who changed it since the last release. The email as
    it stands in the commit counts and the one that .mailmap has, so that a line there hides nobody.
    """
    since = _since_release(project) if item.bound == EVERYTHING else None
    found: dict[str, str] = {}
    for each in _written(project.root, head_of(project)):
        if since is None:
            about = not files.keys().isdisjoint(each.files)
        else:
            about = each.commit in since and any(not name.startswith(APART) for name in each.files)
        for email in each.emails if about else ():
            found.setdefault(email, each.commit)
    return found


def humans(project: Project) -> set[str]:
    """The email of everyone who ever wrote a commit here, in small letters; bots and tools are left out.

    As .mailmap has it, for one person may have two emails: that of the hub's merge button is often another one.
    """
    written = _written(project.root, head_of(project))
    return {
        email
        for each in written
        if BOT not in each.name
        for email in each.counted
        if not NOBODY.search(email)
    }


def emails_of(project: Project, email: str) -> set[str]:
    """`email` and the one that .mailmap has it count as, in small letters."""
    mapped = git(["check-mailmap", f"<{email}>"], project.root, check=False).stdout.strip()
    return {email.lower(), mapped.rpartition("<")[2].rstrip(">").lower() or email.lower()}


def is_shallow(project: Project) -> bool:
    """Whether this clone lacks history, so that nobody can say who wrote what."""
    return git(["rev-parse", "--is-shallow-repository"], project.root).stdout.strip() == "true"


@dataclass(frozen=True)
class _Commit:
    """One commit: `emails` are all that may be its author's, `counted` those that .mailmap leaves."""

    commit: str
    name: str
    emails: frozenset[str]
    counted: frozenset[str]
    files: tuple[str, ...]


@cache
def _written(root: Path, head: str) -> list[_Commit]:
    """Every commit up to `head`, newest first; of a merge only the files that no parent had like this."""
    said = git(
        [
            *("-c", "core.quotePath=false", "log", "-c", "--name-only", "--no-renames", "--relative"),
            *("--format=%x01%H%x02%an%x02%ae%x02%aE%x02%B%x03", head),
        ],
        root,
    ).stdout
    found: list[_Commit] = []
    for entry in said.split("\x01")[1:]:
        about, _, names = entry.partition("\x03")
        commit, name, email, mapped, message = about.split("\x02", 4)
        with_others = [each.lower() for each in CO_AUTHOR.findall(message)]
        counted = frozenset([mapped.lower(), *with_others])
        files = tuple(filter(None, names.splitlines()))
        found.append(_Commit(commit, name, counted | {email.lower()}, counted, files))
    return found


def _since_release(project: Project) -> set[str]:
    """The commits since the champion of now first became it; one that is moved and moved back shortens nothing."""
    now = committed(project).get(CHAMPION)
    came = [each.commit for each in history(project, CHAMPION).get(CHAMPION, []) if each.blob == now]
    return set(git(["rev-list", f"{came[-1]}..HEAD" if came else "HEAD"], project.root).stdout.split())


def _modules(project: Project, entries: list[str], known: dict[str, str]) -> Iterator[str]:
    """The other modules of the package that `entries` import, and those that these do; a name is enough."""
    others = {
        path: path.removesuffix("/__init__.py").removesuffix(".py").rpartition("/")[2]
        for path in known
        if path.startswith(f"src/{project.package}/") and path.endswith(".py") and path not in entries
    }
    waiting = list(entries)
    while waiting:
        (content,) = blobs([known[waiting.pop()]], project.root)
        imported = _imported(content.decode("utf-8", errors="replace"))
        for path in [path for path, name in others.items() if name in imported]:
            del others[path]
            waiting.append(path)
            yield path


def _imported(text: str) -> set[str]:
    """Every name in an import of `text`; every word of it where it is no Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set(re.findall(r"\w+", text))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(part for alias in node.names for part in alias.name.split("."))
            names.update((getattr(node, "module", None) or "").split("."))
    return names
