"""A started repository that served: the monitor, the truth and their pages, on both stories, through the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from .conftest import Copied, Repo, refusal, run

# Records the golden rows as answered in the last three days, as the service would; one column may be changed.
SERVE = """
import json, sys
from datetime import UTC, datetime, timedelta
import polars as pl
from fearless.core.project import Project
from fearless.golden.frozen import open_golden
from fearless.ledger.identity import prediction_ids
from fearless.ledger.record import Prediction, Provenance, micros
from fearless.ledger.store import open_ledger
from fearless.model.artifact import open_model

project = Project.find()
model = open_model(project.candidate, "models/candidate", project)
rows = open_golden(project).rows
if len(sys.argv) > 1:
    name, factor = sys.argv[1], float(sys.argv[2])
    rows = rows.with_columns((pl.col(name) * factor).cast(rows[name].dtype))
scores = model.score_rows(rows)
origin = Provenance(project.package, "candidate", "1", model.digest, "b" * 40, "0", "c" * 64, "d" * 64, "host/1")
end, step = datetime.now(UTC), timedelta(days=3) / rows.height
recorded = []
for at, row in enumerate(rows.select(model.team.dictionary.known).to_dicts()):
    moment = micros(end - (rows.height - at) * step)
    recorded.append(
        Prediction(prediction_ids(1, moment)[0], moment, moment, "http", None, None, None, 0,
                   json.dumps(row, default=str), b"", float(scores[at]), None, None, origin))
open_ledger(project).append(recorded)
"""


def serve(repo: Repo, *arguments: str) -> None:
    result = run([str(repo.python), "-c", SERVE, *arguments], repo.root, repo.environment())
    assert result.returncode == 0, result.stdout + result.stderr


def reported(repo: Repo, *arguments: str, code: int) -> dict[str, Any]:
    result = repo.fearless(*arguments, "--json")
    assert result.returncode == code, result.stdout + result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def labels_of_golden(repo: Repo, name: str) -> Path:
    rows = pl.read_parquet(repo.root / "data" / "golden" / "rows.parquet")
    record = json.loads((repo.root / "data" / "golden" / "golden.json").read_text(encoding="utf-8"))
    file = repo.root / ".fearless" / name
    rows.select(*record["key"], record["target"]).write_csv(file)
    return file


def test_a_season_of_the_churn_story(copied: Copied, tmp_path: Path) -> None:
    repo = copied()
    assert "nothing was predicted yet" in refusal(repo.fearless("monitor"))

    serve(repo)
    page = tmp_path / "report.html"
    calm = reported(repo, "monitor", "--html", str(page), code=0)
    assert calm["models"][0]["place"] == "models/candidate"
    assert not [each for each in calm["findings"] if each["kind"] in ("invariant", "model", "rows", "score")]
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert (repo.root / ".fearless" / "monitor" / "report.html").read_bytes() == page.read_bytes()
    assert (repo.root / ".fearless" / "heartbeats" / "monitor.json").is_file()

    truth = reported(repo, "truth", str(labels_of_golden(repo, "labels.csv")), code=0)
    metrics = json.loads((repo.root / "ops" / "reports" / "metrics.json").read_text(encoding="utf-8"))
    found = truth["models"][0]["truth"]
    assert found["coverage"] == 1.0
    for name in ("log_loss", "roc_auc", "brier"):  # the golden rows were served: their metrics are known
        assert found["metrics"][name]["value"] == pytest.approx(metrics[name]["value"], rel=1e-6)
        assert found["golden"][name] == pytest.approx(metrics[name]["value"], rel=1e-6)

    serve(repo, "monthly_fee", "2")
    breach = reported(repo, "monitor", code=1)
    moved = [
        each["about"] for each in breach["findings"] if each["kind"] == "drift" and each["light"] == "red"
    ]
    assert moved == ["monthly_fee"]
    assert breach["last_run"]["verdict"] == calm["verdict"]
    said = repo.fearless("monitor")
    assert said.returncode == 1
    assert "BREACH: `monthly_fee` is no longer what the model was trained on" in said.stdout
    assert repo.changes() == []  # all that the monitor writes is scratch


def test_a_season_of_the_travel_delay_story(delayed: Repo, copied: Copied) -> None:
    repo = copied(delayed)
    serve(repo)
    reported(repo, "monitor", code=0)
    truth = reported(repo, "truth", str(labels_of_golden(repo, "labels.csv")), code=0)
    metrics = json.loads((repo.root / "ops" / "reports" / "metrics.json").read_text(encoding="utf-8"))
    found = truth["models"][0]["truth"]
    for name in ("mse", "mae", "rmse", "r2"):
        assert found["metrics"][name]["value"] == pytest.approx(metrics[name]["value"], rel=1e-6)


def test_bad_input_is_told_in_a_sentence(copied: Copied) -> None:
    repo = copied()
    serve(repo)
    assert "`--since soon` is no time to look back" in refusal(repo.fearless("monitor", "--since", "soon"))
    assert "`--since 0d` is no time" in refusal(repo.fearless("monitor", "--since", "0d"))
    assert "none.csv is not there" in refusal(repo.fearless("truth", "none.csv"))
    repo.write("labels.csv", "prediction_id,label\nnobody,yes\nnobody,perhaps\n")
    said = refusal(repo.fearless("truth", "labels.csv"))
    assert "No row of labels.csv could be used" in said
    assert "1 x no prediction has this id" in said
    assert "1 x `label` is not `no` or `yes`" in said
    ledger = repo.root / ".fearless" / "ledger" / "predictions.sqlite"
    ledger.write_bytes(b"no ledger at all" * 100)
    refusal(repo.fearless("monitor"))
    assert not (repo.root / ".fearless" / "monitor").exists()  # no report of before stays behind


def test_a_model_of_the_first_release_still_works_and_training_again_changes_nothing_but_adds_the_profile(
    copied: Copied,
) -> None:
    repo = copied()
    folder = repo.root / "models" / "candidate"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    model = (folder / "model.onnx").read_bytes()
    profile = (folder / "profile.json").read_bytes()
    del manifest["files"]["profile.json"]  # as 0.1.0 left it
    (folder / "profile.json").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    assert repo.fearless("gate").returncode == 0
    serve(repo)
    report = reported(repo, "monitor", code=0)
    assert [each["kind"] for each in report["findings"]] == ["model"]
    assert "uv run fearless train --again" in report["next"][0]

    result = repo.fearless("train", "--again")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (folder / "model.onnx").read_bytes() == model
    assert (folder / "profile.json").read_bytes() == profile
    assert not [line for line in repo.changes() if "dvc.yaml" in line]
