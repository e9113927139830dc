"""The baselines: what they find, what they survive, and how fast."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from fearless.core.errors import FearlessError
from fearless.gate.baselines import Baseline, fit
from fearless.gate.intervals import Array
from fearless.gate.policy import BaselineName

NAMES = ["tenure", "contract=monthly", "noise"]


def training(task: str, rows: int = 2000, seed: int = 0) -> tuple[Array, Array]:
    draw = np.random.default_rng(seed)
    x = np.column_stack(
        (draw.exponential(20, size=rows), draw.integers(0, 2, size=rows), draw.normal(size=rows))
    ).astype(np.float64)
    signal = 0.05 * x[:, 0] - 1.5 * x[:, 1]
    if task == "regression":
        return x, 3 + 10 * signal + draw.normal(size=rows)
    return x, (draw.random(rows) < 1 / (1 + np.exp(-signal))).astype(np.float64)


def fitted(task: str) -> dict[str, Baseline]:
    x, y = training(task)
    return {each.name: each for each in fit(x, y, NAMES, task)}


def test_the_names_are_those_of_the_policy() -> None:
    assert list(fitted("binary")) == list(BaselineName.__args__)  # type: ignore[attr-defined]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_each_scores_every_row_with_a_finite_number_even_from_missing_and_wild_values(task: str) -> None:
    x = np.array([[np.nan] * 3, [np.inf, -np.inf, 1e300], [-1e30, 1e30, 0], [5, 1, 0]])
    for baseline in fitted(task).values():
        scores = baseline.score(x)
        assert scores.shape == (4,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
        assert task == "regression" or ((scores > 0) & (scores < 1)).all()


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_constant_always_says_the_mean_of_training(task: str) -> None:
    _, y = training(task)
    assert fitted(task)["constant"].score(np.zeros((5, 3))) == pytest.approx([y.mean()] * 5)


def test_one_feature_finds_the_telling_feature_and_names_it() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(3000, 3))
    y = (np.abs(x[:, 2]) > 1).astype(np.float64)
    rule = fit(x, y, ["a", "b", "contract=monthly"], "binary")[1]
    assert "contract=monthly" in rule.description
    low, middle = rule.score(np.array([[0, 0, -3.0], [0, 0, 0.0]]))
    assert low > 0.9 > 0.1 > middle


def test_one_feature_gives_missing_values_a_mean_of_their_own() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(1000, 1))
    x[:300] = np.nan
    y = np.concatenate((np.ones(300), draw.integers(0, 2, size=700))).astype(np.float64)
    rule = fit(x, y, ["late"], "binary")[1]
    missing, known = rule.score(np.array([[np.nan], [0.0]]))
    assert missing > 0.95
    assert known == pytest.approx(0.5, abs=0.15)


def test_one_feature_keeps_the_two_levels_of_an_indicator_apart() -> None:
    x = np.repeat([[0.0], [1.0]], [950, 50], axis=0)
    y = np.repeat([0.0, 1.0, 1.0], [900, 50, 50])
    zero, one = fit(x, y, ["flag"], "binary")[1].score(np.array([[0.0], [1.0]]))
    assert zero == pytest.approx((50 + 20 * 0.1) / 970)
    assert one == pytest.approx((50 + 20 * 0.1) / 70)


def test_a_rare_level_is_pulled_to_the_mean_because_it_says_little() -> None:
    x = np.repeat([[0.0], [1.0]], [998, 2], axis=0)
    y = np.concatenate((np.tile([0.0, 1.0], 499), [1.0, 1.0]))
    assert fit(x, y, ["flag"], "binary")[1].score(np.array([[1.0]]))[0] < 0.6


def test_linear_is_scikit_learns_logistic_regression() -> None:
    x, y = training("binary")
    scaler = StandardScaler().fit(x)
    oracle = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(scaler.transform(x), y)
    expected = oracle.predict_proba(scaler.transform(x))[:, 1]
    assert fitted("binary")["linear"].score(x) == pytest.approx(expected, abs=1e-6)


def test_linear_is_scikit_learns_ridge_regression() -> None:
    x, y = training("regression")
    scaler = StandardScaler().fit(x)
    expected = Ridge(alpha=1.0).fit(scaler.transform(x), y).predict(scaler.transform(x))
    assert fitted("regression")["linear"].score(x) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_linear_survives_columns_that_separate_repeat_or_say_nothing(task: str) -> None:
    y = np.repeat([0.0, 1.0], 50)
    x = np.column_stack((y, y, np.full(100, 7.0), np.full(100, np.nan), 1e9 * y))
    scores = fit(x, y, list("abcde"), task)[2].score(x)
    assert np.abs(scores - y).max() < 0.1


def test_one_odd_row_does_not_ruin_linear() -> None:
    linear = fitted("regression")["linear"]
    x, _ = training("regression")
    edge = np.array([[x[:, 0].max(), 1.0, 0.0]])
    odd = np.array([[1e9, 1.0, 0.0]])
    assert linear.score(odd) == pytest.approx(linear.score(edge))


@pytest.mark.parametrize(
    ("x", "y", "names", "said"),
    [
        (np.zeros((3, 2)), np.array([0.0, 1.0]), ["a", "b"], "does not fit together"),
        (np.zeros((2, 2)), np.array([0.0, 1.0]), ["a"], "does not fit together"),
        (np.zeros((0, 1)), np.zeros(0), ["a"], "at least two different values"),
        (np.zeros((2, 1)), np.ones(2), ["a"], "at least two different values"),
        (np.zeros((2, 1)), np.array([0.0, np.nan]), ["a"], "at least two different values"),
        (np.zeros((2, 0)), np.array([0.0, 1.0]), [], "There is no feature"),
    ],
)
def test_training_data_that_cannot_be_fitted_is_refused(
    x: Array, y: Array, names: list[str], said: str
) -> None:
    with pytest.raises(FearlessError, match=said):
        fit(x, y, names, "binary")


def test_rows_with_another_number_of_features_are_refused() -> None:
    with pytest.raises(FearlessError, match="was fitted on 3 features"):
        fitted("binary")["constant"].score(np.zeros((2, 4)))


def test_fitting_takes_a_blink() -> None:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(16_000, 25)).astype(np.float32)
    y = (x[:, 0] + draw.normal(size=16_000) > 0.5).astype(np.float64)
    names = [f"f{at}" for at in range(25)]
    taken = []
    for _ in range(3):
        started = time.process_time()
        fit(x, y, names, "binary")
        taken.append(time.process_time() - started)
    assert min(taken) < 0.5  # 0.06 s on an idle core; the rest is for busy machines
