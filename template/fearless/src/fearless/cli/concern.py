"""`fearless concern`: raise one, answer one, or see which are open."""

from __future__ import annotations

import json

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.ship.concern import answer, open_concerns, raise_concern


def concern_and_print(project: Project, text: str, *, answered: str, as_json: bool) -> int:
    """Raise a concern with `text`, or answer the one called `answered` with it; without a text list the open ones."""
    if answered:
        answer(project, answered, text)
        print(f"Answered {answered}.")
        return 0
    if text:
        if as_json:
            raise FearlessError("--json is for the list.", fix="Leave the text or --json out.")
        print(f"Raised {raise_concern(project, text)}. Nothing is released until it is answered.")
        return 0
    waiting = open_concerns(project)
    if as_json:
        listed = [
            {"id": each.id, "text": each.text, "by": each.by, "at": each.at, "note": each.note}
            for each in waiting
        ]
        print(json.dumps({"version": 1, "open": listed}, indent=2))  # an id is a file's name, whoever made it
    else:
        print("\n".join(map(str, waiting)) or "No concern is open.")
    return 1 if waiting else 0
