"""Releases for tests of what comes after them: made by the toolkit's own functions, without the checklist before."""

from __future__ import annotations

from pathlib import Path

from .conftest import Repo, run

RELEASE = """
import sys
from fearless.core.project import Project
from fearless.pipeline.judge import judge_candidate
from fearless.ship.release import merge, plan_release, prepare
project = Project.find()
plan = plan_release(project)
prepared = prepare(project, plan, judge_candidate(project, "release"), [], {}, *sys.argv[1:])
merge(project, prepared, plan)
print(prepared.release.release, prepared.release.model_sha256)
"""


def released(repo: Repo, break_glass: str = "") -> tuple[str, str]:
    """Release the candidate and merge it; returns its name and the digest of its model."""
    done = run([str(repo.python), "-c", RELEASE, break_glass], repo.root, repo.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    name, digest = done.stdout.split()[-2:]
    return name, digest


def another_candidate(repo: Repo, trees: int, trainer: Repo | None = None) -> None:
    """Train a model of another size and commit it with what a clone needs.

    `trainer` has the interpreter to train with, where that of `repo` does not hold the toolkit's program.
    """
    params = repo.root / "params.yaml"
    lines = params.read_text(encoding="utf-8").splitlines(keepends=True)
    (place,) = [number for number, line in enumerate(lines) if line.strip().startswith("max_iter:")]
    indent = lines[place][: len(lines[place]) - len(lines[place].lstrip())]
    lines[place] = f"{indent}max_iter: {trees}\n"
    params.write_text("".join(lines), encoding="utf-8", newline="\n")
    python = trainer.python if trainer else repo.python
    trained = Repo(repo.root, python, repo.surroundings).fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    pushed = run([str(repo.python), "-m", "dvc", "push", "--quiet"], repo.root, repo.environment())
    assert pushed.returncode == 0, pushed.stderr
    commit(repo, f"{trees} trees")


def commit(repo: Repo, message: str) -> None:
    repo.git("add", "--all")
    repo.git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", message)


def damage(file: Path) -> None:
    """Turn one bit of the last byte; DVC may have linked the file to its cache, so another one takes its place."""
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
