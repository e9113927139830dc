"""Renderings that really run: one is started with uv a session, and everything else works on cheap copies of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import copier
import filelock
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRATCH = ("__pycache__", "*.pyc", "*.egg-info", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv")
# What the machine that runs the tests may set, and a user's machine need not have.
OUTER = (
    "CI",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "UV",
    "UV_PROJECT_ENVIRONMENT",
    "GIT_DIR",
)
PATIENCE_S = 300


@dataclass(frozen=True)
class Repo:
    """A generated repository, with the interpreter that runs its own toolkit and its own code."""

    root: Path
    python: Path
    surroundings: Mapping[str, str] = field(repr=False)

    def fearless(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one command of the repository's toolkit, as `uv run fearless` would without the wait for uv."""
        return run(
            [str(self.python), "-m", "fearless.cli", *arguments], self.root, self.environment(**variables)
        )

    def environment(self, **variables: str) -> dict[str, str]:
        own = os.pathsep.join(str(self.root / folder) for folder in ("fearless/src", "src"))
        return {**self.surroundings, "PYTHONPATH": own, **variables}

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command,
            cwd=self.root,
            env={**self.surroundings},
            check=True,
            capture_output=True,
            encoding="utf-8",
        ).stdout.strip()

    def changes(self) -> list[str]:
        """What git calls changed or new, one line each."""
        return self.git("status", "--porcelain").splitlines()

    @property
    def package(self) -> Path:
        """The folder of the team's code."""
        return next(file.parent for file in (self.root / "src").glob("*/model.py"))

    def edit(self, path: str | Path, old: str, new: str) -> None:
        """Replace the one place where `old` stands in a file."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file.name} holds {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new), encoding="utf-8", newline="\n")

    def write(self, path: str | Path, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8", newline="\n")

    def report(self) -> dict[str, Any]:
        """What the gate wrote last."""
        text = (self.root / ".fearless" / "gate" / "report.json").read_text(encoding="utf-8")
        report: dict[str, Any] = json.loads(text)
        return report

    def snapshot(self, folder: str) -> dict[str, bytes]:
        """Every file below `folder` with its content; bytecode may come and go."""
        base = self.root / folder
        files = [file for file in base.rglob("*") if file.is_file() and file.suffix != ".pyc"]
        return {file.relative_to(base).as_posix(): file.read_bytes() for file in files}


Rendered = Callable[..., Path]
Copied = Callable[..., Repo]


def run(command: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env={**environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PATIENCE_S,
    )


def refusal(result: subprocess.CompletedProcess[str], code: int = 2, sentences: int = 1) -> str:
    """What a refused command said: one sentence `fearless: ...` and perhaps a way out, never a traceback.

    A stage that DVC runs says its own sentence, and the command that ran DVC one more.
    """
    said = result.stdout + result.stderr
    assert result.returncode == code, said
    assert "Traceback" not in said, said
    assert "fault of the toolkit" not in said, said
    assert said.count("fearless: ") == sentences, said
    return said[said.index("fearless: ") :].strip()


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a newcomer: no settings of git, an empty home, uv and git on the PATH."""
    home = tmp_path_factory.mktemp("home")
    kept = {
        name: value for name, value in os.environ.items() if name not in OUTER and not name.startswith("GIT_")
    }
    uv_cache = os.environ.get("UV_CACHE_DIR") or _uv_cache()
    return kept | {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "DVC_SITE_CACHE_DIR": str(home / "dvc-site"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "UV_CACHE_DIR": uv_cache,
        "UV_PYTHON": sys.executable,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "COLUMNS": "200",
    }


def _uv_cache() -> str:
    program = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    return subprocess.run(
        [program, "cache", "dir"], check=True, capture_output=True, encoding="utf-8"
    ).stdout.strip()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain copy of what Copier reads, so that no commit is needed."""
    copy = tmp_path_factory.mktemp("template")
    shutil.copy(ROOT / "copier.yml", copy)
    for folder in ("hooks", "template"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns(*SCRATCH))
    return copy


@pytest.fixture(scope="session")
def rendered(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Renders into a new folder, with the defaults for every question that is left out."""

    def render(**answers: str) -> Path:
        destination = tmp_path_factory.mktemp("rendered") / "project"
        copier.run_copy(str(template), destination, data=answers, defaults=True, quiet=True)
        return destination

    return render


@pytest.fixture(scope="session")
def started(
    rendered: Rendered, surroundings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Repo, str]:
    """The defaults, started with `uv run fearless start`, and what that printed. Shared by all workers."""
    with _made_once("started", tmp_path_factory) as folder:
        if not (folder / "said.txt").is_file():
            rendering = rendered()
            result = run(["uv", "run", "fearless", "start"], rendering, surroundings)
            if result.returncode != 0:
                pytest.fail(f"the first start failed: {result.stdout}{result.stderr}", pytrace=False)
            (folder / "where.txt").write_text(str(rendering), encoding="utf-8")
            (folder / "said.txt").write_text(result.stdout + result.stderr, encoding="utf-8")
    root = Path((folder / "where.txt").read_text(encoding="utf-8"))
    return Repo(root, _interpreter(root), surroundings), (folder / "said.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def delayed(
    started: tuple[Repo, str],
    rendered: Rendered,
    surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Repo:
    """The travel-delay example, started with the interpreter of `started`."""
    with _made_once("delayed", tmp_path_factory) as folder:
        if not (folder / "where.txt").is_file():
            repo = Repo(rendered(example="travel-delay"), started[0].python, surroundings)
            result = repo.fearless("start")
            assert result.returncode == 0, result.stdout + result.stderr
            (folder / "where.txt").write_text(str(repo.root), encoding="utf-8")
    root = Path((folder / "where.txt").read_text(encoding="utf-8"))
    return Repo(root, started[0].python, surroundings)


@pytest.fixture
def fresh(started: tuple[Repo, str], rendered: Rendered, surroundings: dict[str, str]) -> Copied:
    """A new rendering that was never started, run with the interpreter of `started`."""

    def make(**answers: str) -> Repo:
        return Repo(rendered(**answers), started[0].python, surroundings)

    return make


@pytest.fixture
def copied(started: tuple[Repo, str], tmp_path: Path) -> Copied:
    """A copy of a started repository without its `.venv`: of `started`, or of the one that is given."""
    count = 0

    def make(original: Repo | None = None) -> Repo:
        nonlocal count
        count += 1
        source = original or started[0]
        root = tmp_path / f"copy{count}"
        shutil.copytree(
            source.root, root, symlinks=True, ignore=shutil.ignore_patterns(".venv", "__pycache__")
        )
        return Repo(root, source.python, source.surroundings)

    return make


@pytest.fixture
def repo(copied: Copied) -> Repo:
    """One copy of the started repository."""
    return copied()


@contextlib.contextmanager
def _made_once(name: str, factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that all workers of this session share, for one of them at a time."""
    base = factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / f"made-{name}"
    with filelock.FileLock(shared / f"{name}.lock"):
        folder.mkdir(exist_ok=True)
        yield folder


def _interpreter(root: Path) -> Path:
    windows = root / ".venv" / "Scripts" / "python.exe"
    return windows if windows.is_file() else root / ".venv" / "bin" / "python"
