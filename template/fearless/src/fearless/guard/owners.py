"""Who must agree to a change of what judges: the lines of CODEOWNERS that cover it."""

from __future__ import annotations

import re

from fearless.core.project import Project
from fearless.guard.finding import Finding

# Where each host looks, first found wins.
PLACES = {
    "github": (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"),
    "gitlab": ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"),
}
JUDGES = ("gate.yaml", "columns.yaml", "data/golden.dvc", "fearless/MANIFEST")
PIPELINES = {
    "github": (".github/workflows/fearless-pull-request.yml", ".github/CODEOWNERS"),
    "gitlab": (".gitlab/fearless/pipeline.yml", ".gitlab-ci.yml"),
}


def unowned(project: Project) -> list[Finding]:
    """What judges a change and has no owner who would be asked."""
    ci = str(project.answers.get("ci", "github"))
    places = PLACES.get(ci, PLACES["github"])
    file = next((path for name in places if (path := project.root / name).is_file()), None)
    if file is None:
        return [Finding("There is no CODEOWNERS: nobody need be asked.", f"Write {places[0]}.")]
    rules = _rules(file.read_text(encoding="utf-8", errors="replace"))
    judges = (*JUDGES, *PIPELINES.get(ci, ()))
    bare = [name for name in judges if not _owners(name, rules)]
    if not bare:
        return []
    what = f"{project.relative(file)} names no owner for {', '.join(bare)}."
    return [Finding(what, "Add a line with each path and who answers for it.")]


def _rules(text: str) -> list[tuple[re.Pattern[str], list[str]]]:
    found: list[tuple[re.Pattern[str], list[str]]] = []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        # GitLab's sections, `[Name] @owner`, hold patterns below them and are none themselves.
        if words and not words[0].startswith(("[", "^[")):
            found.append((_pattern(words[0]), words[1:]))
    return found


def _owners(name: str, rules: list[tuple[re.Pattern[str], list[str]]]) -> list[str]:
    """The owners by the last line that fits, as both hosts choose them."""
    return next((owners for pattern, owners in reversed(rules) if pattern.fullmatch(name)), [])


def _pattern(written: str) -> re.Pattern[str]:
    """A pattern as .gitignore has them: anchored where a slash stands in it, a folder with all below it."""
    anchored = "/" in written.rstrip("/")
    text = re.escape(written.strip("/"))
    text = text.replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    below = "/.*" if written.endswith("/") else "(?:/.*)?"
    return re.compile(("" if anchored else "(?:.*/)?") + text + below)
