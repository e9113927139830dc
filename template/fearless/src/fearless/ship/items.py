"""The items of the checklist: those of the toolkit (items.yaml), and the team's own (ops/checklist.yaml)."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping
from fearless.guard import own_items

EVERYTHING = "everything"


class Item(BaseModel):
    """One point of the checklist, in words. A signed one has a `statement` and the files it is `bound` to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    why: str = ""
    proof: str = ""
    who: str
    mend: str
    profiles: tuple[str, ...] = ("light", "regulated")
    statement: str = ""
    bound: tuple[str, ...] | Literal["everything"] = ()
    days: int | None = None

    @property
    def signed(self) -> bool:
        """Whether a person closes it."""
        return bool(self.statement)


@cache
def built_in() -> tuple[Item, ...]:
    """The items of the toolkit, in the order in which they are shown."""
    path = Path(__file__).with_name("items.yaml")
    return tuple(Item.model_validate(each) for each in read_mapping(path, path.name)["items"])


def own(project: Project) -> list[Item]:
    """The team's items: `fearless check` runs them, so they are proven where CI was content."""
    return [
        Item(
            id=each.id,
            title=each.title,
            proof=f"`{' '.join(each.run)}`, run by `fearless check` in ops/evidence/ci.json for this content",
            who="the team",
            mend="`uv run fearless ci`",
        )
        for each in own_items.read_items(project)
    ]


def signed_item(name: str) -> Item:
    """The item `name`, which a person can sign; raises FearlessError for any other."""
    found = next((each for each in built_in() if each.id == name), None)
    if found is not None and found.signed:
        return found
    can = ", ".join(each.id for each in built_in() if each.signed)
    if found is None:
        raise FearlessError(f"The checklist has no item `{name}`.", fix=f"What can be signed: {can}.")
    raise FearlessError(
        f"{name} is proven by a command and not by a signature.", fix=f"What can be signed: {can}."
    )
