"""QUESTION.md: the question behind the model, in a head that a program can read too."""

from __future__ import annotations

from typing import Any

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.yaml_file import parse_mapping
from fearless.guard.finding import Finding

FILE = "QUESTION.md"
VERSION = "1"
FENCE = "---"
KEYS = (
    *("question", "decision", "decision_maker", "label", "horizon", "unit"),
    *("do_nothing", "costs", "owners", "review"),
)
# What the answer `profile: regulated` asks for besides.
REGULATED_KEYS = ("purpose", "legal_basis", "retention", "personal_data")


def unreadable(project: Project) -> list[Finding]:
    """Keys that the head of QUESTION.md lacks or leaves empty; `TODO` is an answer in version 1.

    Raises FearlessError where there is no file, no head, or one that is no YAML mapping of version 1.
    """
    head = _head(project)
    version = head.get("version")
    if version != VERSION:
        raise FearlessError(
            f"{FILE}: `version` is {version or 'missing'}, and this toolkit reads version {VERSION}.",
            fix=f"Write `version: {VERSION}` as the first line of the head.",
        )
    asked = KEYS + (REGULATED_KEYS if project.answers.get("profile") == "regulated" else ())
    found: list[Finding] = []
    for key in asked:
        if key not in head:
            found.append(Finding(f"{FILE}: the key `{key}` is missing.", f"Add a line `{key}: TODO`."))
        elif head[key] in ("", [], {}):
            found.append(
                Finding(f"{FILE}: `{key}` is empty.", "Write the answer, or TODO until you know it.")
            )
    return found


def do_nothing(project: Project) -> str:
    """What is done without a model, in the words of QUESTION.md; empty where nobody wrote them yet."""
    try:
        said = _head(project).get("do_nothing")
    except FearlessError:
        return ""  # the guard says what is wrong with the file; a report does without the sentence
    text = " ".join(str(said or "").split())
    return "" if "TODO" in text.split() else text


def _head(project: Project) -> dict[str, Any]:
    """The YAML between the first line `---` and the next one, every value as the text that stands there."""
    try:
        text = (project.root / FILE).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FearlessError(
            f"{FILE} is missing.", fix=f"Bring it back with `git checkout -- {FILE}` or write it anew."
        ) from None
    except UnicodeDecodeError as error:
        raise FearlessError(f"{FILE} is not UTF-8: {error.reason}.", fix="Save it as UTF-8.") from None
    lines = [line.rstrip() for line in text.splitlines()]
    if FENCE not in lines[:1] or FENCE not in lines[1:]:
        raise FearlessError(
            f"{FILE} has no head: it must begin with a line `{FENCE}`, and a second one must end the head.",
            fix=f"Write both lines, with `version: {VERSION}` and the answers between them.",
        )
    # The empty line stands for the first fence, so that messages count lines as an editor does.
    return parse_mapping("\n".join(["", *lines[1 : lines.index(FENCE, 1)]]), FILE, as_text=True)
