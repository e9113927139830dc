"""The user's files of the first release work with the toolkit of today: what they call is frozen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ownership
import releases

from .clone import Clone
from .commands import fearless, render, tracked, uv
from .conftest import ANSWERS, Started

pytestmark = pytest.mark.slow


def test_the_oldest_user_files_work_with_the_newest_toolkit(
    started: Started, clone: Clone, tmp_path: Path
) -> None:
    project = started("gitlab", tmp_path / "project")
    yours = the_user_s(project)
    put_newest_toolkit_into(project, clone, tmp_path / "now")
    uv(project, "lock", "--quiet")
    fearless(project, "check")
    fearless(project, "gate")
    assert the_user_s(project) == yours

    params = project / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8") + "again: true\n", encoding="utf-8", newline="\n")
    assert "train: " in fearless(project, "train")
    fearless(project, "gate")
    report = json.loads((project / ".fearless" / "gate" / "report.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "PASS"
    newest = releases.version_of((project / "fearless" / "pyproject.toml").read_text(encoding="utf-8"))
    assert report["context"]["toolkit"] == newest


def put_newest_toolkit_into(project: Path, clone: Clone, fresh: Path) -> None:
    """Replace the template's files, and nothing else, with those of a rendering of today."""
    render(clone.path, clone.now, fresh, ANSWERS["gitlab"])
    for name in the_template_s(project):
        (project / name).unlink()
    for path in fresh.rglob("*"):
        name = path.relative_to(fresh).as_posix()
        if path.is_file() and is_the_template_s(name):
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).write_bytes(path.read_bytes())


def the_template_s(project: Path) -> list[str]:
    return [name for name in tracked(project) if is_the_template_s(name)]


def the_user_s(project: Path) -> dict[str, bytes]:
    return {
        name: content
        for name, content in tracked(project).items()
        if not is_the_template_s(name) and name != "uv.lock"
    }


def is_the_template_s(name: str) -> bool:
    return ownership.classes_of(name, set()) == ["template"]
