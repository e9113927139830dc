"""`fearless gate` on more golden rows than the exact engine judges: the streaming one takes over, and says the same."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from .conftest import Repo, run

ASKED = """
calibration: {ece_max: 0.1}
slices: {by: [region, contract], min_rows: 100, min_positives: 20}
"""
OWN = """\
checks:
  - {{metric: "{package}.metrics:missed", direction: lower, ceiling: 1}}
"""
METRIC = """
import numpy as np


def missed(y, scores):
    return np.abs(y - scores)
"""
# Each row 51 times, under names of their own: no mean and no rank changes by it.
REPEATED = """
import hashlib, json
import polars as pl
from fearless.columns.dictionary import load
from fearless.core import dvc
from fearless.core.project import Project
from fearless.golden.frozen import open_golden

project = Project.find()
rows, (key, *_) = open_golden(project).rows, load(project.root).key
many = pl.concat([rows.with_columns(pl.col(key) + f"-{turn}") for turn in range(51)])
file, record = project.golden / "rows.parquet", project.golden / "golden.json"
content = json.loads(record.read_text())
file.unlink()
record.unlink()
many.write_parquet(file)
digest = hashlib.sha256(file.read_bytes()).hexdigest()
record.write_text(json.dumps(content | {"rows": many.height, "rows_sha256": digest}))
dvc.add(["data/golden"], project.root)
"""


def gated(repo: Repo, **variables: str) -> dict[str, Any]:
    result = repo.fearless("gate", **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return repo.report()


def of_candidate(report: dict[str, Any], metric: str) -> float:
    (model,) = [each for each in report["models"] if each["name"] == "candidate"]
    return float(model["metrics"][metric]["value"])


def test_many_golden_rows_are_streamed_and_each_set_of_them_says_what_judged_it(repo: Repo) -> None:
    def files() -> set[str]:
        return {path.name for path in (repo.root / ".fearless").iterdir() if path.is_file()}

    with (repo.root / "gate.yaml").open("a", encoding="utf-8", newline="\n") as file:
        file.write(ASKED)
    repo.git("add", "gate.yaml")
    repo.git("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "-m", "slices")
    few = gated(repo)
    before = files()
    repo.git("switch", "--quiet", "--create", "change")
    done = run([str(repo.python), "-c", REPEATED], repo.root, repo.environment())
    assert done.returncode == 0, done.stdout + done.stderr

    many = gated(repo)
    assert (few["context"]["engine"], many["context"]["engine"]) == ("exact", "streaming")
    assert [each["rows"] for each in many["sets"]] == [204_000, 4000]
    told = [note for note in many["notes"] if "the streaming engine" in note]
    assert len(told) == 1
    assert "certified" in told[0]
    assert not any("streaming" in note for note in few["notes"])
    for metric, within in (("log_loss", 1e-9), ("roc_auc", 1e-4)):
        assert of_candidate(many, metric) == pytest.approx(of_candidate(few, metric), abs=within)
    assert [model["name"] for model in many["models"]] == [model["name"] for model in few["models"]]
    assert many["curves"].keys() == few["curves"].keys()
    assert [(part["by"], part["level"]) for part in many["slices"]] == [
        (part["by"], part["level"]) for part in few["slices"]
    ]
    assert files() == before

    # What the change proposes is tried by the exact engine, since the streaming one cannot measure it.
    repo.write(repo.package / "metrics.py", METRIC)
    repo.edit("gate.yaml", "checks:\n", OWN.format(package=repo.package.name))
    result = repo.fearless("gate")
    assert result.returncode == 1, result.stdout + result.stderr  # it does not change alone
    report = repo.report()
    assert report["context"]["engine"] == "streaming"
    assert (
        "judged by the exact engine here, and the gate.yaml in force by the streaming one." in result.stdout
    )
    repo.git("checkout", "--quiet", "gate.yaml")
    (repo.package / "metrics.py").unlink()

    # An unchanged model is not worse than itself, whatever the certified error hides.
    shutil.copytree(repo.root / "models" / "candidate", repo.root / "models" / "champion")
    same = gated(repo)
    assert (same["verdict"], same["context"]["engine"]) == ("PASS", "streaming")
    assert any(check["id"].startswith("roc_auc.slices.") for check in same["checks"])
