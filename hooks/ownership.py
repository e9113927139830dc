"""Every file of the template is in one class: yours, the template's, or state. This file is that rule.

    python hooks/ownership.py    exit 1 and say what is wrong

Yours is what `_skip_if_exists` in copier.yml names, and `_exclude` once more for updates. The template's is
what lies in one of the places below, without any Jinja in it. State is the answers file: no other file that
commands write is rendered.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import Template
from jinja2.sandbox import SandboxedEnvironment

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template"
THE_TEMPLATES = ("fearless/*", ".github/workflows/fearless-*.yml", ".gitlab/fearless/*.yml")
STATE = (".copier-answers.yml",)
PACKAGE = "the_package"
SCRATCH = ("__pycache__", "*.pyc", "*.egg-info", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store")

Class = Literal["yours", "template", "state"]


def main() -> int:
    found = problems()
    for problem in found:
        print(problem)
    return 1 if found else 0


def problems() -> list[str]:
    """What breaks the rule, one sentence each."""
    skipped, excluded = yours()
    found = [
        f"copier.yml: {path} is in _skip_if_exists only, so a deleted file would come back"
        for path in skipped - excluded
    ]
    found += [
        f"copier.yml: {path} is in _exclude only, so recopy would overwrite it" for path in excluded - skipped
    ]
    rendered = {path for _, path in rendered_files()}
    found += [
        f"copier.yml: {path} is named as user-owned, but no file of the template renders it"
        for path in skipped - rendered
    ]
    for source, path in rendered_files():
        name = source.relative_to(ROOT).as_posix()
        classes = classes_of(path, skipped)
        if len(classes) != 1:
            found.append(
                f"{name}: is {' and '.join(classes) or 'in no class'}; name it in copier.yml or move it"
            )
        if classes == ["template"] and name.endswith(".jinja"):
            found.append(f"{name}: the template's own files hold no Jinja, their digests are compared")
        if '"' in name:
            found.append(f"{name}: Windows allows no double quotes in the name of a file")
    return found


def classes_of(path: str, skipped: set[str]) -> list[Class]:
    """The classes that claim `path`: one, or something is wrong."""
    found: list[Class] = ["yours"] if path in skipped else []
    found += ["template"] if any(fnmatchcase(path, place) for place in THE_TEMPLATES) else []
    found += ["state"] if path in STATE else []
    return found


def yours() -> tuple[set[str], set[str]]:
    """The user-owned paths as `_skip_if_exists` and as `_exclude` name them, without the leading slash."""
    settings = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    skipped = {render(entry).strip().removeprefix("/") for entry in settings["_skip_if_exists"]}
    at_update = {
        line
        for entry in settings["_exclude"]
        for line in render(entry, _copier_operation="update").splitlines()
    }
    always = {
        line
        for entry in settings["_exclude"]
        for line in render(entry, _copier_operation="copy").splitlines()
    }
    return skipped, {line.strip().removeprefix("/") for line in at_update - always if line.strip()}


def rendered_files() -> Iterator[tuple[Path, str]]:
    """Each file of the template, with the path that it gets in a project that wants it."""
    for source in sorted(TEMPLATE.rglob("*")):
        inside = source.relative_to(TEMPLATE)
        if source.is_file() and not any(
            fnmatchcase(part, pattern) for part in inside.parts for pattern in SCRATCH
        ):
            yield source, _path_of(inside)


def _path_of(inside: Path) -> str:
    for answers in every_choice():
        parts = [render(part, **answers) for part in inside.parts]
        parts[-1] = parts[-1].removesuffix(".jinja")
        if all(parts):
            return "/".join(parts)
    raise ValueError(f"{inside} is rendered for no combination of answers")


@functools.cache
def every_choice() -> list[dict[str, str]]:
    """Every combination of the answers that have choices."""
    settings = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    choices = {
        name: list(question["choices"].values())
        for name, question in settings.items()
        if "choices" in question
    }
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def render(text: str, **answers: str) -> str:
    """`text` as Copier would render it, for what stands in copier.yml and in the names of files."""
    known: dict[str, Any] = {"package_name": PACKAGE, "_copier_conf": {"answers_file": STATE[0]}}
    return _compiled(text).render(known | answers) if "{" in text else text


@functools.cache
def _compiled(text: str) -> Template:
    return SandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(text)


if __name__ == "__main__":
    sys.exit(main())
