"""The bar is the base's: a change cannot lower what it is judged by, and golden data changes alone."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from .conftest import Copied, Repo

TARGET = {"CI": "true", "GITHUB_BASE_REF": "main"}
LENIENT = ("min_skill: 0.35", "min_skill: 0.01")


@pytest.fixture
def change(repo: Repo) -> Repo:
    """A branch that left main, whose remote is a bare repository on disk."""
    remote = repo.root.parent / "remote.git"
    repo.git("clone", "--quiet", "--bare", ".", str(remote))
    repo.git("remote", "add", "origin", str(remote))
    repo.git("fetch", "--quiet", "origin")
    repo.git("switch", "--quiet", "--create", "change")
    return repo


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def commit(repo: Repo) -> None:
    repo.git(
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.com",
        "commit",
        "--quiet",
        "--all",
        "-m",
        "change",
    )


def test_a_change_of_nothing_that_counts_is_judged_by_the_base_and_passes(change: Repo) -> None:
    change.edit("README.md", "## Commands", "## The commands")
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 0, result.stdout + result.stderr
    assert change.report()["context"]["base"] == change.git("rev-parse", "origin/main")


def test_a_loosened_floor_that_travels_with_a_worse_model_is_refused_by_the_base_s_numbers(
    change: Repo,
) -> None:
    change.edit("gate.yaml", *LENIENT)
    change.edit("gate.yaml", "floor: 0.85", "floor: 0.5")
    change.edit("gate.yaml", "baselines: [constant, one_feature, linear]", "baselines: [constant]")
    change.edit("params.yaml", "max_iter: 60", "max_iter: 1")
    trained = change.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 1, result.stdout + result.stderr
    failed = {
        check["id"]: check["sentence"] for check in change.report()["checks"] if check["verdict"] == "FAIL"
    }
    assert {"gate.yaml.alone", "log_loss.min_skill", "log_loss.beats_linear"} <= failed.keys()
    for named in (
        "log_loss.min_skill 0.35 -> 0.01",
        "roc_auc.floor 0.85 -> 0.5",
        "baselines: linear -> gone",
    ):
        assert named in failed["gate.yaml.alone"]
    assert "params.yaml" in failed["gate.yaml.alone"]
    # The change's own numbers would have let it pass: only the base stands in the way.
    alone = change.fearless("gate", CI="true")
    assert alone.returncode == 0, alone.stdout + alone.stderr


def test_a_loosened_floor_alone_is_shown_and_judged_by_the_base(change: Repo) -> None:
    change.edit("gate.yaml", *LENIENT)
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 0, result.stdout + result.stderr
    (check,) = [each for each in change.report()["checks"] if each["id"] == "gate.yaml.alone"]
    assert "log_loss.min_skill 0.35 -> 0.01, in a change of its own" in check["sentence"]
    assert change.report()["policy"]["checks"][0]["min_skill"] == 0.35


def test_a_person_on_a_branch_is_judged_by_main_too_and_on_main_by_their_own_numbers(repo: Repo) -> None:
    repo.edit("gate.yaml", *LENIENT)
    assert repo.fearless("gate").returncode == 0
    assert repo.report()["policy"]["checks"][0]["min_skill"] == 0.01
    repo.git("switch", "--quiet", "--create", "change")
    commit(repo)
    assert repo.fearless("gate").returncode == 0
    assert repo.report()["policy"]["checks"][0]["min_skill"] == 0.35


def test_golden_data_that_changes_alone_passes_and_with_the_model_it_does_not(change: Repo) -> None:
    frozen = change.fearless("golden", "freeze", "--again", "--share", "0.25")
    assert frozen.returncode == 0, frozen.stdout + frozen.stderr
    trained = change.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "data/golden.dvc names other golden data, in a change of its own." in result.stdout + str(
        change.report()
    )

    change.edit("params.yaml", "learning_rate: 0.1 ", "learning_rate: 0.09 ")
    trained = change.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 1
    assert "data/golden.dvc names other golden data, together with params.yaml" in result.stdout


def test_an_edit_of_the_toolkit_is_named_even_with_its_digest_in_the_manifest(change: Repo) -> None:
    judge = "fearless/src/fearless/gate/wording.py"
    before = digest(change.root / judge)
    change.edit(judge, "The verdict in one sentence.", "The verdict in a sentence.")
    change.edit("fearless/MANIFEST", before, digest(change.root / judge))
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 1
    assert (
        "files differ from the base: fearless/MANIFEST, fearless/src/fearless/gate/wording.py."
        in result.stdout
    )


def test_a_shallow_clone_is_an_error_and_never_judged_by_its_own_numbers(
    change: Repo, copied: Copied
) -> None:
    change.edit("README.md", "## Commands", "## The commands")
    commit(change)
    shallow = copied()
    git_dir = change.root.parent / "shallow"
    change.git(
        "clone",
        "--quiet",
        "--bare",
        "--depth",
        "1",
        "--branch",
        "change",
        f"file://{change.root}",
        str(git_dir),
    )
    _replace_git(shallow.root, git_dir)
    result = shallow.fearless("gate", **TARGET)
    assert result.returncode == 2, result.stdout
    assert "this clone is shallow" in result.stdout
    assert shallow.report()["verdict"] == "ERROR"


def test_a_base_whose_policy_cannot_be_read_is_an_error(change: Repo) -> None:
    change.git("switch", "--quiet", "main")
    change.edit("gate.yaml", "confidence: 0.95", "confidnce: 0.95")
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "mended")
    change.edit("gate.yaml", "confidnce: 0.95", "confidence: 0.95")
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 2, result.stdout
    assert "The policy that must judge, gate.yaml of the base" in result.stdout
    assert "confidnce" in result.stdout


def test_a_base_that_does_not_exist_is_an_error(change: Repo) -> None:
    result = change.fearless("gate", "--base", "no-such-branch")
    assert result.returncode == 2
    assert "there is no common commit with no-such-branch" in result.stdout


def _replace_git(root: Path, bare: Path) -> None:
    """Give the work tree in `root` the history of the bare repository `bare`."""
    shutil.rmtree(root / ".git")
    shutil.move(bare, root / ".git")
    config = root / ".git" / "config"
    config.write_text(
        config.read_text(encoding="utf-8").replace("bare = true", "bare = false"), encoding="utf-8"
    )
