"""Each guard of `fearless check` with a fault that turns exactly it red; independent faults share one run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl

from .conftest import Copied, Repo

COLUMNS = "every column is described (columns.yaml)"
POLICY = "the policy can be read (gate.yaml)"
QUESTION = "the question can be read (QUESTION.md)"
SCHEMA = "the data is as columns.yaml says"
KNOWN = "features use only what is known at prediction time"
POINTER = "golden data equals its pointer (data/golden.dvc)"
ALONE = "features of a row depend on that row alone"
STORED = "what git names lies in the storage (.storage)"
OVERLAP = "no golden row is in the training data"
GROUPS = "no group is on both sides"
ORDER = "training data ends before the golden data begins"
UNEDITED = "the template's files equal fearless/MANIFEST"
UNFIT = "no conflict markers, large files or secrets in git"
LINT = "lint (ruff)"
TESTS = "tests (pytest)"
ALL = {
    *(COLUMNS, POLICY, QUESTION, SCHEMA, KNOWN, ALONE, POINTER, STORED, OVERLAP, GROUPS, ORDER),
    *(
        UNEDITED,
        "this change weakens none of its judges",
        "what this change releases was judged and agreed",
        "the toolkit that runs is the one in fearless/",
        UNFIT,
        LINT,
        TESTS,
    ),
}


def red(repo: Repo, *arguments: str) -> dict[str, str]:
    """The guards that found something, with all that they say."""
    result = repo.fearless("check", "--json", *arguments)
    assert "Traceback" not in result.stdout + result.stderr, result.stderr
    content = json.loads(result.stdout)
    assert content["version"] == 1
    found = {guard["guard"]: guard["findings"] for guard in content["guards"] if not guard["ok"]}
    assert content["ok"] is (not found)
    assert result.returncode == (1 if found else 0), result.stderr
    assert all(each["what"] for findings in found.values() for each in findings)
    return {
        name: " ".join(f"{each['what']} {each['fix']}" for each in findings)
        for name, findings in found.items()
    }


def names(repo: Repo, *arguments: str) -> set[str]:
    return {
        guard["guard"] for guard in json.loads(repo.fearless("check", "--json", *arguments).stdout)["guards"]
    }


def train_rows(repo: Repo) -> Path:
    return repo.root / "data" / "prepared" / "train.parquet"


def test_a_clean_repository_is_green_in_every_guard(repo: Repo) -> None:
    assert red(repo) == {}
    assert names(repo) == ALL


def test_faults_in_policy_features_pointer_toolkit_and_tests_are_each_found(repo: Repo) -> None:
    repo.edit("gate.yaml", "floor_mode: confident", "floor_mode: sure")
    features = repo.package / "features.py"
    repo.edit(features, '    "calls_90d",\n', '    "calls_90d",\n    "calls_total",\n')
    repo.edit(
        "tests/test_model_code.py", '"calls_90d": [0, 4],', '"calls_90d": [0, 4], "calls_total": [0, 9],'
    )
    pointer = repo.root / "data" / "golden.dvc"
    lines = pointer.read_text(encoding="utf-8").splitlines()
    changed = [f"- md5: {'0' * 32}.dir" if "md5:" in line and ".dir" in line else line for line in lines]
    pointer.write_text("\n".join(changed) + "\n", encoding="utf-8")
    repo.edit("fearless/STAGES", "1", "2")
    repo.write("fearless/ours.py", "")
    repo.edit("QUESTION.md", "horizon: 90 days\n", "")
    repo.write("tests/test_more.py", "def test_that_fails():\n    assert 1 == 2\n")

    found = red(repo)

    assert found.keys() == {POLICY, QUESTION, KNOWN, POINTER, UNEDITED, LINT, TESTS}
    assert "floor_mode" in found[POLICY]
    assert "QUESTION.md: the key `horizon` is missing." in found[QUESTION]
    assert "features.py, line " in found[KNOWN]
    assert "`calls_total`" in found[KNOWN]
    assert "uv run dvc checkout data/golden.dvc" in found[POINTER]
    assert "fearless/STAGES belongs to the template and was edited" in found[UNEDITED]
    assert "fearless/ours.py stands among the template's files" in found[UNEDITED]
    assert "test_that_fails" in found[TESTS]
    assert "ruff format" in found[LINT], "the line of the test data above is badly formatted"


def test_a_feature_of_all_rows_and_a_model_that_was_not_pushed_are_found(repo: Repo) -> None:
    repo.edit("params.yaml", "max_iter: 60", "max_iter: 61")
    trained = repo.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    assert "uv run dvc push`, and commit .storage with dvc.lock" in trained.stdout
    assert red(repo) == {}, "an experiment need not be pushed"
    repo.git(
        "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--all", "-m", "61"
    )
    features = repo.package / "features.py"
    repo.edit(
        features,
        '(pl.col("fee_change") / pl.col("monthly_fee"))',
        '(pl.col("fee_change") / pl.col("monthly_fee").mean())',
    )
    found = red(repo)
    assert {ALONE, STORED} <= found.keys() <= {ALONE, STORED, TESTS}
    assert "`fee_change_share`" in found[ALONE]
    assert "models/candidate would be missing in a clone" in found[STORED]
    assert "the column" not in repo.fearless("train").stderr
    assert "`fee_change_share`" in repo.fearless("train").stderr


def test_faults_in_data_order_git_and_lint_are_each_found(repo: Repo) -> None:
    rows = pl.read_parquet(train_rows(repo))
    late = rows.head(3).with_columns(
        pl.Series("customer_id", ["X1", "X2", "X3"]), observed_at=pl.lit("2030-01-01").str.to_date()
    )
    pl.concat([rows, late]).write_parquet(train_rows(repo))
    repo.edit("columns.yaml", "range: [0, 200]", "range: [0, 2]")
    repo.write("src/fearless_model/notes.txt", "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n")
    repo.write("ops/key.txt", "-----BEGIN " + "PRIVATE KEY-----\n")
    (repo.root / "ops" / "big.bin").write_bytes(b"\0" * 1_100_000)
    repo.git("add", "--all", "--", "ops", "src")
    repo.edit(repo.package / "data.py", "from pathlib import Path\n", "import os\nfrom pathlib import Path\n")
    repo.write(
        "ops/checklist.yaml",
        'version: 1\nitems:\n  - {id: T01, title: "Passes", run: [git, --version]}\n'
        '  - {id: T02, title: "Fails", run: [git, no-such-command]}\n',
    )

    found = red(repo)

    assert found.keys() == {SCHEMA, ORDER, UNFIT, LINT, "T02 Fails"}
    assert "`devices` is " in found[SCHEMA]
    assert "outside its range [0, 2]" in found[SCHEMA]
    assert "3 training rows are from observed_at" in found[ORDER]
    assert "src/fearless_model/notes.txt holds conflict markers" in found[UNFIT]
    assert "ops/key.txt holds what looks like a private key" in found[UNFIT]
    assert "ops/big.bin has 1074 KB, too large for git" in found[UNFIT]
    assert "src/fearless_model/data.py:" in found[LINT]
    assert "F401" in found[LINT]
    assert "T01 Passes" in names(repo)


def test_golden_rows_in_the_training_data_are_found_by_key(repo: Repo) -> None:
    rows = pl.read_parquet(train_rows(repo))
    golden = pl.read_parquet(repo.root / "data" / "golden" / "rows.parquet")
    first = golden["customer_id"][0]
    disguised = rows.with_columns(
        customer_id=pl.when(pl.int_range(pl.len()) == 5).then(pl.lit(first)).otherwise("customer_id")
    )
    disguised.write_parquet(train_rows(repo))
    shutil.rmtree(repo.root / "tests")
    (repo.root / "ops" / "checklist.yaml").write_text("version: 1\nitems: [{id: one}]\n", encoding="utf-8")

    found = red(repo)

    assert found.keys() == {OVERLAP, TESTS, "the team's own items (ops/checklist.yaml)"}
    assert "1 golden rows are in the training data" in found[OVERLAP]
    assert first in found[OVERLAP]
    assert "fearless train" in found[OVERLAP]
    assert "no test" in found[TESTS]


def test_a_group_with_rows_on_both_sides_is_found(fresh: Copied) -> None:
    repo = fresh(example="none", target_column="spent")
    (repo.root / "data" / "raw").mkdir(parents=True)
    lines = [
        f"{shop},{day},{(shop * 7 + day * 3) % 11},{shop + day}" for shop in range(60) for day in range(4)
    ]
    repo.write("data/raw/shops.csv", "shop,day,visits,spent\n" + "\n".join(lines) + "\n")
    repo.write(
        "columns.yaml",
        "version: 1\ntask: regression\ntarget: spent\nkey: [shop, day]\ngroup: shop\ncolumns:\n"
        + "".join(
            f"  {name}: {{type: integer, description: What was {name}ed or counted,"
            f" known_at_prediction: {'false' if name == 'spent' else 'true'}}}\n"
            for name in ("shop", "day", "visits", "spent")
        ),
    )
    repo.git("init", "--quiet")
    for command in (("golden", "freeze"), ("stage", "prepare")):
        result = repo.fearless(*command)
        assert result.returncode == 0, result.stdout + result.stderr
    assert GROUPS not in red(repo)
    rows = pl.read_parquet(train_rows(repo))
    golden = pl.read_parquet(repo.root / "data" / "golden" / "rows.parquet")
    assert not set(rows["shop"]) & set(golden["shop"]), "a shop is on one side"

    guilty = golden["shop"][0]
    one = rows.head(1).with_columns(pl.Series("shop", [guilty]), pl.Series("day", [99]))
    pl.concat([rows, one]).write_parquet(train_rows(repo))

    assert f"The shop {guilty} has rows in training and in the golden data" in red(repo)[GROUPS]


def test_each_gap_of_the_dictionary_is_named(repo: Repo) -> None:
    repo.edit("columns.yaml", "Sales region of the address where the line ends", "TODO")
    repo.edit(
        "columns.yaml", "    reason: it is written after the day of prediction, when the row is loaded\n", ""
    )
    found = red(repo)
    assert "the column `region` has no meaningful description" in found[COLUMNS]
    assert "the column `recorded_at` is not known at prediction time and gives no reason" in found[COLUMNS]
    assert not found.keys() & {POLICY, UNEDITED, UNFIT, LINT, TESTS}


def test_a_missing_model_or_golden_data_is_a_finding_and_no_crash(repo: Repo) -> None:
    shutil.rmtree(repo.root / "data" / "golden")
    shutil.rmtree(repo.root / "data" / "prepared")
    found = red(repo)
    assert "uv run dvc pull" in found[POINTER]
    assert not found.keys() & {COLUMNS, POLICY, QUESTION, UNEDITED, UNFIT, LINT, TESTS}
    said = repo.fearless("check").stdout
    assert said.count("There is no golden data") == 1
    assert said.count("        (as above)\n") == len(found) - 1


def test_staged_reads_what_is_staged_and_not_the_work_tree(repo: Repo) -> None:
    repo.write("ops/notes.txt", "glpat-" + "a" * 24 + "\n")
    clean = (repo.package / "data.py").read_text(encoding="utf-8")
    repo.write(repo.package / "data.py", "import os\n" + clean)
    repo.git("add", "ops/notes.txt", "src")
    repo.write("ops/notes.txt", "clean\n")
    repo.write(repo.package / "data.py", clean)
    found = red(repo, "--staged")
    assert found.keys() == {"no conflict markers, large files or secrets", LINT}
    assert "data.py:1:8: F401" in found[LINT]


def test_staged_looks_at_the_next_commit_only(repo: Repo) -> None:
    assert red(repo, "--staged") == {}
    repo.write("ops/notes.txt", "glpat-" + "a" * 24 + "\n")
    repo.write("ops/other.txt", "<<<<<<< not staged\n")
    repo.edit(repo.package / "data.py", "from pathlib import Path\n", "import os\nfrom pathlib import Path\n")
    assert red(repo, "--staged") == {}
    repo.git("add", "ops/notes.txt", "src")
    found = red(repo, "--staged")
    assert found.keys() == {"no conflict markers, large files or secrets", LINT}
    assert (
        "ops/notes.txt holds what looks like a GitLab token"
        in found["no conflict markers, large files or secrets"]
    )
    assert "other.txt" not in str(found)


def test_the_terminal_shows_a_line_for_each_guard_and_the_way_out(repo: Repo) -> None:
    repo.edit("gate.yaml", "version: 1", "version: 9")
    result = repo.fearless("check", "--staged")
    assert result.returncode == 1
    assert f"ok    {COLUMNS}" in result.stdout
    assert f"FAIL  {POLICY}\n        gate.yaml" in result.stdout
    assert "        -> " in result.stdout
    assert "1 of 5 guards found something." in result.stdout
