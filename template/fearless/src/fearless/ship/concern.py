"""Concerns: anyone may raise one, and nothing is released until it is answered.

A concern and its answer are two files in ops/concerns, each committed once: <id>.json and <id>.answer.json. What was
taken away without an answer stays open, for git remembers it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fearless.core.digest import sha256_text
from fearless.core.errors import FearlessError
from fearless.core.git import blobs
from fearless.core.project import Project
from fearless.report.visible import visible
from fearless.ship.bound import committed, is_shallow
from fearless.ship.record import MOMENT, STAMP, Person, commit_file, history, refuse_without_commit, whoever

FOLDER = "ops/concerns"
LONGEST = 10_000
VERSION = 1
END, ANSWER = ".json", ".answer.json"


@dataclass(frozen=True)
class Concern:
    """One concern that nobody answered. `note` says what is odd about its file, such as that it is gone."""

    id: str
    text: str
    by: str
    at: str
    note: str = ""

    def __str__(self) -> str:
        raised = f"{self.by}, {self.at[:10]}" if self.by else "by an unknown person"
        return f"{visible(self.id)}: {self.text} ({raised}{f'; {self.note}' if self.note else ''})"


def raise_concern(project: Project, text: str, now: datetime | None = None) -> str:
    """Commit a concern of whoever git says is here; returns its id."""
    path, content = concern_file(text, whoever(project), now or datetime.now(UTC))
    name = path.removeprefix(f"{FOLDER}/").removesuffix(END)
    commit_file(project, path, content, f"Raise concern {name}")
    return name


def concern_file(text: str, by: Person, at: datetime, kind: str = "person") -> tuple[str, str]:
    """The path and the content of a concern, for a commit that brings more than it.

    `kind` says what raised it: a person, or a command such as `break-glass`.
    """
    said = _one_text(text, "A concern needs words")
    name = f"C-{at.strftime(STAMP)}-{sha256_text(f'{said} {by}')[:6]}"
    content = _content(name, said, by, at) | {"kind": kind}
    return f"{FOLDER}/{name}{END}", json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def answer(project: Project, name: str, text: str, now: datetime | None = None) -> None:
    """Commit the answer to the concern `name`; raises FearlessError where no such concern is open."""
    said = _one_text(text, "An answer needs words")
    waiting = open_concerns(project)
    if name not in [each.id for each in waiting]:
        known = ", ".join(each.id for each in waiting)
        raise FearlessError(
            f"No concern `{name}` is open.", fix=f"Open are: {known}." if known else "None is open."
        )
    content = _content(name, said, whoever(project), now or datetime.now(UTC))
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    commit_file(project, f"{FOLDER}/{name}{ANSWER}", text, f"Answer concern {name}")


def open_concerns(project: Project) -> list[Concern]:
    """The concerns without an answer, oldest first: committed, on disk only, or taken away.

    Raises FearlessError in a shallow clone, which does not know what was taken away.
    """
    refuse_without_commit(project)
    if is_shallow(project):
        raise FearlessError(
            "This clone is shallow, so nobody can see which concerns were taken away.",
            fix="`git fetch --unshallow` first.",
        )
    known = {path: blob for path, blob in committed(project).items() if path.startswith(f"{FOLDER}/")}
    answered = {
        path.removesuffix(ANSWER)
        for path in known
        if path.endswith(ANSWER) and _answers(project, known, path)
    }
    found = [
        _concern(path, content, note)
        for path, content, note in _raised(project, known)
        if path.removesuffix(END) not in answered
    ]
    return sorted(found, key=lambda each: each.id)


def _raised(project: Project, known: dict[str, str]) -> list[tuple[str, bytes, str]]:
    """Every concern there ever was: its path, the bytes it was raised with, and a note."""
    found: dict[str, tuple[str, bytes, str]] = {}
    for file in (project.root / FOLDER).glob(f"*{END}"):
        path = f"{FOLDER}/{file.name}"
        found[path] = (path, file.read_bytes(), "its file is not committed")
    for path, blob in known.items():
        found[path] = (path, blobs([blob], project.root)[0], "")
    for path, touched in history(project, FOLDER).items():
        first = next(each for each in reversed(touched) if each.how != "D")
        gone = next((f"commit {each.commit}" for each in touched if each.how == "D"), "a merge")
        changed = any(each.how == "M" for each in touched)
        note = "its file was edited; this is the first text" if changed else ""
        note = note if path in known else f"{gone} took its file away"
        found[path] = (path, blobs([first.blob], project.root)[0], note)
    return [each for path, each in found.items() if path.endswith(END) and not path.endswith(ANSWER)]


def _concern(path: str, content: bytes, note: str) -> Concern:
    name = path.removeprefix(f"{FOLDER}/").removesuffix(END)
    read = _read(content)
    if read is None:
        return Concern(name, "its file cannot be read", "", "", note)
    by = visible(f"{read['by']['name']} <{read['by']['email']}>", LONGEST)
    return Concern(name, visible(read["text"], LONGEST), by, visible(read["at"]), note)


def _answers(project: Project, known: dict[str, str], path: str) -> bool:
    read = _read(blobs([known[path]], project.root)[0])
    return read is not None and read["id"] == path.removeprefix(f"{FOLDER}/").removesuffix(ANSWER)


def _read(content: bytes) -> dict[str, Any] | None:
    """The record in `content`, None where it is none."""
    try:
        found = json.loads(content)
    except (UnicodeDecodeError, json.JSONDecodeError):
        return None
    if (
        not isinstance(found, dict)
        or found.get("version") != VERSION
        or not isinstance(found.get("by"), dict)
    ):
        return None
    texts = [found.get(key) for key in ("id", "text", "at")] + [
        found["by"].get(key) for key in ("name", "email")
    ]
    return found if all(isinstance(text, str) and text.strip() for text in texts) else None


def _content(name: str, text: str, by: Person, at: datetime) -> dict[str, Any]:
    return {
        "version": VERSION,
        "id": name,
        "text": text,
        "by": {"name": by.name, "email": by.email},
        "at": at.strftime(MOMENT),
    }


def _one_text(text: str, why: str) -> str:
    said = visible(text, LONGEST)
    if not said:
        raise FearlessError(f"{why}.", fix='Write them in quotes: fearless concern "What you saw".')
    return said
