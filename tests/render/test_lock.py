"""The tested versions are a preference: the first lock takes them, and a team that wants others gets them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import tested

from .conftest import ROOT, Render

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not on the PATH"),
]


@pytest.mark.parametrize("remote", ["local", "gs"])  # gs adds the most packages
def test_the_first_lock_takes_the_tested_versions_and_keeps_them(render: Render, remote: str) -> None:
    project = with_toolkit(render(dvc_remote=remote))
    locked = lock(project)
    pinned = tested.pins(tested.PROJECT.read_text(encoding="utf-8"))
    wanted = pinned["tested"] + ([] if remote == "local" else pinned[f"tested-{remote}"])
    for line in wanted:
        name, version = line.split(";")[0].strip().split("==")
        assert version in locked[name], line
    drop_the_preference(project)
    assert lock(project) == locked


def test_a_team_s_own_limit_resolves_once_the_preference_is_dropped(render: Render) -> None:
    project = with_toolkit(render())
    before = lock(project)
    drop_the_preference(project)
    path = project / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('["fearless"]', '["fearless", "scikit-learn<1.8"]'), encoding="utf-8")
    after = lock(project)
    assert all(version < "1.8" for version in after["scikit-learn"])
    changed = {name for name in before if name in after and before[name] != after[name]}
    assert changed == {"scikit-learn"}


def test_a_lock_names_the_toolkit_by_its_folder_and_nothing_else(render: Render) -> None:
    project = with_toolkit(render())
    lock(project)
    packages = tomllib.loads((project / "uv.lock").read_text(encoding="utf-8"))["package"]
    toolkit = [package for package in packages if package["name"] == "fearless"]
    assert [package["source"] for package in toolkit] == [{"editable": "fearless"}]


def test_the_odd_names_that_the_questions_accept_can_be_built(render: Render, tmp_path: Path) -> None:
    project = render(description='"ü 🚀" \\ x: y', owner_name='O\'Neil & "Söhne", #1', package_name="a_1b")
    with_toolkit(project)
    done = subprocess.run(
        ["uv", "build", "--quiet", "--wheel", "--out-dir", str(tmp_path / "built"), str(project)],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr
    assert [path.name for path in (tmp_path / "built").glob("*.whl")] == ["a_1b-0.1.0-py3-none-any.whl"]


def with_toolkit(project: Path) -> Path:
    """The project with the toolkit's Python, which the fixture leaves out of a rendering."""
    shutil.copytree(ROOT / "template" / "fearless" / "src", project / "fearless" / "src")
    return project


def lock(project: Path) -> dict[str, list[str]]:
    """Lock the project; its packages with their versions, several where Python or the system decides."""
    done = subprocess.run(["uv", "lock"], cwd=project, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    found: dict[str, list[str]] = {}
    for package in tomllib.loads((project / "uv.lock").read_text(encoding="utf-8"))["package"]:
        found.setdefault(package["name"], []).append(package["version"])
    return found


def drop_the_preference(project: Path) -> None:
    """What `fearless start` does after the first lock."""
    path = project / "pyproject.toml"
    text = re.sub(r",?tested(-[a-z0-9]+)?(?=\]\")", "", path.read_text(encoding="utf-8")).replace(
        "fearless[]", "fearless"
    )
    path.write_text(text, encoding="utf-8")
