"""A clone of this repository with the tags of all releases, the work tree on top, and releases to come."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import releases

from .commands import commit, git, run
from .next_release import make_next, raise_stages

COPIER_READS = ("copier.yml", "hooks", "template")


@dataclass(frozen=True)
class Clone:
    """`now` is a commit, the others are tags: `present` is that of `now`; copier takes `later` only by its name."""

    path: Path
    oldest: str
    now: str
    present: str
    next: str
    later: str


def make_clone(folder: Path) -> Clone:
    """Clone this repository into `folder`, add what is not committed yet, and make the releases to come."""
    git(folder.parent, "clone", "--quiet", "--no-tags", str(releases.ROOT), str(folder))
    now = _take_work_tree(folder)
    table = releases.releases()
    if not table:
        first = _version(folder)
        print(f"releases.yaml holds no release yet: what is checked out stands for {first}")
        table = {first: now}
    for version, made in table.items():
        git(folder, "tag", f"v{version}", made)
    newest = max([*table, _version(folder)], key=releases.parts)
    present = f"v{newest}.post1"
    git(folder, "tag", present, now)
    major, minor, _ = releases.parts(newest)
    coming, later = f"{major}.{minor + 1}.0", f"{major}.{minor + 2}.0"
    make_next(folder, coming)
    _release(folder, coming, f"v{coming}")
    raise_stages(folder, later)
    _release(folder, later, f"v{later}rc1")
    return Clone(folder, f"v{next(iter(table))}", now, present, f"v{coming}", f"v{later}rc1")


def _take_work_tree(clone: Path) -> str:
    """Make the clone's template that of the work tree; returns the commit, HEAD where nothing differs."""
    listing = git(releases.ROOT, "ls-files", "-z", "-co", "--exclude-standard", "--", *COPIER_READS)
    git(clone, "rm", "-r", "--quiet", "--", *COPIER_READS)
    for name in filter(None, listing.split("\0")):
        source = releases.ROOT / name
        if source.is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, clone / name)
    git(clone, "add", "--all", ".")
    if not git(clone, "status", "--porcelain"):
        return git(clone, "rev-parse", "HEAD").strip()
    run([sys.executable, "hooks/manifest.py"], clone)
    return commit(clone, "What is not committed yet")


def _release(clone: Path, version: str, tag: str) -> None:
    for hook in ("manifest.py", "ownership.py"):
        run([sys.executable, f"hooks/{hook}"], clone)
    commit(clone, f"Release {version}")
    git(clone, "tag", tag)


def _version(clone: Path) -> str:
    return releases.version_of((clone / releases.TOOLKIT).read_text(encoding="utf-8"))
