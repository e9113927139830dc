"""The guards that train again, each with faults that nothing cheaper sees, and with code that only looks like one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import Copied, Repo, refusal

REPEATABLE = "training is repeatable"
APART = "golden rows do not reach the model"

READ = 'return read(raw / "customers.csv")'
IMPORTS = "from fearless.api import Frame, read"


def deep(repo: Repo, *arguments: str) -> dict[str, dict[str, Any]]:
    """The guards of `check --deep` by name; `said` is all that one found, as one text."""
    before = repo.snapshot("models"), repo.snapshot("data"), repo.changes()
    result = repo.fearless("check", "--deep", "--json", *arguments)
    assert "Traceback" not in result.stdout + result.stderr, result.stderr
    content = json.loads(result.stdout)
    guards = {each["guard"]: each for each in content["guards"]}
    assert list(guards) == [REPEATABLE, APART]
    assert content["ok"] is all(each["ok"] for each in guards.values())
    assert result.returncode == (0 if content["ok"] else 1)
    assert (repo.snapshot("models"), repo.snapshot("data"), repo.changes()) == before, "it works in copies"
    for each in guards.values():
        each["said"] = " ".join(f"{found['what']} {found['fix']}" for found in each["findings"])
    return guards


def load_with(repo: Repo, lines: str) -> None:
    """Let load() change what it read by `lines`, and take the golden rows anew: without that, prepare stops."""
    repo.edit(repo.package / "data.py", IMPORTS, f"import polars as pl\n{IMPORTS}")
    repo.edit(repo.package / "data.py", READ, f'rows = read(raw / "customers.csv")\n    {lines}')
    frozen = repo.fearless("golden", "freeze", "--again")
    assert frozen.returncode == 0, frozen.stderr


@pytest.mark.parametrize("example", ["churn", "travel-delay"])
def test_both_samples_are_clean_and_the_line_says_how_far_the_proof_reaches(
    example: str, copied: Copied, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    repo = copied(request.getfixturevalue("delayed") if example == "travel-delay" else None)
    summary = tmp_path / "summary.md"
    guards = deep(repo, "--summary", str(summary))
    assert guards[REPEATABLE]["ok"], guards[REPEATABLE]["said"]
    assert guards[APART]["ok"], guards[APART]["said"]
    file = "flights.csv" if example == "travel-delay" else "customers.csv"
    assert guards[APART]["seen"].endswith(f"rows exchanged in data/raw/{file}; the model is the same")
    assert "differ by at most 0.0e+00" in guards[REPEATABLE]["seen"]
    assert all(each["seconds"] > 0 for each in guards.values())
    told = summary.read_text(encoding="utf-8")
    assert told.startswith("## ✅ Check: all 2 guards are content")
    assert all(each["seen"].split(";")[0] in told for each in guards.values())


def test_a_scale_taken_over_all_rows_is_found_and_nothing_cheaper_finds_it(repo: Repo) -> None:
    load_with(
        repo,
        'return rows.with_columns(pl.col("monthly_fee") / pl.col("monthly_fee").mean() * 50)',
    )
    trained = repo.fearless("train")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    cheap = json.loads(repo.fearless("check", "--json").stdout)
    assert [each["guard"] for each in cheap["guards"] if not each["ok"]] == []
    guards = deep(repo)
    assert guards[REPEATABLE]["ok"]
    assert "Golden rows reach the model" in guards[APART]["said"]
    assert (
        "load() in data.py gives 16,000 of 16,000 training rows another `monthly_fee`"
        in guards[APART]["said"]
    )
    assert "belongs into the estimator" in guards[APART]["said"]


def test_an_encoding_by_the_mean_target_of_all_rows_is_found(repo: Repo) -> None:
    load_with(
        repo,
        'share = (pl.col("churned") == "yes").mean().over("region")\n'
        '    return rows.with_columns(pl.col("devices").mul(0).add((share * 8).round()).cast(pl.Int64))'
        ".with_columns((10 + 100 * share).alias('monthly_fee'))",
    )
    guards = deep(repo)
    assert "training rows another `monthly_fee`" in guards[APART]["said"]


def test_a_mean_that_the_features_take_from_the_raw_file_is_found(repo: Repo) -> None:
    features = repo.package / "features.py"
    repo.edit(
        features,
        "import polars as pl",
        'import polars as pl\n\nMEAN = pl.read_csv("data/raw/customers.csv")["data_gb_30d"].mean()',
    )
    repo.edit(
        features,
        'pl.col("data_gb_30d") / pl.col("data_gb_usual")',
        'pl.col("data_gb_30d") / MEAN',
    )
    guards = deep(repo)
    assert guards[REPEATABLE]["ok"], guards[REPEATABLE]["said"]
    assert "its scores on the training rows differ by up to" in guards[APART]["said"]


def test_features_that_follow_what_the_raw_file_holds_are_found(repo: Repo) -> None:
    features = repo.package / "features.py"
    repo.edit(
        features,
        "import polars as pl",
        "import polars as pl\n\n"
        'USED = pl.read_csv("data/raw/customers.csv")["data_gb_30d"].drop_nulls().sort().tail(30).unique()',
    )
    repo.edit(
        features,
        "    return rows.select(\n",
        "    return rows.select(\n"
        '        *[(pl.col("data_gb_30d") > used).cast(pl.Int8).alias(f"over_{used}") for used in USED],\n',
    )
    said = deep(repo)[APART]["said"]
    assert "features() gives other columns" in said


def test_a_model_that_reads_the_golden_rows_is_found_even_where_raw_data_has_no_key(repo: Repo) -> None:
    repo.edit("columns.yaml", "key: [customer_id]\n", "")
    frozen = repo.fearless("golden", "freeze", "--again")
    assert frozen.returncode == 0, frozen.stderr
    guards = deep(repo)
    assert guards[APART]["ok"], guards[APART]["said"]
    assert "so load() in data.py is not proven: columns.yaml names no key" in guards[APART]["seen"]

    model = repo.package / "model.py"
    repo.edit(model, "from sklearn", "import polars as pl\nfrom sklearn")
    repo.edit(
        model,
        "    fitted: Estimator",
        '    golden = pl.read_parquet("data/golden/rows.parquet")\n'
        '    model.set_params(l2_regularization=float((golden["churned"] == "yes").mean()))\n'
        "    fitted: Estimator",
    )
    guards = deep(repo)
    assert "Golden rows reach the model: with the frozen rows alone exchanged" in guards[APART]["said"]


def test_training_that_draws_at_random_is_named_and_the_other_guard_does_not_blame_golden_rows(
    repo: Repo,
) -> None:
    repo.edit(repo.package / "model.py", "random_state=data.seed", "random_state=None, max_features=0.5")
    guards = deep(repo)
    assert "the model is another one" in guards[REPEATABLE]["said"]
    assert "random_state=data.seed" in guards[REPEATABLE]["said"]
    assert "cannot be told: trained again on the same rows" in guards[APART]["said"]
    assert "Golden rows reach the model" not in guards[APART]["said"]


@pytest.mark.parametrize(
    "seed", ['hash("model") % 1000', 'int(os.environ["OMP_NUM_THREADS"])'], ids=["hash seed", "threads"]
)
def test_what_depends_on_the_hash_seed_or_on_threads_is_named(repo: Repo, seed: str) -> None:
    model = repo.package / "model.py"
    repo.edit(model, "from fearless.api", "import os\n\nfrom fearless.api")
    repo.edit(model, "random_state=data.seed", f"random_state={seed}, max_features=0.5")
    guards = deep(repo)
    assert "another number of threads and another hash seed" in guards[REPEATABLE]["said"]
    assert guards[APART]["ok"], guards[APART]["said"]


def test_other_bytes_of_the_same_model_are_no_other_model(repo: Repo) -> None:
    (repo.package / "model.py").write_text(OWN_FORMAT, encoding="utf-8")
    guards = deep(repo)
    assert guards[REPEATABLE]["ok"], guards[REPEATABLE]["said"]
    assert guards[APART]["ok"], guards[APART]["said"]


def test_rows_that_load_does_not_take_from_the_exchanged_file_are_said_to_be_unproven(repo: Repo) -> None:
    text = (repo.root / "data" / "raw" / "customers.csv").read_text(encoding="utf-8")
    repo.write("data/elsewhere.csv", text)
    repo.edit(repo.package / "data.py", 'raw / "customers.csv"', 'raw.parent / "elsewhere.csv"')
    guards = deep(repo)
    assert guards[APART]["ok"], guards[APART]["said"]
    assert "is not proven: it does not take them from data/raw" in guards[APART]["seen"]


def test_a_load_that_refuses_exchanged_rows_is_said_to_be_unproven(repo: Repo) -> None:
    repo.edit(
        repo.package / "data.py",
        READ,
        'rows = read(raw / "customers.csv")\n'
        '    if rows["recorded_at"].n_unique() + rows["data_gb_30d"].n_unique() != EXPECTED:\n'
        '        raise ValueError("these are not our customers")\n    return rows',
    )
    file = repo.root / "data" / "raw" / "customers.csv"
    program = (
        "import polars as pl, sys; rows = pl.read_csv(sys.argv[1], infer_schema=False);"
        " print(rows['recorded_at'].n_unique() + rows['data_gb_30d'].cast(pl.Float64).n_unique())"
    )
    count = subprocess.run(
        [repo.python, "-c", program, file], check=True, capture_output=True, encoding="utf-8"
    ).stdout.strip()
    repo.edit(repo.package / "data.py", "EXPECTED", count)
    guards = deep(repo)
    assert guards[APART]["ok"], guards[APART]["said"]
    assert "is not proven: it refuses exchanged rows" in guards[APART]["seen"]
    assert "these are not our customers" in guards[APART]["seen"]


def test_golden_rows_that_decide_which_rows_are_trained_on_are_found(repo: Repo) -> None:
    load_with(repo, 'return rows.filter(pl.col("data_gb_30d") <= 2 * pl.col("data_gb_30d").mean())')
    said = deep(repo)[APART]["said"]
    assert "training rows instead of" in said
    assert "Golden rows reach the model" in said


def test_where_nothing_can_be_trained_both_guards_say_why_and_none_is_green(repo: Repo) -> None:
    repo.edit(repo.package / "model.py", "random_state=data.seed", "random_state=1 / 0")
    guards = deep(repo)
    for each in guards.values():
        assert not each["ok"]
        assert "model.py, line " in each["said"]
        assert "ZeroDivisionError" in each["said"]
    lines = repo.fearless("check", "--deep").stdout.splitlines()
    assert [line[:6] for line in lines if line.endswith(" s]")] == ["FAIL  ", "FAIL  "]


def test_a_deep_check_is_no_quick_one(repo: Repo) -> None:
    said = refusal(repo.fearless("check", "--deep", "--staged"))
    assert "--deep" in said
    assert "--staged" in said


OWN_FORMAT = '''"""A model in a format of its own, whose file holds the time of day."""

import json
import time

import numpy as np


class Line:
    def __init__(self, weights):
        self.weights = np.asarray(weights)

    def score(self, x):
        return np.clip(np.nan_to_num(x) @ self.weights / 1e6 + 0.5, 0, 1)


def train(data):
    return Line(np.nan_to_num(data.x).mean(axis=0).astype(float))


def save(model, folder):
    (folder / "line.json").write_text(json.dumps({"made": time.time_ns(), "weights": list(model.weights)}))


def load(folder):
    return Line(json.loads((folder / "line.json").read_text())["weights"])
'''
