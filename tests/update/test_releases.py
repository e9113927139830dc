"""The table of releases names commits that are in this history, and each says its own version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import releases

MISSING = "0" * 40


def test_every_release_is_a_commit_of_this_history_that_says_its_version() -> None:
    table = releases.releases()
    if not table:
        print("releases.yaml holds no release yet: HEAD stands for 0.1.0")
    assert releases.problems(table, releases.ROOT) == []


@pytest.fixture
def history(tmp_path: Path) -> tuple[Path, str]:
    """A repository with one commit, which says that it is 0.1.0."""
    toolkit = tmp_path / releases.TOOLKIT
    toolkit.parent.mkdir(parents=True)
    toolkit.write_text('[project]\nversion = "0.1.0"\n', encoding="utf-8")
    author = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    for command in (["init", "--quiet"], ["add", "."], [*author, "commit", "--quiet", "-m", "One"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    return tmp_path, head.stdout.strip()


def test_a_right_line_is_no_problem(history: tuple[Path, str]) -> None:
    assert releases.problems({"0.1.0": history[1]}, history[0]) == []


@pytest.mark.parametrize(
    ("version", "commit", "told"),
    [
        ("0.1.0", MISSING, "full history"),
        ("0.1.0", "v0.1.0", "not the full digest"),
        ("0.2.0", "HEAD", "says 0.1.0"),
    ],
)
def test_a_wrong_line_is_named(history: tuple[Path, str], version: str, commit: str, told: str) -> None:
    folder, head = history
    (problem,) = releases.problems({version: head if commit == "HEAD" else commit}, folder)
    assert version in problem
    assert told in problem


def test_a_release_out_of_order_is_named(history: tuple[Path, str]) -> None:
    folder, head = history
    found = releases.problems({"0.10.0": head, "0.9.0": head}, folder)
    assert "not in order" in found[0]
