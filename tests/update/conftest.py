"""One clone and one started project for each CI system, made once and shared by all workers of a test run."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

from .clone import Clone, make_clone
from .commands import ENVIRONMENT, fearless, git, render

T = TypeVar("T")
Started = Callable[[str, Path], Path]

PACKAGE = "broadband_churn"
ANSWERS = {
    "github": {
        "project_name": "Broadband churn",
        "package_name": PACKAGE,
        "description": "Predicts which customers will leave within 90 days: \"yes\" or 'no'",
        "owner_name": "Zoë O'Hara & Söhne",
        "owner_email": "retention@example.com",
        "ci": "github",
        "licence": "Apache-2.0",
    },
    "gitlab": {
        "project_name": "Arrival delays",
        "package_name": "arrival_delays",
        "example": "travel-delay",
        "owner_name": "Control room",
        "owner_email": "control-room@example.com",
        "ci": "gitlab",
        "profile": "regulated",
        "licence": "MIT",
    },
}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this test run see."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "update"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One environment for all projects of a worker: what takes seconds is compiling 120 packages again and again."""
    ENVIRONMENT["UV_PROJECT_ENVIRONMENT"] = str(tmp_path_factory.getbasetemp() / "venv")


@pytest.fixture(scope="session")
def clone(shared: Path) -> Clone:
    """This repository with the tags of its releases and of two that are still to come."""
    return _once(shared, "clone", make_clone)


@pytest.fixture(scope="session")
def started(shared: Path, clone: Clone) -> Started:
    """Gives a copy of a project of the oldest release that `fearless start` has made ready."""

    def copy(ci: str, destination: Path) -> Path:
        def make(folder: Path) -> Path:
            render(clone.path, clone.oldest, folder, ANSWERS[ci])
            fearless(folder, "start")
            assert git(folder, "status", "--porcelain") == ""
            return folder

        project = _once(shared, f"started-{ci}", make)
        shutil.copytree(project, destination, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
        return destination

    return copy


@pytest.fixture
def present(shared: Path, clone: Clone, tmp_path: Path) -> Path:
    """A copy of a started project of what is checked out, which has `fearless update`; its branch is main."""

    def make(folder: Path) -> Path:
        render(clone.path, clone.present, folder, ANSWERS["github"])
        fearless(folder, "start")
        return folder

    project = _once(shared, "present", make)
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("__pycache__", ".venv"), symlinks=True)
    return copy


def _once(shared: Path, name: str, make: Callable[[Path], T]) -> T:
    """What `make` returns for the folder `name`; the first worker makes it, the others wait and read."""
    record = shared / f"{name}.pickle"
    with FileLock(shared / f"{name}.lock"):
        if not record.is_file():
            shutil.rmtree(shared / name, ignore_errors=True)
            made = make(shared / name)
            record.write_bytes(pickle.dumps(made))
            return made
        found: T = pickle.loads(record.read_bytes())  # noqa: S301  (written above)
        return found
