"""A proof belongs to a content, not to a commit: what is recorded of it does not change it, and anything else does."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearless.core.digest import sha256_text
from fearless.core.errors import FearlessError
from fearless.core.evidence import Evidence, content_digest, prove, read, write
from fearless.core.project import Project


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *author, *arguments], cwd=folder, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout.strip()


def commit(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "One more")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project in a folder of a larger repository."""
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, other="1", ours__b="b", ours__a="ä", ours__src__m="m")
    return Project(tmp_path / "ours")


def test_the_digest_is_that_of_the_sorted_lines_of_git_s_listing(project: Project) -> None:
    blobs = {name: git(project.root, "hash-object", name) for name in ("a", "b", "src/m")}
    lines = [f"100644 {name} {blob}\n" for name, blob in blobs.items()]
    assert content_digest(project) == sha256_text("".join(sorted(lines)))


def test_records_dates_and_neighbours_leave_the_digest_and_content_and_modes_change_it(
    project: Project,
) -> None:
    first = content_digest(project)
    commit(project.root, ops__evidence__x="1", ops__reports__y="2")
    commit(project.root.parent, other="2")
    (project.root / "b").write_text("not committed", encoding="utf-8")
    assert content_digest(project) == first
    git(project.root, "checkout", "--quiet", "b")
    git(project.root, "update-index", "--chmod=+x", "b")
    git(project.root, "commit", "--quiet", "-m", "Mode")
    mode = content_digest(project)
    git(project.root, "mv", "a", "c")
    git(project.root, "commit", "--quiet", "-m", "Name")
    assert len({first, mode, content_digest(project)}) == 3
    assert content_digest(project, "HEAD~2") == first


def test_a_proof_is_read_as_it_was_written(project: Project) -> None:
    made = prove(project, "ci", passed=True, source="local", details={"commands": [{"code": None}]})
    assert made.commit == git(project.root, "rev-parse", "HEAD")
    assert made.content == content_digest(project)
    age = datetime.now(UTC) - datetime.strptime(made.at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert -1 <= age.total_seconds() < 60
    path = write(project, made)
    assert path == project.root / "ops/evidence/ci.json"
    assert json.loads(path.read_text(encoding="utf-8"))["version"] == 1
    assert read(project, "ci") == made
    assert read(project, "drill") is None
    assert [file.name for file in path.parent.iterdir()] == ["ci.json"]


@given(
    details=st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists), max_size=3
    )
)
def test_any_details_come_back(tmp_path_factory: pytest.TempPathFactory, details: dict[str, object]) -> None:
    project = Project(tmp_path_factory.mktemp("project"))
    made = Evidence("x", False, "simulated", "2026-01-01T00:00:00Z", "c", "d", "0.1.0", details)
    write(project, made)
    assert read(project, "x") == made


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"version": 1', '"version": 2', "its version is 2, and this toolkit reads 1"),
        ('"passed": true', '"passed": "yes"', "`passed` must be true or false"),
        ('"source": "local"', '"source": "rumour"', "`source` must be one of ci, local, simulated"),
        ('"what": "ci"', '"what": "gate"', "it speaks of `gate`"),
        ('"toolkit"', '"toolbox"', "its keys are not version, what, passed"),
        ("{", "[", "it is not JSON"),
    ],
)
def test_a_damaged_proof_proves_nothing(project: Project, old: str, new: str, told: str) -> None:
    path = write(project, prove(project, "ci", passed=True, source="local", details={}))
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(FearlessError) as error:
        read(project, "ci")
    assert told in error.value.what
    assert "fearless ci" in error.value.fix


def test_a_name_cannot_lead_out_of_the_folder(project: Project) -> None:
    with pytest.raises(FearlessError, match="names no evidence"):
        read(project, "../../x")
