"""The bar is the base's: a change cannot lower what it is judged by, and golden data changes alone."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from .conftest import Copied, Repo, run

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
    report = change.report()
    assert [(each["name"], each["verdict"]) for each in report["sets"]] == [
        ("change", "PASS"),
        ("base", "PASS"),
    ]
    assert report["sets"][1]["rows"] < report["sets"][0]["rows"] == report["golden"]["rows"]
    for told in (result.stdout, form(change, "report.md"), form(change, "junit.xml")):
        assert "PASS by the golden data of this change (5,013 rows)." in told
        assert "PASS by the golden data of the base (4,000 rows)." in told
    page = form(change, "report.html")
    assert "PASS</span> by the golden data of this change (5,013 rows).</li>" in page
    assert "PASS</span> by the golden data of the base (4,000 rows).</li>" in page

    change.edit("params.yaml", "learning_rate: 0.1 ", "learning_rate: 0.09 ")
    trained = change.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 1
    assert "data/golden.dvc names other golden data, together with params.yaml" in result.stdout


def test_golden_data_on_which_the_model_looks_better_is_refused_by_that_of_the_base(change: Repo) -> None:
    """Only the rows that the model gets right are kept: by them alone it would pass."""
    _raise_the_bar(change)
    _cherry_pick(change)
    commit(change)
    assert change.fearless("gate", CI="true").returncode == 0
    result = change.fearless("gate", GITHUB_ACTIONS="true", **TARGET)
    assert result.returncode == 1, result.stdout + result.stderr
    report = change.report()
    assert [(each["name"], each["verdict"]) for each in report["sets"]] == [
        ("change", "PASS"),
        ("base", "FAIL"),
    ]
    failed = {check["id"] for check in report["checks"] if check["verdict"] == "FAIL"}
    assert failed == {"base_golden.roc_auc.floor"}
    assert "FAIL by the golden data of the base (4,000 rows)." in result.stdout
    annotations = [line for line in result.stderr.splitlines() if line.startswith("::error")]
    assert any("On the base's golden data: roc_auc is" in line for line in annotations)
    assert any("PASS by the golden data of this change" in line for line in annotations)
    assert "On the base&#x27;s golden data: roc_auc is" in form(change, "junit.xml")
    assert "❌ FAIL by the golden data of the base (4,000 rows)." in form(change, "report.md")


def test_golden_data_of_the_base_that_is_nowhere_any_more_is_an_error_and_not_left_out(
    change: Repo,
) -> None:
    old = _pointed(change)
    frozen = change.fearless("golden", "freeze", "--again", "--share", "0.25")
    assert frozen.returncode == 0, frozen.stdout + frozen.stderr
    commit(change)
    for place in (".dvc/cache", ".storage"):
        (change.root / place / "files" / "md5" / old[:2] / f"{old[2:]}.dir").unlink()
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    (said,) = change.report()["errors"]
    assert said.startswith(
        "This change brings other golden data, and that of the base must judge it too, but"
    )
    assert "neither the cache nor the storage holds all of it." in said
    assert said.endswith("Check the base out where its data is, and run `uv run dvc push`.")
    assert change.report()["checks"] == []


def test_golden_data_of_the_base_is_taken_from_the_storage_where_the_cache_lacks_it(change: Repo) -> None:
    frozen = change.fearless("golden", "freeze", "--again", "--share", "0.25")
    assert frozen.returncode == 0, frozen.stdout + frozen.stderr
    commit(change)
    shutil.rmtree(change.root / ".dvc" / "cache")
    brought = change.fearless("golden", "base", **TARGET)
    assert (brought.returncode, brought.stdout) == (
        0,
        "4,000 golden rows of the base, to judge beside those of this change.\n",
    )
    # Brought once, it is taken from its place, and where somebody altered it there, it is brought again.
    rows = change.root / ".fearless" / "golden-of-base" / "rows.parquet"
    content = rows.read_bytes()
    rows.write_bytes(content[:-9] + b"x" + content[-8:])
    assert change.fearless("golden", "base", **TARGET).returncode == 0
    assert rows.read_bytes() == content
    change.git("switch", "--quiet", "--create", "equal", "origin/main")
    same = change.fearless("golden", "base", **TARGET)
    assert same.stdout == "This change brings no other golden data.\n"


def test_rows_of_the_base_that_could_not_be_recognised_in_training_judge_nothing(change: Repo) -> None:
    frozen = change.fearless("golden", "freeze", "--again", "--share", "0.25")
    assert frozen.returncode == 0, frozen.stdout + frozen.stderr
    commit(change)
    code = """
