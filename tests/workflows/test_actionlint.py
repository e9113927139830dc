"""actionlint, which knows the types of expressions, finds nothing in the workflows, ours and the generated ones.

The build that can be had is of 2022. What it cannot know is left out, each by its own words and no wider.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .engine import Engine
from .proof import ROOT

NEWER = re.compile(
    r'label "(ubuntu-24\.04|macos-15|windows-2025)" is unknown'
    r'|undefined variable "vars"'
    r'|unexpected key "deployment" for "environment" section'
)
WORKFLOWS = sorted([*ROOT.glob("template/*github*/workflows/*.yml"), *ROOT.glob(".github/workflows/*.yml")])


def said(engine: Engine, *paths: Path) -> list[str]:
    program = engine.folder / "actionlint.mjs"
    shutil.copy(Path(__file__).with_name("actionlint.mjs"), program)
    done = subprocess.run(
        ["node", str(program), *map(str, paths)], check=True, capture_output=True, encoding="utf-8"
    )
    return [
        f"{Path(each['file']).name}:{each['line']}: {each['message']}"
        for each in json.loads(done.stdout)
        if not NEWER.match(each["message"])
    ]


def test_it_finds_nothing_in_any_workflow(engine: Engine) -> None:
    assert len(WORKFLOWS) > 1
    assert said(engine, *WORKFLOWS) == []


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("needs.judge.result }}", "needs.judg.result }}", 'property "judg" is not defined'),
        ("steps.base.outputs.scripts", "steps.bas.outputs.scripts", 'property "bas" is not defined'),
        ("timeout-minutes: 60", "timeout: 60", 'unexpected key "timeout"'),
        ("needs: [check, judge]", "needs: [check, judges]", 'needs job "judges"'),
    ],
)
def test_it_does_find_a_planted_fault(engine: Engine, tmp_path: Path, old: str, new: str, named: str) -> None:
    (workflow,) = [path for path in WORKFLOWS if path.name == "fearless-pull-request.yml"]
    text = workflow.read_text("utf-8")
    assert old in text
    file = tmp_path / "planted.yml"
    file.write_text(text.replace(old, new), "utf-8")
    assert named in "\n".join(said(engine, file))
