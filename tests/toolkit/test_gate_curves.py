"""The curves of the report: read off fine bins, and held against scikit-learn and direct counting."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from fearless.gate.curves import BARS, FINE, GROUPS, POINTS, curves

Array = NDArray[np.float64]


def binary(rows: int = 5000, seed: int = 0) -> tuple[Array, Array]:
    draw = np.random.default_rng(seed)
    scores = draw.beta(1.5, 4.0, rows)
    return (draw.random(rows) < scores).astype(np.float64), scores


def test_each_point_of_the_roc_curve_lies_on_scikit_learns() -> None:
    y, scores = binary()
    rounded = np.floor(scores * FINE) / FINE  # what the fine bins see
    x, up, _ = roc_curve(y, rounded, drop_intermediate=False)
    theirs = {(round(float(a), 4), round(float(b), 4)) for a, b in zip(x, up, strict=True)}
    ours = [(a, b) for a, b in curves("binary", y, {"candidate": scores})["roc"]["candidate"]]
    assert ours[0] == (0.0, 0.0)
    assert ours[-1] == (1.0, 1.0)
    assert set(ours) <= theirs
    assert 50 < len(ours) <= POINTS


def test_a_perfect_model_reaches_the_corner_and_a_constant_one_is_the_diagonal() -> None:
    y = np.array([0.0, 0.0, 1.0, 1.0])
    drawn = curves("binary", y, {"candidate": y, "champion": np.full(4, 0.5)})["roc"]
    assert [0.0, 1.0] in drawn["candidate"]
    assert drawn["champion"] == [[0.0, 0.0], [1.0, 1.0]]


def test_the_groups_of_a_reliability_curve_are_the_deciles_of_the_score() -> None:
    y, scores = binary()
    groups = curves("binary", y, {"candidate": scores})["reliability"]["candidate"]
    order = np.argsort(scores)
    for found, rows in zip(groups, np.array_split(order, GROUPS), strict=True):
        assert found[0] == pytest.approx(scores[rows].mean(), abs=2e-3)
        assert found[1] == pytest.approx(y[rows].mean(), abs=1e-2)
        assert found[2] == pytest.approx(len(rows), abs=10)


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)))
def test_every_row_is_in_one_group_and_in_one_bar(scores: Array) -> None:
    y = (np.arange(len(scores)) % 2).astype(np.float64)
    drawn = curves("binary", y, {"candidate": scores})
    groups, bars = drawn["reliability"]["candidate"], drawn["scores"]["candidate"]
    assert sum(rows for _, _, rows in groups) == len(scores)
    assert sum(mean * rows for mean, _, rows in groups) == pytest.approx(scores.sum(), rel=1e-3, abs=1e-3)
    assert (sum(bars["positive"]), sum(bars["negative"])) == (y.sum(), len(y) - y.sum())
    assert all(0 <= value <= 1 for point in drawn["roc"]["candidate"] for value in point)


def test_the_bars_of_the_scores_are_those_of_a_histogram() -> None:
    y, scores = binary()
    drawn = curves("binary", y, {"candidate": scores})["scores"]
    assert len(drawn["edges"]) == BARS + 1
    assert drawn["candidate"]["positive"] == np.histogram(scores[y > 0.5], BARS, (0, 1))[0].tolist()
    assert drawn["candidate"]["negative"] == np.histogram(scores[y < 0.5], BARS, (0, 1))[0].tolist()


def test_residuals_count_every_row_and_the_outermost_bars_take_what_lies_beyond() -> None:
    draw = np.random.default_rng(2)
    y = draw.normal(0, 1, 4000)
    far = y.copy()
    far[:3] += 1e9
    drawn = curves("regression", y, {"candidate": far + draw.normal(0, 1, 4000), "champion": y - 0.5})
    residuals = drawn["residuals"]
    assert sum(residuals["candidate"]["rows"]) == sum(residuals["champion"]["rows"]) == 4000
    assert residuals["edges"][-1] < 100
    assert residuals["candidate"]["rows"][-1] >= 3
    groups = drawn["reliability"]["champion"]
    assert groups[0][1] - groups[0][0] == pytest.approx(0.5, abs=1e-3)


def test_a_model_that_is_exact_everywhere_has_its_residuals_around_zero() -> None:
    y = np.arange(50.0)
    residuals = curves("regression", y, {"candidate": y})["residuals"]
    assert residuals["edges"][0] < 0 < residuals["edges"][-1]
    assert max(residuals["candidate"]["rows"]) == 50


def test_the_order_of_the_rows_changes_no_curve_of_a_classifier() -> None:
    y, scores = binary(800)
    mixed = np.random.default_rng(1).permutation(800)
    one, other = (curves("binary", y[at], {"candidate": scores[at]}) for at in (np.arange(800), mixed))
    assert json.dumps(one) == json.dumps(other)


def test_a_task_without_curves_has_none() -> None:
    assert curves("multiclass", np.zeros(3), {"candidate": np.zeros(3)}) == {}
