"""GitLab runs what the team's .gitlab-ci.yml lets it run: does that take in the template's pipeline, whole?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
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
# What the judges take from GitLab or from the system. A file may set it, and so hide from them that there is a change.
RESERVED = (
    "BASH_ENV",
    "CI_COMMIT_",
    "CI_DEFAULT_BRANCH",
    "CI_MERGE_REQUEST_",
    "CI_PIPELINE_",
    "CI_PROJECT_",
    "FEARLESS_TASK",
    "GITHUB_",
    "GITLAB_CI",
    "PATH",
    "PYTHONPATH",
)


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
    # What the template's jobs extend counts as much as they do.
    jobs = [name for name in _read(project, PIPELINE) if name != "variables"]
    return [finding for name, own in _files(project, content) for finding in _overriding(name, own, jobs)]


def _overriding(file: str, content: Mapping[str, Any], jobs: list[str]) -> list[Finding]:
    found = _predefined(file, content, "for all jobs")
    for name in jobs:
        over = content.get(name)
        if over is None and name not in content:
            continue
        keys = sorted({*over} - ALLOWED) if isinstance(over, Mapping) else ["everything"]
        if keys:
            what = f"{file} replaces {', '.join(f'`{key}`' for key in keys)} of the template's job `{name}`."
            found.append(Finding(what, "Take it out; a job of your own needs another name."))
        found += _predefined(file, over, f"for `{name}`")
    return found


def _predefined(file: str, of: object, where: str) -> list[Finding]:
    variables = of.get("variables") if isinstance(of, Mapping) else None
    names = sorted(str(name) for name in variables or () if str(name).startswith(RESERVED))
    if not names:
        return []
    what = f"{file} sets {', '.join(f'`{name}`' for name in names)} {where}."
    return [Finding(what, "Take it out: the judges ask GitLab for it.")]


def _files(project: Project, content: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The team's file, and what it includes of this repository: a file that is included later wins as well."""
    found = {FILE: content}
    waiting = [content]
    while waiting:
        for entry in _list(waiting.pop().get("include")):
            for pattern in _list(entry.get("local") if isinstance(entry, Mapping) else entry):
                for path in _matching(project, str(pattern)):
                    name = project.relative(path)
                    if name not in (*found, PIPELINE) and path.is_file():
                        found[name] = _read(project, name)
                        waiting.append(found[name])
    return list(found.items())


def _matching(project: Project, pattern: str) -> list[Path]:
    """The files of this repository; a `**` within a name, which Python does not know, is taken for any file below."""
    parts = ["**/*" if "**" in part and part != "**" else part for part in pattern.split("/") if part]
    return sorted(project.root.glob("/".join(parts))) if parts and "://" not in pattern else []


def _read(project: Project, name: str) -> dict[str, Any]:
    """The YAML mapping; GitLab's own tag `!reference` is read as the list behind it."""
    path = project.root / name
    if not path.is_file():
        raise FearlessError(
            f"{name} is missing: nothing judges a change.",
            fix=f"Bring it back with `git checkout -- {name}`.",
        )
    text = path.read_text(encoding="utf-8", errors="replace")
    return parse_pipeline(text, name)


def parse_pipeline(text: str, name: str) -> dict[str, Any]:
    """A file of GitLab's pipelines; the tag `!reference` is read as the list behind it."""
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
