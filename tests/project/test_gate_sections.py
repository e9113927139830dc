"""`fearless gate` with all that gate.yaml may ask besides floors and margins, on real models."""

from __future__ import annotations

import shutil
from typing import Any

from .conftest import Repo

SECTIONS = """
calibration: {ece_max: 0.1}
slices: {by: [region, contract], min_rows: 100, min_positives: 20}
value: {currency: EUR, per: customer, true_positive: 40, false_positive: -5, false_negative: -60, true_negative: 0}
budgets: {p95_ms_ratio: 5, model_mb: 50}
"""
CHECKS = """\
checks:
  - {metric: value, floor: -30, max_drop: 5}
  - {metric: f1, threshold: 0.3, max_drop: 0.05}
  - {metric: average_precision, max_drop: 0.05}
  - {metric: "churn.metrics:kept", direction: higher, max_drop: 0.5}
"""
METRIC = '''"""What the team counts."""


def kept(y, scores):
    """How many of the ten in a hundred that are called would have left."""
    called = scores.argsort()[::-1][: len(scores) // 10]
    return y[called].mean()
'''


def asking(repo: Repo) -> None:
    """Make the gate ask for everything, with the candidate as its own champion."""
    package = repo.package.name
    repo.edit("gate.yaml", "checks:\n", CHECKS.replace("churn.metrics", f"{package}.metrics"))
    with (repo.root / "gate.yaml").open("a", encoding="utf-8", newline="\n") as file:
        file.write(SECTIONS)
    repo.write(repo.package / "metrics.py", METRIC)
    shutil.copytree(repo.root / "models" / "candidate", repo.root / "models" / "champion")


def judged(repo: Repo, code: int) -> dict[str, Any]:
    result = repo.fearless("gate")
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    return repo.report()


def test_an_unchanged_model_passes_all_that_gate_yaml_may_ask(repo: Repo) -> None:
    asking(repo)
    report = judged(repo, code=0)
    verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
    assert "FAIL" not in verdicts.values(), verdicts
    asked = {
        "value.floor",
        "f1@0.3.max_drop",
        f"{repo.package.name}.metrics:kept.max_drop",
        "ece.ece_max",
        "log_loss.slices.region",
        "average_precision.slices.contract",
        "size.model_mb",
    }
    # The same model beside itself is no slower; a machine that is very busy may not be able to prove it.
    assert verdicts.pop("latency.p95_ms_ratio") in ("PASS", "INCONCLUSIVE")
    assert asked <= set(verdicts)
    assert {name for name in asked if verdicts[name] != "PASS"} == set()
    assert {each["by"] for each in report["slices"]} == {"region", "contract"}
    assert report["value"]["currency"] == "EUR"
    assert report["value"]["difference"]["value"] == 0
    assert report["worst_slice"]["rows"] > 0
    assert any("paired bootstrap samples" in note for note in report["notes"])


def test_a_slice_that_is_no_column_and_a_metric_that_raises_are_errors_of_one_sentence(repo: Repo) -> None:
    asking(repo)
    repo.edit("gate.yaml", "by: [region, contract]", "by: [planet]")
    (said,) = judged(repo, code=2)["errors"]
    assert "slices.by: the golden data has no column `planet`" in said
    repo.edit("gate.yaml", "by: [planet]", "by: [region]")
    repo.edit(repo.package / "metrics.py", "y[called].mean()", "y[called].median()")
    (said,) = judged(repo, code=2)["errors"]
    assert "metrics.py, line 7, raised AttributeError" in said


def test_a_model_beyond_its_budget_fails_and_before_a_champion_the_time_is_not_asked_for(repo: Repo) -> None:
    asking(repo)
    shutil.rmtree(repo.root / "models" / "champion")
    repo.edit("gate.yaml", "model_mb: 50", "model_mb: 0.001")
    report = judged(repo, code=1)
    verdicts = {check["id"]: check["verdict"] for check in report["checks"]}
    assert verdicts["size.model_mb"] == "FAIL"
    assert "latency.p95_ms_ratio" not in verdicts
    assert any("budgets.p95_ms_ratio is not run" in note for note in report["notes"])
