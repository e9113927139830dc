"""What was proven, of which content, from where and when: a record that later commands rely on."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from fearless.core.atomic import write_text
from fearless.core.digest import sha256_text
from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.project import Project
from fearless.core.toolkit import toolkit_version

FOLDER = "ops/evidence"
VERSION = 1
NAME = re.compile(r"[a-z][a-z0-9-]*")
RECORDS = "ops/"  # what commands record of a content is no part of it

Source = Literal["ci", "local", "simulated"]


@dataclass(frozen=True)
class Evidence:
    """One proof. It stands for a commit exactly where `content` equals `content_digest` of that commit."""

    what: str
    passed: bool
    source: Source
    at: str  # UTC, to the second: 2026-11-23T09:30:00Z
    commit: str
    content: str
    toolkit: str
    details: dict[str, Any] = field(default_factory=dict)


def prove(
    project: Project,
    what: str,
    *,
    passed: bool,
    source: Source,
    details: dict[str, Any],
    commit: str = "HEAD",
) -> Evidence:
    """Evidence of this moment for `commit`, with the version of the toolkit that runs."""
    return Evidence(
        what=what,
        passed=passed,
        source=source,
        at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=git(["rev-parse", f"{commit}^{{commit}}"], project.root).stdout.strip(),
        content=content_digest(project, commit),
        toolkit=toolkit_version(),
        details=details,
    )


def write(project: Project, evidence: Evidence) -> Path:
    """Write ops/evidence/<what>.json, in place of what was proven before; returns its path."""
    path = _path(project, evidence.what)
    text = json.dumps({"version": VERSION, **asdict(evidence)}, indent=2, ensure_ascii=False)
    write_text(path, text + "\n")
    return path


def read(project: Project, what: str) -> Evidence | None:
    """The last evidence of `what`, or None where there is none.

    Raises FearlessError for a record that cannot be read: a damaged proof proves nothing.
    """
    path = _path(project, what)
    name = f"{FOLDER}/{what}.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _damaged(name, f"it is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise _damaged(name, f"it holds a {type(found).__name__}")
    number = found.pop("version", None)
    if number != VERSION:
        raise _damaged(name, f"its version is {number}, and this toolkit reads {VERSION}")
    try:
        evidence = Evidence(**found)
    except TypeError:
        wanted = ", ".join(Evidence.__dataclass_fields__)
        raise _damaged(name, f"its keys are not version, {wanted}") from None
    texts = (evidence.what, evidence.at, evidence.commit, evidence.content, evidence.toolkit)
    if not isinstance(evidence.passed, bool) or not all(isinstance(text, str) for text in texts):
        raise _damaged(name, "`passed` must be true or false, and the others texts")
    if evidence.source not in get_args(Source) or not isinstance(evidence.details, dict):
        raise _damaged(
            name, f"`source` must be one of {', '.join(get_args(Source))}, and `details` an object"
        )
    if evidence.what != what:
        raise _damaged(name, f"it speaks of `{evidence.what}`")
    return evidence


def content_digest(project: Project, commit: str = "HEAD", *, without: tuple[str, ...] = (RECORDS,)) -> str:
    """SHA-256 of what `commit` holds of the project, apart from paths that begin as `without` says: 64 hex digits.

    It is taken over the sorted lines `mode path blob` of `git ls-tree -r`, with paths from the project's folder, which
    need not be git's. So it depends on no date, author or branch, and a record of a proof does not change it.
    """
    listing = git(["ls-tree", "-r", "-z", commit], project.root).stdout
    lines: list[str] = []
    for entry in filter(None, listing.split("\0")):
        about, path = entry.split("\t", 1)
        mode, _, blob = about.split()
        if not path.startswith(without):
            lines.append(f"{mode} {path} {blob}\n")
    return sha256_text("".join(sorted(lines)))


def _path(project: Project, what: str) -> Path:
    if not NAME.fullmatch(what):
        raise FearlessError(f"`{what}` names no evidence: a name has small letters, digits and hyphens only.")
    return project.root / FOLDER / f"{what}.json"


def _damaged(name: str, why: str) -> FearlessError:
    return FearlessError(
        f"{name} cannot be read: {why}.",
        fix=f"Remove it and run the command that records it, `fearless {name[13:-5]}`.",
    )
