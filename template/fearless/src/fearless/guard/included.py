"""GitLab runs what the team's .gitlab-ci.yml lets it run: does that take in the template's pipeline, whole?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.core.yaml_file import parse_mapping
from fearless.guard.finding import Finding

FILE = ".gitlab-ci.yml"
PIPELINE = ".gitlab/fearless/pipeline.yml"
# What a team may add to a job of the template without changing what it judges: where and when its runner works.
ALLOWED = {
    "tags",
    "image",
    "services",
    "retry",
    "resource_group",
    "timeout",
    "variables",
    "cache",
    "environment",
}


def included(project: Project) -> list[Finding]:
    """What keeps the template's jobs from running as they are; nothing for a repository on another system."""
    if project.answers.get("ci") != "gitlab":
        return []
    content = _read(project, FILE)
    if not any(_names_pipeline(each) for each in _list(content.get("include"))):
        return [
            Finding(
                f"{FILE} does not include /{PIPELINE}: nothing judges a change.",
                f"Put back `include: [{{local: /{PIPELINE}}}]`.",
            )
        ]
    jobs = [
        name for name, job in _read(project, PIPELINE).items() if isinstance(job, Mapping) and "script" in job
    ]
    found: list[Finding] = []
    for name in jobs:
        over = content.get(name)
        if over is None and name not in content:
            continue
        keys = sorted({*over} - ALLOWED) if isinstance(over, Mapping) else ["everything"]
        if keys:
            what = f"{FILE} replaces {', '.join(f'`{key}`' for key in keys)} of the template's job `{name}`."
            found.append(Finding(what, "Take it out; a job of your own needs another name."))
    return found


def _read(project: Project, name: str) -> dict[str, Any]:
    """The YAML mapping; GitLab's own tag `!reference` is read as the list behind it."""
    path = project.root / name
    if not path.is_file():
        raise FearlessError(
            f"{name} is missing: nothing judges a change.",
            fix=f"Bring it back with `git checkout -- {name}`.",
        )
    text = path.read_text(encoding="utf-8", errors="replace")
    return parse_mapping(re.sub(r"!reference\b", "", text), name)


def _names_pipeline(entry: Any) -> bool:
    """An entry of `include` that takes the pipeline in always: one with rules may leave it out."""
    if isinstance(entry, Mapping):
        return "rules" not in entry and any(_is_pipeline(each) for each in _list(entry.get("local")))
    return _is_pipeline(entry)


def _is_pipeline(path: Any) -> bool:
    return str(path).lstrip("/") == PIPELINE


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
