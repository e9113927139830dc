"""The rendered DVC files, read by DVC itself in a bare git repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import Render

DATA = {"data/raw/customers.csv": "id,churned\n1,yes\n", "data/golden/rows.parquet": "golden rows\n"}


@pytest.fixture
def project(render: Render) -> Path:
    """A default rendering with git, and with raw and golden data that DVC tracks and has pushed."""
    folder = render()
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=folder, check=True)
    for name, text in DATA.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    assert dvc(folder, "add", "data/raw", "data/golden").returncode == 0
    assert dvc(folder, "push").returncode == 0
    return folder


def test_dvc_reads_three_stages_and_their_order(project: Path) -> None:
    listed = dvc(project, "stage", "list", "--name-only").stdout.split()
    assert listed == ["prepare", "train", "evaluate"]
    stages = yaml.safe_load((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    assert [stage["cmd"] for stage in stages.values()] == [f"fearless stage {name}" for name in listed]
    assert all("fearless/STAGES" in stage["deps"] for stage in stages.values())


def test_git_keeps_the_pointers_and_the_storage_but_no_data(project: Path) -> None:
    ignores = (project / "data" / ".gitignore").read_text(encoding="utf-8")
    subprocess.run(["git", "add", "--all"], cwd=project, check=True, capture_output=True)
    kept = subprocess.run(
        ["git", "ls-files"], cwd=project, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert {"data/raw.dvc", "data/golden.dvc", "data/.gitignore", ".dvc/config"} <= set(kept)
    assert not [
        name for name in kept if name.startswith(("data/raw/", "data/golden/", ".dvc/cache", ".dvc/tmp"))
    ]
    assert len([name for name in kept if name.startswith(".storage/")]) == 4
    assert ignores.count("/raw\n") == 1


def test_line_ends_of_the_storage_survive_git(project: Path, tmp_path: Path) -> None:
    (project / "data" / "raw" / "windows.csv").write_bytes(b"a,b\r\n1,2\r\n")
    assert dvc(project, "add", "data/raw").returncode == 0
    assert dvc(project, "push").returncode == 0
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", "add", "--all"], cwd=project, check=True, capture_output=True)
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "Data"], cwd=project, check=True)
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
    assert dvc(clone, "pull", "data/raw").returncode == 0
    assert (clone / "data" / "raw" / "windows.csv").read_bytes() == b"a,b\r\n1,2\r\n"


def test_a_damaged_object_in_the_storage_is_refused(project: Path, tmp_path: Path) -> None:
    damaged = [path for path in (project / ".storage").rglob("*") if path.is_file() and path.suffix != ".dir"]
    for path in damaged:
        path.chmod(0o644)
        path.write_bytes(b"tampered")
    clone = tmp_path / "clone"
    subprocess.run(["git", "add", "--all"], cwd=project, check=True, capture_output=True)
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--message", "Data"], cwd=project, check=True)
    subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
    assert dvc(clone, "pull", "data/raw").returncode != 0
    assert not (clone / "data" / "raw" / "customers.csv").exists()


def dvc(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dvc", *command], cwd=project, capture_output=True, text=True, encoding="utf-8"
    )
