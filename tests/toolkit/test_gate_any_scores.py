"""Whatever the scores look like, all that gate.yaml may ask ends in a report that can be written and believed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.gate.findings import Report, Verdict
from fearless.gate.intervals import Array
from fearless.gate.levels import Levels
from fearless.gate.metrics import METRICS
from fearless.gate.policy import parse
from fearless.gate.verdict import judge

BINARY = [metric for metric in METRICS.values() if metric.task == "binary"]
POLICY = parse(
    {
        "version": 1,
        "checks": [
            {"metric": each.name, ("max_drop" if each.better == "higher" else "max_rise"): 0.05}
            for each in BINARY
        ]
        + [{"metric": "value", "floor": 1}],
        "baselines": ["constant"],
        "calibration": {"ece_max": 0.05},
        "slices": {"by": ["region", "plan"], "min_rows": 20, "min_positives": 10},
        "value": {
            "currency": "EUR",
            "per": "row",
            "true_positive": 9,
            "false_positive": -1,
            "false_negative": -4,
            "true_negative": 0,
        },
    }
)
# Constant, certain, in steps, of many values.
KINDS = st.sampled_from([0, 1, 3, 10, 1000])


def scores(draw: np.random.Generator, rows: int, steps: int) -> Array:
    if steps == 0:
        return np.full(rows, draw.choice([0.0, 0.5, 1.0, 0.3]))
    return np.asarray(draw.integers(0, steps + 1, size=rows) / steps)


def judged(y: Array, candidate: Array, champion: Array | None, seed: int, **more: Any) -> Report:
    draw = np.random.default_rng(seed)
    slices = [
        Levels.of("region", draw.integers(0, 3, size=len(y))),
        Levels.of("plan", draw.integers(0, 2, size=len(y))),
    ]
    constant = {"constant": np.full(len(y), 0.4)}
    return judge(POLICY, "binary", y, candidate, champion, constant, slices=slices, **more)


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 120),
    rate=st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]),
    kinds=st.tuples(KINDS, KINDS),
    grouped=st.booleans(),
    alone=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_every_report_can_be_written_and_an_error_never_comes_with_a_check(
    seed: int, rows: int, rate: float, kinds: tuple[int, int], grouped: bool, alone: bool
) -> None:
    draw = np.random.default_rng(seed)
    y = (draw.random(rows) < rate).astype(np.float64)
    candidate, champion = (scores(draw, rows, each) for each in kinds)
    groups = draw.integers(0, max(rows // 3, 1), size=rows) if grouped else None
    report = judged(y, candidate, None if alone else champion, seed, groups=groups)
    content = json.loads(report.to_json())  # refuses NaN and infinity
    if report.verdict is Verdict.ERROR:
        assert content["errors"]
        assert (content["checks"], content["slices"], content["value"]) == ([], [], None)
        return
    for check in content["checks"]:
        assert check["sentence"]
        if check["estimate"]:
            assert check["estimate"]["lower"] <= check["estimate"]["upper"]
            assert check["estimate"]["standard_error"] >= 0
    for part in content["slices"]:
        assert part["verdict"] != "PASS" or part["rows"] >= 20
        assert part["verdict"] == "INCONCLUSIVE" or part["difference"]


@given(seed=st.integers(0, 10_000), kind=KINDS)
@settings(max_examples=20, deadline=None)
def test_a_model_beside_itself_never_fails_the_champions_checks_or_a_slice(seed: int, kind: int) -> None:
    draw = np.random.default_rng(seed)
    y = (draw.random(100) < 0.4).astype(np.float64)
    same = scores(draw, 100, kind)
    report = judged(y, same, same.copy(), seed)
    assert not report.errors, report.errors
    compared = [check for check in report.checks if check.against == "champion"]
    assert len(compared) > len(BINARY)
    assert Verdict.FAIL not in {check.verdict for check in compared}
