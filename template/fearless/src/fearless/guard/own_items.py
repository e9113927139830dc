"""The team's own checks, from ops/checklist.yaml: a command each, which must exit 0."""

from __future__ import annotations

import subprocess
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fearless.core.errors import FearlessError
from fearless.core.model_error import first_complaint
from fearless.core.project import Project
from fearless.core.yaml_file import read_mapping
from fearless.guard.finding import Finding

FILE = "ops/checklist.yaml"


class Item(BaseModel):
    """One check: an id of the team's choice, what it proves, and the command as a list of words."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^T[0-9]{2,}$")
    title: str = Field(min_length=3)
    run: list[str] = Field(min_length=1)
    minutes: float = Field(default=5, gt=0)


class Items(BaseModel):
    """ops/checklist.yaml, version 1."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1]
    items: list[Item] = []


def read_items(project: Project) -> list[Item]:
    """The team's items; none where the file is not there."""
    path = project.root / FILE
    if not path.is_file():
        return []
    content = read_mapping(path, FILE)
    if content.get("items") is None:
        content["items"] = []
    try:
        items = Items.model_validate(content).items
    except ValidationError as error:
        raise first_complaint(error, FILE, [*Items.model_fields, *Item.model_fields]) from None
    ids = [item.id for item in items]
    twice = next((name for name in ids if ids.count(name) > 1), None)
    if twice:
        raise FearlessError(f"{FILE} has two items {twice}.", fix="Give each its own id.")
    return items


def run_item(item: Item, project: Project) -> list[Finding]:
    """Run the command of `item` in the root of the repository."""
    command = " ".join(item.run)
    try:
        result = subprocess.run(
            item.run,
            cwd=project.root,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=item.minutes * 60,
        )
    except FileNotFoundError:
        what = f"{item.id} {item.title}: there is no program `{item.run[0]}`."
        return [Finding(what, f"Mend `run:` in {FILE}.")]
    except OSError as error:
        what = f"{item.id} {item.title}: `{item.run[0]}` cannot be run: {error.strerror}."
        return [Finding(what, f"Make it executable, or mend `run:` in {FILE}.")]
    except subprocess.TimeoutExpired:
        return [
            Finding(f"{item.id} {item.title}: took more than {item.minutes:g} minutes.", f"See `{command}`.")
        ]
    if result.returncode == 0:
        return []
    said = (result.stderr or result.stdout).strip().splitlines()[-1:] or ["no message"]
    return [Finding(f"{item.id} {item.title}: exit code {result.returncode}: {said[0]}", f"See `{command}`.")]
