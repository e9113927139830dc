"""The gate's error rates, simulated: what the statistics promise is what happens."""

from __future__ import annotations

import math
import os
from collections import Counter

import numpy as np
import pytest
import simulate_gate

from fearless.gate.findings import Verdict
from fearless.gate.intervals import Array
from fearless.gate.policy import parse
from fearless.gate.verdict import judge

# A look by default; FEARLESS_SIMULATE=full repeats as often as the table in docs/benchmarks/gate-simulation.md.
FULL = os.environ.get("FEARLESS_SIMULATE") == "full"
RUNS = 1200 if FULL else 150


def often(rate: float, runs: int = RUNS) -> float:
    """How many of the runs may show an error of this rate: three standard errors above it."""
    return runs * rate + 3 * math.sqrt(runs * rate * (1 - rate))


def verdicts(rows: int, checks: list[dict[str, object]], worse_by: float) -> Counter[Verdict]:
    """The gate's verdicts over many golden sets, for two models of which one is noisier by `worse_by`."""
    policy = parse({"version": 1, "checks": checks, "baselines": []})
    draw = np.random.default_rng(rows)
    found: Counter[Verdict] = Counter()
    for _ in range(RUNS):
        signal = draw.normal(size=rows)
        y = (draw.random(rows) < _sigmoid(2 * signal - 1)).astype(np.float64)
        champion, candidate = (
            _sigmoid(2 * signal - 1 + noise * draw.normal(size=rows)) for noise in (0.5, 0.5 + worse_by)
        )
        report = judge(policy, "binary", y, candidate, champion, {"constant": np.full(rows, 0.34)})
        found[report.verdict] += 1
    return found


def _sigmoid(straight: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-straight)))


BOTH: list[dict[str, object]] = [
    {"metric": "log_loss", "max_skill_drop": 0.02},
    {"metric": "roc_auc", "max_drop": 0.01},
]


@pytest.mark.parametrize("rows", [200, 500, 2000])
@pytest.mark.parametrize("check", [0, 1])
def test_equal_models_fail_rarely_at_every_size(rows: int, check: int) -> None:
    assert verdicts(rows, [BOTH[check]], worse_by=0)[Verdict.FAIL] <= often(0.05)


@pytest.mark.parametrize("rows", [200, 2000])
def test_equal_models_fail_no_more_often_by_two_checks_than_by_one(rows: int) -> None:
    assert verdicts(rows, BOTH, worse_by=0)[Verdict.FAIL] <= often(0.05)


def test_equal_models_pass_nearly_always_on_enough_rows() -> None:
    assert verdicts(8000, BOTH, worse_by=0)[Verdict.PASS] >= 0.9 * RUNS


def test_a_clearly_worse_model_never_passes_and_nearly_always_fails() -> None:
    found = verdicts(2000, BOTH, worse_by=1.0)
    assert found[Verdict.PASS] == 0
    assert found[Verdict.FAIL] >= 0.95 * RUNS


def test_a_true_drop_equal_to_the_margin_passes_rarely() -> None:
    # The drop is measured once on very many rows and then taken as the margin.
    draw = np.random.default_rng(0)
    signal = draw.normal(size=2_000_000)
    y = (draw.random(len(signal)) < _sigmoid(2 * signal - 1)).astype(np.float64)
    losses = []
    for noise in (0.5, 0.7):
        scores = _sigmoid(2 * signal - 1 + noise * draw.normal(size=len(signal)))
        losses.append(float(np.mean(-np.log(np.where(y == 1, scores, 1 - scores)))))
    checks: list[dict[str, object]] = [{"metric": "log_loss", "max_rise": losses[1] - losses[0]}]
    assert verdicts(1000, checks, worse_by=0.2)[Verdict.PASS] <= often(0.05)


@pytest.mark.slow
def test_every_rate_of_the_table_is_what_is_promised() -> None:
    lines = list(simulate_gate.table(RUNS))
    assert len(lines) > 50
    too_often = [line for line in lines if line.rate * line.runs > often(line.allowed, line.runs)]
    assert too_often == []


def test_the_page_is_that_of_the_script_and_none_of_its_rates_is_too_high() -> None:
    text = simulate_gate.PAGE.read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    table = [(row[0], float(row[3].split()[0]), float(row[4].split()[0])) for row in rows[1:]]
    assert len(table) > 50
    assert {row[0].split(",")[0] for row in table} >= {
        "equal models",
        "a drop of the margin",
        "a calibrated model",
    }
    assert [name for name, happened, allowed in table if happened > allowed + 1.5] == []
