"""The gate's error rates, simulated: what the statistics promise is what happens."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fearless.gate.findings import Verdict
from fearless.gate.intervals import Array
from fearless.gate.policy import parse
from fearless.gate.verdict import judge

RUNS = 300


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
    # 5 % is promised; 9 % is three standard errors of 300 runs above it.
    assert verdicts(rows, [BOTH[check]], worse_by=0)[Verdict.FAIL] <= 0.09 * RUNS


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
    assert verdicts(1000, checks, worse_by=0.2)[Verdict.PASS] <= 0.09 * RUNS
