"""`fearless checklist`: what is proven, by what, and who must do what next."""

from __future__ import annotations

import json
import shutil
import textwrap

from fearless.core.project import Project
from fearless.ship.checklist import Checklist, State, compute

NARROWEST, WIDEST = 60, 110


def show_checklist(project: Project, *, as_json: bool) -> int:
    """Print the checklist, what is open last; returns 1 while anything is."""
    checklist = compute(project)
    if as_json:
        print(json.dumps(checklist.to_dict(), indent=2, ensure_ascii=False))
    else:
        print(as_text(checklist, shutil.get_terminal_size((WIDEST, 24)).columns))
    return 1 if checklist.open else 0


def as_text(checklist: Checklist, width: int = WIDEST) -> str:
    """The checklist in words, for a terminal of `width` characters."""
    width = min(max(width, NARROWEST), WIDEST)
    done = [each for each in checklist.items if each.state == "done"]
    unasked = [each for each in checklist.items if each.state == "not asked"]
    lines: list[str] = []
    for each in done:
        lines += [f"done  {each.id}  {each.title}  [{each.source}]", *_below(each.evidence, width)]
    if unasked:
        lines += ["", "Not asked:", *_grouped([(each.evidence, each.id) for each in unasked])]
    said = f"All {len(done)} items are done for commit {checklist.commit}: it may be released."
    return "\n".join([*lines, "", open_text(checklist, width) if checklist.open else said])


def open_text(checklist: Checklist, width: int = WIDEST) -> str:
    """What is open, why, and who must do what next."""
    width = min(max(width, NARROWEST), WIDEST)
    lines: list[str] = []
    for each in checklist.open:
        lines += [f"OPEN  {each.id}  {each.title}", *_below(each.evidence, width)]
        lines.append(f"{' ' * 11}-> {_act(each)}")
    asked = sum(each.state != "not asked" for each in checklist.items)
    lines += ["", f"{len(checklist.open)} of {asked} items are open. Next:"]
    # One command closes items of several people.
    who = {each.mend: each.who for each in reversed(checklist.open)}
    acts = [(f"{who[each.mend]}: {each.mend}", each.id) for each in checklist.open]
    return "\n".join([*lines, *_grouped(acts)])


def _grouped(pairs: list[tuple[str, str]]) -> list[str]:
    """A line for each text, with the items that it is about."""
    found: dict[str, list[str]] = {}
    for text, item in pairs:
        found.setdefault(text, []).append(item)
    return [f"      {', '.join(items)}: {text}" for text, items in found.items()]


def _act(each: State) -> str:
    return f"{each.who}: {each.mend}"


def _below(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=" " * 11,
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )
