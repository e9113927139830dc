"""The road of a user with an own CSV: render with `none`, draft the dictionary, finish it, start.

The data is scikit-learn's breast cancer (569 rows, two classes) and diabetes (442 rows, a number): real, small
and not made for this template.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from sklearn.datasets import load_breast_cancer, load_diabetes

from .conftest import Copied, Repo, refusal, run


def tumours(file: Path) -> None:
    """569 tumours, 30 measurements each, diagnosed in words."""
    given = load_breast_cancer()
    rows = pl.DataFrame(given.data, schema=list(given.feature_names))
    words = [str(given.target_names[number]) for number in given.target]
    rows.with_columns(diagnosis=pl.Series(words)).write_csv(file)


def progressions(file: Path) -> None:
    """442 patients, 10 measurements each in their own units, and a score of the disease a year later."""
    given = load_diabetes(scaled=False)
    rows = pl.DataFrame(given.data, schema=list(given.feature_names))
    rows.with_columns(target=pl.Series(given.target)).write_csv(file)


LOGISTIC = '''"""The model: a logistic regression, since it beats boosted trees on so few rows."""

from fearless.api import Estimator, Training
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(data: Training) -> Estimator:
    """Fit the classifier on measurements of one scale."""
    fitted: Estimator = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(data.x, data.y)
    return fitted
'''
LOGISTIC_TEST = '''"""What the model must always do."""

import numpy as np
from fearless.api import Training

from fearless_model.model import train


def test_the_probability_follows_the_target():
    x = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.float64)
    data = Training(x=x, y=y, names=("first", "second"), params={}, seed=1, task="binary")
    assert train(data).predict_proba(x)[y == 1, 1].mean() > 0.8
'''
SETS = {"diagnosis": tumours, "target": progressions}


def drafted(fresh: Copied, target: str) -> Repo:
    repo = fresh(example="none", target_column=target)
    raw = repo.root / "data" / "raw"
    raw.mkdir(parents=True)
    SETS[target](raw / "patients.csv")
    result = repo.fearless("columns", "draft", "data/raw/patients.csv")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "replace each TODO" in result.stdout
    return repo


def finished(repo: Repo) -> None:
    """Replace each TODO, as a person would with more thought."""
    path = repo.root / "columns.yaml"
    name = ""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"  (\S.*):", line):
            name = str(yaml.safe_load(found.group(1)))
        if "description: TODO" in line:
            line = f"    description: Measured by the clinic as it is usual, named {name} there"
        if line.startswith("positive: "):
            line = "positive: malignant"
        lines.append(line.replace("    # TODO is it? Delete this remark when you are sure", ""))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("target", SETS)
def test_a_csv_becomes_a_gated_model(target: str, fresh: Copied) -> None:
    repo = drafted(fresh, target)
    said = refusal(repo.fearless("start"))
    assert "columns.yaml: the column `" in said
    assert "no meaningful description" in said
    assert not (repo.root / "data" / "golden").exists(), "nothing is frozen before the columns have a meaning"
    shown = repo.fearless("columns", "show")
    assert shown.returncode == 1
    assert "open: " in shown.stdout

    finished(repo)
    started = repo.fearless("start")

    report = repo.report()
    assert started.returncode == report["exit_code"], started.stdout + started.stderr
    assert report["golden"]["rows"] > 60
    assert repo.changes() == []
    assert repo.git("log", "--format=%s") == "Start: golden data, baseline and gate"
    assert repo.fearless("golden", "verify").returncode == 0
    if target == "target":
        assert report["verdict"] in ("PASS", "INCONCLUSIVE"), report["summary"]
    else:
        _simpler_is_better(repo, report)
        pushed = run([str(repo.python), "-m", "dvc", "push", "--quiet"], repo.root, repo.environment())
        assert pushed.returncode == 0, pushed.stderr
        repo.git("add", "--all")
    checked = repo.fearless("check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _simpler_is_better(repo: Repo, report: dict[str, Any]) -> None:
    """On 435 tumours a logistic regression beats the boosted trees: the gate says so, and its advice passes."""
    verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
    assert [name for name, verdict in verdicts.items() if verdict == "FAIL"] == ["log_loss.beats_linear"]
    assert "A simpler model does as well or better: ship that one" in " ".join(report["next"])
    (repo.package / "model.py").write_text(LOGISTIC, encoding="utf-8")
    (repo.root / "tests" / "test_model_code.py").write_text(LOGISTIC_TEST, encoding="utf-8")
    repo.edit("gate.yaml", "baselines: [constant, one_feature, linear]", "baselines: [constant, one_feature]")
    for command in ("train", "gate"):
        result = repo.fearless(command)
        assert result.returncode == 0, result.stdout + result.stderr
    assert repo.report()["verdict"] == "PASS"


def test_the_draft_reads_types_and_the_task_off_the_data(fresh: Copied) -> None:
    repo = drafted(fresh, "diagnosis")
    content = yaml.safe_load((repo.root / "columns.yaml").read_text(encoding="utf-8"))
    assert (content["task"], content["target"]) == ("binary", "diagnosis")
    assert content["positive"] == "TODO which of benign and malignant is predicted", "neither word says yes"
    assert len(content["columns"]) == 31
    assert {column["type"] for name, column in content["columns"].items() if name != "diagnosis"} == {
        "number"
    }
    assert content["columns"]["diagnosis"]["levels"] == ["benign", "malignant"]
    assert content["columns"]["diagnosis"]["known_at_prediction"] is False

    other = drafted(fresh, "target")
    content = yaml.safe_load((other.root / "columns.yaml").read_text(encoding="utf-8"))
    assert content["task"] == "regression"
    assert len(content["columns"]) == 11


def test_without_data_start_says_where_to_put_it(fresh: Copied) -> None:
    repo = fresh(example="none", target_column="price")
    said = refusal(repo.fearless("start"))
    assert "data/raw holds no CSV or Parquet file yet" in said
    assert "columns draft" in said
    assert (repo.root / "data" / "raw").is_dir()


def test_with_data_but_without_a_dictionary_start_names_the_next_command(fresh: Copied) -> None:
    repo = fresh(example="none", target_column="target")
    (repo.root / "data" / "raw").mkdir(parents=True)
    progressions(repo.root / "data" / "raw" / "patients.csv")
    said = refusal(repo.fearless("start"))
    assert "columns.yaml describes no column yet" in said
    assert "uv run fearless columns draft" in said


def test_a_file_that_is_not_there_is_named(fresh: Copied) -> None:
    repo = fresh(example="none", target_column="price")
    assert "There is no file data/raw/none.csv" in refusal(
        repo.fearless("columns", "draft", "data/raw/none.csv")
    )
