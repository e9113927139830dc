"""Bounds: their width, their coverage, rows that belong together, and the number of rows that settles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from fearless.gate.intervals import (
    Clusters,
    Interval,
    Measured,
    interval,
    mean,
    ratio,
    rows_to_settle,
    t_quantile,
)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("degrees", [9, 10, 30, 100, 10_000])
def test_the_t_quantile_is_that_of_scipy(confidence: float, degrees: int) -> None:
    assert t_quantile(confidence, degrees) == pytest.approx(stats.t.ppf(confidence, degrees), abs=1e-3)
    assert t_quantile(0.95, degrees) == pytest.approx(stats.t.ppf(0.95, degrees), abs=1e-4)


def test_the_bounds_of_a_mean_are_those_of_the_t_test() -> None:
    losses = np.random.default_rng(0).exponential(size=40)
    found = interval(mean(losses), 0.95)
    expected = stats.t.interval(0.90, 39, loc=losses.mean(), scale=stats.sem(losses))
    assert (found.lower, found.upper) == pytest.approx(expected, abs=1e-5)


def test_a_ratio_of_means_has_the_variance_of_the_delta_method() -> None:
    draw = np.random.default_rng(0)
    bottom = draw.exponential(size=300)
    top = 0.5 * bottom + draw.exponential(size=300)
    share = top.mean() / bottom.mean()
    residual = top - share * bottom
    expected = residual.std(ddof=1) / math.sqrt(300) / bottom.mean()
    assert interval(ratio(mean(top), mean(bottom)), 0.9).standard_error == pytest.approx(expected, rel=1e-9)


def test_one_row_in_each_cluster_changes_nothing() -> None:
    found = mean(np.random.default_rng(0).normal(size=50))
    alone = interval(found, 0.95)
    clustered = interval(found, 0.95, Clusters.of(np.arange(50)))
    assert clustered.standard_error == pytest.approx(alone.standard_error, rel=1e-12)
    assert clustered.degrees == alone.degrees


def test_rows_copied_within_a_cluster_are_no_new_evidence() -> None:
    losses = np.random.default_rng(0).normal(size=200)
    once = interval(mean(losses), 0.95)
    copied = mean(np.repeat(losses, 5))
    clustered = interval(copied, 0.95, Clusters.of(np.repeat(np.arange(200), 5)))
    assert clustered.standard_error == pytest.approx(once.standard_error, rel=1e-9)
    assert interval(copied, 0.95).standard_error < 0.5 * once.standard_error


def test_clusters_may_be_named_by_texts() -> None:
    clusters = Clusters.of(np.array(["b", "a", "b"]))
    assert clusters.count == 2
    assert clusters.codes.tolist() == [1, 0, 1]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_row_whose_cluster_is_missing_is_one_of_its_own(missing: object) -> None:
    clusters = Clusters.of(np.array(["b", missing, "a", missing, "b"], dtype=object))
    assert clusters.count == 4
    assert clusters.codes.tolist() == [1, 2, 0, 3, 1]
    assert Clusters.of(np.array([7.0, np.nan, 7.0, np.nan])).count == 3


def test_a_one_sided_bound_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(3)
    below = [interval(mean(draw.exponential(size=200)), 0.95).lower <= 1 for _ in range(2000)]
    above = [interval(mean(draw.exponential(size=200)), 0.95).upper >= 1 for _ in range(2000)]
    assert np.mean(below) == pytest.approx(0.95, abs=0.025)
    assert np.mean(above) == pytest.approx(0.95, abs=0.025)


def test_the_rows_that_are_asked_for_settle_four_times_in_five() -> None:
    draw = np.random.default_rng(4)
    rows, truth, limit = 100, 0.1, 0.0
    measured = Measured(truth, np.full(rows, 1 / rows), rows - 1)  # standard error 0.1: open
    needed = rows_to_settle(interval(measured, 0.95), truth - limit, rows, 0.95)
    assert needed is not None
    assert 600 < needed < 640
    settled = [interval(mean(draw.normal(truth, 1, size=needed)), 0.95).lower > limit for _ in range(1000)]
    assert np.mean(settled) == pytest.approx(0.8, abs=0.05)


def test_an_estimate_on_the_limit_is_settled_by_no_number_of_rows() -> None:
    assert rows_to_settle(Interval(0.1, 0.1, 0.0, 0.2, 99), 0.0, 100, 0.95) is None
    assert rows_to_settle(Interval(0.1, 0.1, 0.0, 0.2, 99), 1e-9, 100, 0.95) is None
