"""The one local hook, as pre-commit and as prek run it: before a commit, on what it will hold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Repo

pytestmark = pytest.mark.slow
Commit = Callable[[], subprocess.CompletedProcess[str]]


@pytest.fixture(params=["prek", "pre-commit"])
def commit(request: pytest.FixtureRequest, repo: Repo, tmp_path: Path) -> Commit:
    """Commits what is staged in a repository with its hook installed by this program."""
    environment = {**repo.surroundings, "UV_PROJECT_ENVIRONMENT": str(tmp_path / "environment")}
    beside = Path(sys.executable).parent
    program = str(next(beside.glob(f"{request.param}*")))
    subprocess.run([program, "install"], cwd=repo.root, env=environment, check=True, capture_output=True)

    def run() -> subprocess.CompletedProcess[str]:
        repo.git("add", "--all")
        return subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-m", "A change"],
            cwd=repo.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    return run


def test_a_clean_commit_passes_and_one_with_a_fault_is_refused_by_name(repo: Repo, commit: Commit) -> None:
    before = repo.git("rev-parse", "HEAD")
    repo.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    clean = commit()
    assert clean.returncode == 0, clean.stdout
    after = repo.git("rev-parse", "HEAD")
    assert after != before

    repo.write("notes.md", "<<<<<<< ours\nA\n=======\nB\n>>>>>>> theirs\n")
    repo.edit("gate.yaml", "confidence: 0.95", "confidnce: 0.95")
    (repo.package / "features.py").write_text("import os\n", "utf-8")
    refused = commit()
    assert refused.returncode == 1, refused.stdout
    for named in ("notes.md holds conflict markers", "confidnce", "F401"):
        assert named in refused.stdout
    assert repo.git("rev-parse", "HEAD") == after
