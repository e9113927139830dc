"""A release that does all that a later one may do, and that must reach old projects without harm."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

TOOLKIT = "template/fearless/src/fearless"
WORKFLOWS = {
    "template/{% if ci == 'github' %}.github{% endif %}/workflows/fearless-season.yml": "name: Season\n",
    "template/{% if ci == 'gitlab' %}.gitlab{% endif %}/fearless/season.yml": "season:\n  script: [date]\n",
}
NEW_FILES = {
    "template/fearless/deploy/notes.md": "# A folder that the first release did not have\n",
    f"{TOOLKIT}/season/__init__.py": '"""A room that the first release did not have."""\n',
    f"{TOOLKIT}/season/length.py": '"""How long a season is."""\n\nMONTHS = 3\n',
}
MOVED = ("fearless/ci/pull.sh", "fearless/ci/storage/pull.sh")
QUESTION = """alarm_channel:
  type: str
  help: Where is an alarm to be sent?
  default: nowhere

"""
COMMAND = '''@app.command()
def season() -> None:
    """Print how long a season is. Example: uv run fearless season"""
    from fearless.season.length import MONTHS

    _say(f"{MONTHS} months")


'''
# Asked of every model, also where gate.yaml says nothing of it.
CHECK = """    second = {"binary": "brier", "regression": "mae"}[golden.task]
    if not any(check.id == f"{second}.min_skill" for check in found):
        found.append(_floor_check(golden, Requirement(second, "min_skill", golden.policy.second_skill)))
"""
NEW_ARTIFACT = '        (folder / "{}").write_text("{{}}\\n", encoding="utf-8", newline="\\n")\n'


def make_next(clone: Path, version: str) -> None:
    """Change the work tree of `clone` into that of the next release."""
    change = _Changes(clone)
    owned = _ownership_of(clone)
    skipped, _ = owned.yours()
    yours = [source for source, path in owned.rendered_files() if path in skipped]

    for path, text in {**NEW_FILES, **WORKFLOWS}.items():
        change.new(path, text)
    change.move(*MOVED)
    change.once(f"{TOOLKIT}/cli/app.py", r"(?=^def _say)", COMMAND)
    change.once(f"{TOOLKIT}/columns/dictionary.py", r"(?<=    unit: str = \"\"\n)", '    source: str = ""\n')
    change.once(
        f"{TOOLKIT}/gate/policy.py",
        r"(?<=    too_good: TooGood \| None = None\n)",
        "    second_skill: float = 0.01\n",
    )
    change.once(f"{TOOLKIT}/gate/verdict.py", r"(?=    if golden\.policy\.too_good is not None:\n)", CHECK)
    for stage, file in (("train", "card.json"), ("evaluate", "slices.json")):
        line = r"(?<= as folder:\n)"
        change.once(f"{TOOLKIT}/pipeline/{stage}.py", line, NEW_ARTIFACT.format(file))
    change.version(version)
    change.pins()
    change.once("copier.yml", r"(?=^profile:\n)", QUESTION)
    # A new file for the user: it cannot be delivered to old projects without the risk of a conflict.
    change.new("template/monitor.yaml", "version: 1\n")
    change.once("copier.yml", r"(?=^  - /gate\.yaml\n)", "  - /monitor.yaml\n")
    change.once("copier.yml", r"(?=^    /gate\.yaml\n)", "    /monitor.yaml\n")
    for source in yours:
        with source.open("a", encoding="utf-8", newline="\n") as file:
            file.write("\n# Another text for new projects only\n")


def raise_stages(clone: Path, version: str) -> None:
    """Change the work tree of `clone` into that of a release with which training gives another result."""
    change = _Changes(clone)
    change.version(version)
    file = clone / "template" / "fearless" / "STAGES"
    file.write_text(f"{int(file.read_text(encoding='utf-8')) + 1}\n", encoding="utf-8", newline="\n")


def range_of_rich(pyproject: str) -> str:
    """The lowest version of rich that the toolkit with this pyproject.toml takes."""
    found = re.search(r'"rich>=([0-9.]+)', pyproject)
    assert found, "the toolkit asks for rich no more: choose another package for the raised pin"
    return found[1]


class _Changes:
    """Edits of the clone. One that finds its place no more says so: follow the toolkit with it."""

    def __init__(self, clone: Path) -> None:
        self.clone = clone

    def new(self, name: str, text: str) -> None:
        path = self.clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        assert not path.exists(), f"{name} exists: take another name for the new file of the next release"
        path.write_text(text, encoding="utf-8", newline="\n")

    def once(self, name: str, place: str, text: str | Callable[[re.Match[str]], str]) -> None:
        """Put `text` in the one `place` (a pattern) of the file."""
        path = self.clone / name
        before = path.read_text(encoding="utf-8")
        given = text if callable(text) else lambda _: text
        after, count = re.subn(place, given, before, flags=re.MULTILINE)
        assert count == 1, f"{name} has {count} places like {place}: adapt tests/update/next_release.py"
        path.write_text(after, encoding="utf-8", newline="\n")

    def move(self, before: str, after: str) -> None:
        """Move a file of the template, and name its new place wherever the old one was named."""
        target = self.clone / "template" / after
        target.parent.mkdir(parents=True)
        (self.clone / "template" / before).rename(target)
        for path in (self.clone / "template").rglob("*"):
            if path.is_file() and before.encode() in (content := path.read_bytes()):
                path.write_bytes(content.replace(before.encode(), after.encode()))

    def version(self, version: str) -> None:
        self.once("template/fearless/pyproject.toml", r'(?<=^version = )"[^"]*"', f'"{version}"')

    def pins(self) -> None:
        """Raise the lowest rich to the tested one; the tested set names a version that no index has."""
        name = "template/fearless/pyproject.toml"
        text = (self.clone / name).read_text(encoding="utf-8")
        tested = re.search(r'"rich==([0-9.]+)"', text)
        assert tested, "the tested versions hold no rich: choose another package for the raised pin"
        assert tested[1] != range_of_rich(text), (
            "rich cannot be raised: choose another package for the raised pin"
        )
        self.once(name, r'(?<="rich>=)[0-9.]+', tested[1])
        self.once(name, r'(?<="tabulate==)[0-9.]+', "99.0")


def _ownership_of(clone: Path) -> ModuleType:
    """The clone's own hooks/ownership.py: the one on the path looks at the work tree."""
    spec = importlib.util.spec_from_file_location("ownership_of_the_clone", clone / "hooks" / "ownership.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
