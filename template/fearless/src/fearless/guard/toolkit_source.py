"""The toolkit that `uv run` takes is the one in fearless/: a setting of uv could put another in its place."""

from __future__ import annotations

import tomllib
from typing import Any

from fearless.core.project import Project
from fearless.guard.finding import Finding

PLACE = "fearless"
FIX = 'Write `fearless = { path = "fearless", editable = true }` in [tool.uv.sources], then run `uv lock`.'


def toolkit_source(project: Project) -> list[Finding]:
    """What pyproject.toml or uv.lock name instead of the folder fearless/; nothing where uv.lock is not made yet."""
    found: list[Finding] = []
    uv = _read(project, "pyproject.toml").get("tool", {}).get("uv", {})
    source = uv.get("sources", {}).get("fearless")
    if not isinstance(source, dict) or source.get("path", "").strip("./") != PLACE:
        found.append(Finding(f"pyproject.toml takes the toolkit from {source or 'an index'}.", FIX))
    locked = [each for each in _read(project, "uv.lock").get("package", []) if each.get("name") == "fearless"]
    for each in locked:
        place = each.get("source", {})
        if place.get("editable", place.get("directory")) != PLACE:
            found.append(Finding(f"uv.lock takes the toolkit from {place}.", FIX))
    return found


def _read(project: Project, name: str) -> dict[str, Any]:
    path = project.root / name
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}  # uv says so, with the line
