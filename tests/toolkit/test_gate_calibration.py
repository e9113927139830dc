"""The calibration error: its bins, the luck that is taken off, and how often a calibrated model fails."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.gate.calibration import Calibration
from fearless.gate.findings import Check, Verdict
from fearless.gate.intervals import Array, Clusters
from fearless.gate.policy import parse
from fearless.gate.verdict import judge


def rows(count: int, seed: int, shift: float = 0.0) -> tuple[Array, Array]:
    """A target and scores that say `shift` more than the chance of each row."""
    draw = np.random.default_rng(seed)
    chance = 0.1 + 0.7 * draw.random(count)
    return (draw.random(count) < chance).astype(np.float64), chance + shift


def judged(y: Array, scores: Array, limit: float, **more: Any) -> Check:
    check = {"metric": "brier", "ceiling": 1}
    policy = parse({"version": 1, "checks": [check], "baselines": [], "calibration": {"ece_max": limit}})
    constant = {"constant": np.full(len(y), y.mean())}
    report = judge(policy, "binary", y, scores, None, constant, **more)
    assert not report.errors, report.errors
    (found,) = [check for check in report.checks if check.kind == "calibration"]
    return found


def test_the_curve_has_ten_bins_of_equally_many_rows() -> None:
    y, scores = rows(1000, 0)
    found = Calibration.of(y, scores)
    assert found.rows.tolist() == [100] * 10
    order = np.argsort(scores)
    expected_score = scores[order].reshape(10, 100).mean(axis=1)
    expected_rate = y[order].reshape(10, 100).mean(axis=1)
    assert found.score == pytest.approx(expected_score)
    assert found.rate == pytest.approx(expected_rate)
    assert found.measured == pytest.approx(np.mean(np.abs(expected_rate - expected_score)))


def test_equal_scores_share_a_bin() -> None:
    y, scores = rows(1000, 0)
    few = np.round(scores * 3) / 3
    found = Calibration.of(y, few)
    assert len(found.rows) == len(np.unique(few))
    one = Calibration.of(y, np.full(1000, 0.4))
    assert len(one.rows) == 1
    assert one.measured == pytest.approx(abs(y.mean() - 0.4))


def test_the_luck_is_taken_off() -> None:
    # The usual ECE of a calibrated model on 300 rows is 0.06 to 0.08; the truth is 0.
    found = [Calibration.of(*rows(300, seed)) for seed in range(60)]
    assert np.mean([each.measured for each in found]) > 0.05
    assert np.mean([each.value for each in found]) < 0.025


def test_where_there_is_hardly_any_luck_the_error_is_what_is_measured() -> None:
    found = Calibration.of(*rows(200_000, 1, shift=0.1))
    assert found.value == pytest.approx(0.1, abs=0.005)
    assert found.value == pytest.approx(found.measured, abs=0.001)
    bounds = found.interval(0.95)
    assert 0.09 < bounds.lower < found.value < bounds.upper < 0.11


@pytest.mark.parametrize("count", [200, 1000])
@pytest.mark.parametrize("limit", [0.0001, 0.03])
def test_a_calibrated_model_fails_rarely_at_any_limit_and_size(count: int, limit: float) -> None:
    lower = [Calibration.of(*rows(count, seed)).interval(0.95).lower for seed in range(200)]
    # 5 % is promised; 9.6 % is three standard errors of 200 runs above it.
    assert np.mean(np.array(lower) > limit) <= 0.096


def test_a_model_that_is_off_by_the_limit_passes_rarely() -> None:
    upper = [Calibration.of(*rows(1000, seed, shift=0.05)).interval(0.95).upper for seed in range(200)]
    assert np.mean(np.array(upper) <= 0.05) <= 0.11


def test_the_check_passes_fails_or_stays_open() -> None:
    assert judged(*rows(20_000, 0), limit=0.03).verdict is Verdict.PASS
    off = judged(*rows(20_000, 0, shift=0.1), limit=0.03)
    assert off.verdict is Verdict.FAIL
    assert off.sentence.startswith("a probability differs from the share that turns out positive by 0.")
    assert "at least" in off.sentence
    few = judged(*rows(300, 0), limit=0.03)
    assert few.verdict is Verdict.INCONCLUSIVE
    assert few.estimate is not None
    assert few.estimate.lower <= few.estimate.value <= few.estimate.upper


def test_a_regression_has_no_probabilities_to_calibrate() -> None:
    check = {"metric": "mse", "ceiling": 9}
    policy = parse({"version": 1, "checks": [check], "baselines": [], "calibration": {"ece_max": 0.03}})
    y = np.arange(50.0)
    report = judge(policy, "regression", y, y + 1, None, {"constant": np.full(50, 24.0)})
    assert "calibration: is for probabilities, and this is regression." in report.errors[0]


def test_rows_copied_within_a_group_are_no_new_evidence() -> None:
    y, scores = rows(400, 5, shift=0.08)
    once = Calibration.of(y, scores)
    copies = np.repeat(np.arange(400), 25)
    copied = Calibration.of(y[copies], scores[copies], Clusters.of(copies))
    naive = Calibration.of(y[copies], scores[copies])
    assert copied.measured == pytest.approx(once.measured, rel=1e-9)
    assert np.diag(copied.covariance) == pytest.approx(np.diag(once.covariance), rel=0.1)
    assert naive.interval(0.95).lower > copied.interval(0.95).lower


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_the_rows_changes_nothing_and_bounds_hold_the_value(seed: int) -> None:
    y, scores = rows(250, seed)
    scores = np.round(scores, 1)
    order = np.random.default_rng(seed).permutation(250)
    one, other = (Calibration.of(y[at], scores[at]).interval(0.95) for at in (np.arange(250), order))
    assert (one.lower, one.value, one.upper) == pytest.approx(
        (other.lower, other.value, other.upper), abs=1e-9
    )
    assert 0 <= one.lower <= one.value <= one.upper <= 1