import polars as pl
file = "data/prepared/train.parquet"
pl.read_parquet(file).with_columns(pl.col("customer_id").cast(pl.Categorical)).write_parquet(file + ".new")
"""
    done = run([str(change.python), "-c", code], change.root, change.environment())
    assert done.returncode == 0, done.stderr
    file = change.root / "data" / "prepared" / "train.parquet"
    file.unlink()
    file.with_name("train.parquet.new").rename(file)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 2, result.stdout + result.stderr
    (said,) = change.report()["errors"]
    assert said.startswith("`customer_id` is String in the golden data of the base and Categorical(")


def test_a_project_in_a_folder_of_a_larger_repository_has_a_base_with_golden_data_too(
    copied: Copied, tmp_path: Path
) -> None:
    small = copied()
    shutil.rmtree(small.root / ".git")
    shutil.rmtree(small.root / ".fearless")
    root = tmp_path / "larger" / "models" / "churn"
    shutil.move(small.root, root)
    repo = Repo(root, small.python, small.surroundings)
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    repo.git("init", "--quiet", "--initial-branch=main", str(tmp_path / "larger"))
    repo.git("add", "--all")
    repo.git(*identity, "commit", "--quiet", "-m", "All of it")
    repo.git("switch", "--quiet", "--create", "change")
    frozen = repo.fearless("golden", "freeze", "--again", "--share", "0.25")
    assert frozen.returncode == 0, frozen.stdout + frozen.stderr
    shutil.rmtree(root / ".dvc" / "cache")
    brought = repo.fearless("golden", "base")
    assert brought.stdout.startswith("4,000 golden rows of the base"), brought.stderr


def test_rows_that_the_candidate_was_trained_on_are_left_out_of_the_base_s_golden_data(change: Repo) -> None:
    frozen = change.fearless("golden", "freeze", "--again", "--share", "0.1")
    assert frozen.returncode == 0, frozen.stdout + frozen.stderr
    trained = change.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 0, result.stdout + result.stderr
    new, old = change.report()["sets"]
    assert old["rows"] == new["rows"] < 4000
    assert (
        f"{4000 - old['rows']:,} more are left out, since the candidate was trained on them"
        in old["sentence"]
    )


def test_what_the_change_s_own_gate_yaml_would_say_is_shown_and_counts_for_nothing(change: Repo) -> None:
    change.edit("gate.yaml", "floor: 0.85", "floor: 0.99")
    commit(change)
    result = change.fearless("gate", GITHUB_ACTIONS="true", **TARGET)
    assert result.returncode == 0, result.stdout + result.stderr
    report = change.report()
    assert (report["verdict"], report["trial"]["verdict"]) == ("PASS", "FAIL")
    assert result.stdout.startswith("PASS: ")
    told = "Not in force: The gate.yaml of this change would say FAIL on this golden data, and does not count before"
    assert told in result.stdout
    differs = (
        "roc_auc.floor: PASS (asked: 0.85) by the gate.yaml that judges,"
        " FAIL (asked: 0.99) by that of this change."
    )
    assert report["trial"]["differs"] == [differs]
    assert differs in result.stdout
    folded = form(change, "report.md").partition("<details>")
    assert "would say" not in folded[0]
    assert differs in folded[2]
    assert differs in form(change, "report.html")
    for counted in (form(change, "junit.xml"), result.stderr):
        assert "0.99" not in counted


def test_a_gate_yaml_that_could_not_judge_is_told_before_it_counts(change: Repo) -> None:
    change.write(
        "gate.yaml",
        (change.root / "gate.yaml").read_text("utf-8") + "slices: {by: [no_such_column]}\n",
    )
    commit(change)
    result = change.fearless("gate", **TARGET)
    assert result.returncode == 0, result.stdout + result.stderr
    trial = change.report()["trial"]
    assert trial["verdict"] == "ERROR"
    assert "the golden data has no column `no_such_column`" in trial["sentence"]


def test_the_same_gate_yaml_is_not_tried(change: Repo) -> None:
    change.write("gate.yaml", (change.root / "gate.yaml").read_text("utf-8") + "# a word more\n")
    commit(change)
    assert change.fearless("gate", **TARGET).returncode == 0
    assert change.report()["trial"] is None


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


def form(repo: Repo, name: str) -> str:
    """One form of the last report."""
    return (repo.root / ".fearless" / "gate" / name).read_text(encoding="utf-8")


def _pointed(repo: Repo) -> str:
    """The digest that data/golden.dvc names, without its ending."""
    text = (repo.root / "data" / "golden.dvc").read_text(encoding="utf-8")
    return text.partition("md5: ")[2].partition(".dir")[0]


def _raise_the_bar(change: Repo) -> None:
    """Let main ask for more than the model has."""
    change.git("switch", "--quiet", "main")
    change.edit("gate.yaml", "floor: 0.85", "floor: 0.95")
    commit(change)
    change.git("push", "--quiet", "origin", "main")
    change.git("switch", "--quiet", "--create", "flattering")


def _cherry_pick(repo: Repo) -> None:
    """Golden data without the rows on which the candidate errs most."""
    code = """
import hashlib, json, os
from pathlib import Path
import numpy as np
from fearless.core import dvc
from fearless.core.project import Project
from fearless.columns.dictionary import load
from fearless.columns.frame import target_of
from fearless.golden.frozen import open_golden
from fearless.model.artifact import open_model

project = Project.find()
golden = open_golden(project)
y = target_of(golden.rows, load(project.root))
wrong = np.abs(y - open_model(project.candidate, "models/candidate", project).score_rows(golden.rows))
kept = golden.rows.filter(wrong < np.quantile(wrong, 0.9))
file = project.golden / "rows.parquet"
file.unlink()
kept.write_parquet(file)
record = project.golden / "golden.json"
content = json.loads(record.read_text()) | {
    "rows": kept.height, "rows_sha256": hashlib.sha256(file.read_bytes()).hexdigest()
}
record.unlink()
record.write_text(json.dumps(content))
dvc.add(["data/golden"], project.root)
"""
    done = run([str(repo.python), "-c", code], repo.root, repo.environment())
    assert done.returncode == 0, done.stdout + done.stderr


def _replace_git(root: Path, bare: Path) -> None:
    """Give the work tree in `root` the history of the bare repository `bare`."""
    shutil.rmtree(root / ".git")
    shutil.move(bare, root / ".git")
    config = root / ".git" / "config"
    config.write_text(
        config.read_text(encoding="utf-8").replace("bare = true", "bare = false"), encoding="utf-8"
    )
