"""A started project, a bare repository that stands for GitHub, and changes that are proposed to it."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from filelock import FileLock

# The started project is the one of tests/project: all workers of a test run share one start.
from tests.project.conftest import Rendered, Repo
from tests.project.conftest import copied as copied
from tests.project.conftest import rendered as rendered
from tests.project.conftest import repo as repo
from tests.project.conftest import started as started
from tests.project.conftest import surroundings as surroundings
from tests.project.conftest import template as template

from .actions import ACTIONS
from .engine import Engine, install
from .hub_server import HubServer
from .runner import Job, Run, Runner
from .sandbox import Action, Event

WORKFLOW = ".github/workflows/fearless-pull-request.yml"
TEMPLATE = Path(__file__).resolve().parents[2] / "template"
IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]

Proposed = Callable[..., Run]
Executed = Callable[..., Run]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lacking = [program for program in ("node", "npm", "bash") if shutil.which(program) is None]
    if sys.platform == "win32":
        lacking.append("a Linux or macOS machine")
    for item in items:
        if (
            lacking
            and item.path.parent == Path(__file__).parent
            and "engine" in getattr(item, "fixturenames", [])
        ):
            item.add_marker(pytest.mark.skip(reason=f"running a workflow needs {', '.join(lacking)}"))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """GitHub's expression engine, installed once a session."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "expressions"
    with FileLock(shared / "expressions.lock"):
        if not (folder / "ready").is_file():
            folder.mkdir(exist_ok=True)
            install(folder)
            (folder / "ready").touch()
    with Engine(folder) as engine:
        yield engine


@pytest.fixture
def executed(engine: Engine, tmp_path: Path, surroundings: dict[str, str]) -> Executed:
    """Runs the text of a workflow for an event, each run in a folder of its own."""
    folders = (tmp_path / f"run{number}" for number in itertools.count(1))

    def run(
        text: str,
        event: Event,
        *,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        server: HubServer | None = None,
        actions: Mapping[str, Action] = ACTIONS,
        given: Mapping[str, str | Job] | None = None,
        kept: Mapping[str, Path] | None = None,
        minute: float = 60.0,
    ) -> Run:
        folder = next(folders)
        for name, artifact in (kept or {}).items():  # what the jobs in `given` left behind
            shutil.copytree(artifact, folder / "artifacts" / name)
        runner = Runner(
            engine,
            folder,
            event,
            uv_cache=surroundings["UV_CACHE_DIR"],
            secrets=secrets,
            variables=variables,
            hub=server,
            actions=actions,
            minute=minute,
        )
        return runner.run(text, given=given)

    return run


@pytest.fixture
def hub(repo: Repo, tmp_path: Path) -> Path:
    """The bare repository that stands for GitHub; its main is the started project."""
    bare = tmp_path / "hub.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    repo.git("remote", "add", "origin", bare.as_uri())
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    return bare


@pytest.fixture
def proposed(repo: Repo, hub: Path, executed: Executed) -> Proposed:
    """Proposes what `repo` holds now as a pull request and runs the workflow that the change itself carries."""

    def propose(**how: object) -> Run:
        event = pull_request(repo, hub)
        text = repo.git("show", f"{event.sha}:{WORKFLOW}")
        return executed(text, event, **how)

    return propose


@pytest.fixture
def published(rendered: Rendered, surroundings: dict[str, str], tmp_path: Path) -> Repo:
    """A rendering that was never started, on a bare repository of its own: for what needs no data and no model."""
    repo = Repo(rendered(), Path(sys.executable), surroundings)
    bare = tmp_path / "published.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    repo.git("init", "--quiet", "--initial-branch=main")
    repo.git("remote", "add", "origin", bare.as_uri())
    return repo


def remote_of(repo: Repo) -> Path:
    """The bare repository that a repository pushes to."""
    return Path(repo.git("remote", "get-url", "origin").removeprefix("file://"))


def scheduled(repo: Repo) -> Event:
    """Commit all that changed and push it to main, where a schedule runs next."""
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "A change")
    repo.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/main")
    return Event(remote_of(repo), "schedule", "refs/heads/main", repo.git("rev-parse", "HEAD"))


def pull_request(repo: Repo, hub: Path) -> Event:
    """Commit and push all that changed, and make the merge with main that GitHub would check out."""
    repo.git("add", "--all")
    repo.git(*IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "A change")
    repo.git("push", "--quiet", "--force", "origin", "HEAD:refs/heads/change")
    main, head = repo.git("rev-parse", "origin/main"), repo.git("rev-parse", "HEAD")
    merge = repo.git(
        *IDENTITY, "commit-tree", "HEAD^{tree}", "-p", main, "-p", head, "-m", "Merge the change"
    )
    repo.git("push", "--quiet", "--force", "origin", f"{merge}:refs/pull/1/merge")
    return Event(hub, "pull_request", "refs/pull/1/merge", merge, base_ref="main", head_ref="change")


def succeeded(repo: Repo, *command: str) -> str:
    """Run a command of the repository that must succeed, with uv's place taken by its interpreter."""
    program = ["-m", "fearless.cli", *command[1:]] if command[0] == "fearless" else ["-m", *command]
    path = os.pathsep.join([str(repo.python.parent), repo.surroundings["PATH"]])
    done = subprocess.run(
        [str(repo.python), *program],
        cwd=repo.root,
        env=repo.environment(PATH=path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
