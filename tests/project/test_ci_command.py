"""`fearless ci` says what the pipeline will say: of the last commit, in a clone that has nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fearless.core.evidence import content_digest
from fearless.core.project import Project

from .conftest import Copied, Repo, refusal

SERVICE = {"GITHUB_ACTIONS": "true", "FEARLESS_RESULT": "success"}
ALONE = """\
import os
from pathlib import Path


def test_this_machine_is_not_here():
    assert not {"GITHUB_ACTIONS", "FEARLESS_RESULT"} & set(os.environ)
    assert not (Path.home() / ".secret").exists()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path) -> Path:
    """The folder in which a command makes its temporary ones."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def commit(repo: Repo, message: str = "A change") -> None:
    repo.git("add", "--all")
    repo.git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", message)


def ci(repo: Repo, temporary: Path, code: int, *arguments: str, **variables: str) -> str:
    result = repo.fearless("ci", *arguments, TMPDIR=str(temporary), **variables)
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout


def evidence(repo: Repo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((repo.root / "ops/evidence/ci.json").read_text(encoding="utf-8"))
    return found


def codes(repo: Repo) -> list[int | None]:
    return [each["code"] for each in evidence(repo)["details"]["commands"]]


def test_a_good_change_is_judged_from_its_base_and_the_proof_is_kept(repo: Repo, temporary: Path) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.git("switch", "--quiet", "--create", "change")
    repo.write("tests/test_alone.py", ALONE)
    (Path(repo.surroundings["HOME"]) / ".secret").write_text("of this machine", encoding="utf-8")
    commit(repo)
    repo.write("notes.txt", "not part of it")
    said = ci(repo, temporary, 0, **SERVICE)
    assert f"uv run --locked fearless check --change --base {base[:12]}\n      ok" in said
    assert "not committed: notes.txt." in said
    assert "The pipeline would be content with" in said
    assert list(temporary.glob("fearless-*")) == []

    proof = evidence(repo)
    assert (proof["what"], proof["source"], proof["passed"]) == ("ci", "local", True)
    assert proof["commit"] == repo.git("rev-parse", "HEAD")
    assert proof["content"] == content_digest(Project(repo.root))
    assert proof["details"]["base"] == base
    assert codes(repo) == [0] * 6
    (repo.root / "notes.txt").unlink()
    commit(repo, "The proof is kept with what it proves")
    assert proof["content"] == content_digest(Project(repo.root))


def test_a_file_that_was_never_committed_turns_it_red(repo: Repo, temporary: Path) -> None:
    repo.write(repo.package.relative_to(repo.root) / "ours.py", '"""Ours."""\n\nROUNDS = 50\n')
    tests = repo.root / "tests" / "test_ours.py"
    name = repo.package.name
    tests.write_text(
        f"from {name}.ours import ROUNDS\n\n\ndef test_it():\n    assert ROUNDS == 50\n", "utf-8"
    )
    assert repo.fearless("check").returncode == 0
    repo.git("add", "tests")
    repo.git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "Half")
    said = ci(repo, temporary, 1)
    assert "--- uv run --locked fearless check said" in said
    assert "tests/test_ours.py" in said
    assert f"because it is not committed: src/{name}/ours.py." in said
    assert codes(repo) == [0, 0, 0, 1, 0, 0]  # what judges beside it is run all the same
    assert evidence(repo)["passed"] is False


def test_a_forgotten_push_turns_it_red(repo: Repo, temporary: Path) -> None:
    repo.edit("params.yaml", "max_iter: 60", "max_iter: 50")
    trained = repo.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    commit(repo)
    result = repo.fearless("ci", TMPDIR=str(temporary))
    assert "models/candidate" in result.stdout
    assert "never pushed: what is named above. Run `uv run dvc push`, and commit .storage." in result.stdout
    assert result.returncode == codes(repo)[2] != 0
    assert evidence(repo)["passed"] is False
    assert codes(repo)[3:] == [None, None, None]
    assert list(temporary.glob("fearless-*")) == []


def test_a_bar_that_is_lowered_with_the_model_is_refused_before_it_is_pushed(
    repo: Repo, temporary: Path
) -> None:
    repo.git("switch", "--quiet", "--create", "change")
    repo.edit("gate.yaml", "min_skill: 0.35", "min_skill: 0.01")
    repo.edit("params.yaml", "learning_rate: 0.1 ", "learning_rate: 0.09 ")
    assert repo.fearless("train").returncode == 0
    push(repo)
    commit(repo)
    said = ci(repo, temporary, 1, "--keep")
    assert "log_loss.min_skill 0.35 -> 0.01, together with" in said
    (kept,) = temporary.glob("fearless-ci-*")
    assert f"The clone is kept: {kept / 'clone'}" in said
    assert codes(repo)[1] == 1
    assert codes(repo)[-1] == 1


def push(repo: Repo) -> None:
    subprocess.run(
        [str(repo.python), "-m", "dvc", "push", "--quiet"], cwd=repo.root, env=repo.environment(), check=True
    )


def test_without_a_commit_there_is_nothing_to_clone(fresh: Copied) -> None:
    assert "has no commit yet" in refusal(fresh().fearless("ci"))
