"""The deployment checklist: each item's state, computed from digests each time it is asked, never ticked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.report.visible import visible
from fearless.ship import computed, judged, proven
from fearless.ship.here import Found, Here
from fearless.ship.items import Item, built_in, own
from fearless.ship.record import refuse_without_commit
from fearless.ship.recorded import as_recorded
from fearless.ship.signature import valid

VERSION = 1
LONGEST = 10_000

# What proves each item that no person signs. It returns what proves it, or raises FearlessError with what is missing.
PROOFS: dict[str, Callable[[Here], Found]] = {
    "A01": computed.committed_and_green,
    "A02": as_recorded,
    "A03": judged.shipped_is_gated,
    "A04": proven.schema_holds,
    "A05": computed.described,
    "A13": computed.golden_alone,
    "A14": judged.floors,
    "A15": judged.not_worse,
    "A16": judged.beats_the_simple,
    "A19": judged.worth,
    "A23": proven.answers_alike,
    "A24": proven.recorded_first,
    "A25": proven.alarm_arrived,
    "A27": proven.way_back,
    "A28": computed.gate_is_whole,
    "A30": computed.locked_and_safe,
    "A34": computed.no_concern,
    "Q01": computed.question_answered,
}


@dataclass(frozen=True)
class State:
    """One item now.

    `source` says where the proof comes from: `computed` (now), `ci`, `local`, `simulated`, `verified` or `claimed` (a
    signature), and is empty while the item is open. `evidence` is one sentence with a digest or a date: what proves it,
    or what is missing. `who` must act, by `mend`, while it is open.
    """

    id: str
    title: str
    state: Literal["done", "open", "not asked"]
    source: str
    evidence: str
    who: str
    mend: str
    why: str = ""
    proof: str = ""


@dataclass(frozen=True)
class Checklist:
    """All items at one moment, of one commit with one content."""

    items: list[State]
    at: str
    commit: str
    content: str

    @property
    def open(self) -> list[State]:
        return [each for each in self.items if each.state == "open"]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it, format version 1."""
        return {
            "version": VERSION,
            "at": self.at,
            "commit": self.commit,
            "content": self.content,
            "open": [each.id for each in self.open],
            "items": [asdict(each) for each in self.items],
        }


def compute(project: Project, now: datetime | None = None) -> Checklist:
    """The checklist of the last commit and of what lies beside it now.

    Raises FearlessError where there is no commit, or where ops/checklist.yaml cannot be read.
    """
    now = now or datetime.now(UTC)
    refuse_without_commit(project)
    here = Here(project, now)
    commit, content = here.commit, here.content
    profile = str(project.answers.get("profile", "light"))
    states = [_state(here, item, profile, PROOFS.get(item.id, _signed(item))) for item in built_in()]
    states += [_state(here, item, profile, proven.own_item) for item in own(project)]
    return Checklist(states, now.strftime("%Y-%m-%dT%H:%M:%SZ"), commit, content)


def _state(here: Here, item: Item, profile: str, prove: Callable[[Here], Found]) -> State:
    if profile not in item.profiles:
        return _as(item, here, "not asked", "", f"The profile `{profile}` does not ask for it.")
    try:
        found = prove(here)
    except FearlessError as error:
        return _as(item, here, "open", "", error.what, error.fix)
    return _as(item, here, "done" if found.asked else "not asked", found.source, found.evidence)


def _signed(item: Item) -> Callable[[Here], Found]:
    def prove(here: Here) -> Found:
        found = valid(here.project, item.id, here.now)
        if not found:
            raise FearlessError(found.sentence)
        return Found(found.sentence, found.how)

    return prove


def _as(
    item: Item,
    here: Here,
    state: Literal["done", "open", "not asked"],
    source: str,
    evidence: str,
    mend: str = "",
) -> State:
    """The item in words that a terminal shows as they are, whatever git and the team's files call people and things."""
    return State(
        id=item.id,
        title=visible(item.title, LONGEST),
        state=state,
        source=source,
        evidence=visible(evidence, LONGEST),
        who=visible(_who(item, here), LONGEST),
        mend=visible(mend or item.mend, LONGEST),
        why=visible(item.why, LONGEST),
        proof=visible(item.proof, LONGEST),
    )


def _who(item: Item, here: Here) -> str:
    """The decision maker by name, where QUESTION.md has one."""
    if item.who != "the decision maker":
        return item.who
    try:
        named = here.question.answer("decision_maker")
    except FearlessError:
        named = ""
    return f"{item.who} ({named})" if named and named != "TODO" else item.who
