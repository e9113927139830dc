"""Renders the template as it lies in the work tree, from a plain copy, so that no commit is needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import copier
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ("__pycache__", "*.pyc", "*.egg-info", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv")

Render = Callable[..., Path]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what Copier reads, without the toolkit's Python: no answer changes it, and it takes long."""
    copy = tmp_path_factory.mktemp("template")
    shutil.copy(ROOT / "copier.yml", copy)
    shutil.copytree(ROOT / "hooks", copy / "hooks", ignore=shutil.ignore_patterns(*SCRATCH))
    shutil.copytree(ROOT / "template", copy / "template", ignore=_without_toolkit)
    return copy


def _without_toolkit(folder: str, names: list[str]) -> set[str]:
    toolkit = {"src"} if Path(folder) == ROOT / "template" / "fearless" else set()
    return toolkit | set(shutil.ignore_patterns(*SCRATCH)(folder, names))


@pytest.fixture(scope="session")
def whole_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all that Copier reads."""
    copy = tmp_path_factory.mktemp("whole")
    shutil.copy(ROOT / "copier.yml", copy)
    for folder in ("hooks", "template"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns(*SCRATCH))
    return copy


@pytest.fixture
def render(template: Path, tmp_path: Path) -> Render:
    """Renders into `tmp_path / "project"`, with the defaults for every question that `answers` leaves out."""

    def run(**answers: str) -> Path:
        destination = tmp_path / "project"
        copier.run_copy(str(template), destination, data=answers, defaults=True, quiet=True)
        return destination

    return run
