"""QUESTION.md: the question behind the model, in a head that a program can read too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from fearless.columns.dictionary import EMPTY_WORDS
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


@dataclass(frozen=True)
class Question:
    """QUESTION.md as data. `answers` holds every key of the head as the text that stands there, `text` what follows.

    `costs` maps an error to what it costs, `owners` are mappings with `name` and `email`.
    """

    answers: dict[str, Any]
    text: str

    @property
    def costs(self) -> dict[str, str]:
        found = self.answers.get("costs")
        return {str(key): str(cost) for key, cost in found.items()} if isinstance(found, dict) else {}

    @property
    def owners(self) -> list[dict[str, str]]:
        found = self.answers.get("owners")
        listed = found if isinstance(found, list) else []
        return [
            {str(key): str(word) for key, word in each.items()} for each in listed if isinstance(each, dict)
        ]

    @property
    def review(self) -> date | None:
        """The day by which the question must be asked again; None where no day of the calendar stands there."""
        try:
            return date.fromisoformat(str(self.answers.get("review")))
        except ValueError:
            return None

    def answer(self, key: str) -> str:
        """The answer to one key, an empty text where there is none."""
        return str(self.answers.get(key, ""))


def read_question(project: Project) -> Question:
    """The question, whether or not it is complete; raises FearlessError where there is no head that can be read."""
    head, text = _parts(project)
    return Question(head, text.strip())


def unanswered(project: Project) -> list[Finding]:
    """What `unreadable` finds, and besides each answer that is still open: TODO, TBD and the like."""
    head = _head(project)
    open_words = [key for key, value in head.items() if any(_open(word) for word in _words(value))]
    return [
        *unreadable(project),
        *(Finding(f"{FILE}: `{key}` is not answered yet.", "Write the answer.") for key in open_words),
    ]


def _open(word: str) -> bool:
    return word.strip().lower() in EMPTY_WORDS or re.search(r"\bTODO\b", word) is not None


def _words(value: Any) -> Iterator[str]:
    """Every text in an answer, however deep it lies."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _words(each)
    else:
        yield str(value)


def do_nothing(project: Project) -> str:
    """What is done without a model, in the words of QUESTION.md; empty where nobody wrote them yet."""
    try:
        said = read_question(project).answer("do_nothing")
    except FearlessError:
        return ""  # the guard says what is wrong with the file; a report does without the sentence
    text = " ".join(said.split())
    return "" if "TODO" in text.split() else text


def _head(project: Project) -> dict[str, Any]:
    return _parts(project)[0]


def _parts(project: Project) -> tuple[dict[str, Any], str]:
    """The YAML between the first line `---` and the next one, every value as the text that stands there; the rest."""
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
    end = lines.index(FENCE, 1)
    head = parse_mapping("\n".join(["", *lines[1:end]]), FILE, as_text=True)
    return head, "\n".join(lines[end + 1 :])
