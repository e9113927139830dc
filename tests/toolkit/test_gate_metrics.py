"""The metrics: their values, their intervals, and what must not change them."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from sklearn import metrics as oracle

from fearless.gate.counts import Table
from fearless.gate.intervals import Array, interval
from fearless.gate.metrics import METRICS, SMALLEST

BINARY = [name for name, metric in METRICS.items() if metric.task == "binary"]
REGRESSION = [name for name, metric in METRICS.items() if metric.task == "regression"]
COUNTED = [name for name, metric in METRICS.items() if metric.counted]
SKILLED = [name for name, metric in METRICS.items() if metric.skilled]


def at_half(score: Callable[..., float], **more: object) -> Callable[[Array, Array], float]:
    return lambda y, scores: float(score(y, scores >= 0.5, **more))


ORACLE: dict[str, Callable[[Array, Array], float]] = {
    "log_loss": oracle.log_loss,
    "roc_auc": oracle.roc_auc_score,
    "brier": oracle.brier_score_loss,
    "average_precision": oracle.average_precision_score,
    "accuracy": at_half(oracle.accuracy_score),
    "balanced_accuracy": at_half(oracle.balanced_accuracy_score),
    "f1": at_half(oracle.f1_score),
    "precision": at_half(oracle.precision_score),
    "recall": at_half(oracle.recall_score),
    "specificity": at_half(oracle.recall_score, pos_label=0),
    "mcc": at_half(oracle.matthews_corrcoef),
    "mse": oracle.mean_squared_error,
    "mae": oracle.mean_absolute_error,
    "rmse": oracle.root_mean_squared_error,
    "r2": oracle.r2_score,
}


def rows(task: str, count: int, seed: int, ties: bool = False) -> tuple[Array, Array, Array]:
    """A target and the scores of two correlated models."""
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=count)
    first, second = hidden + draw.normal(size=count), hidden + draw.normal(size=count)
    if task == "regression":
        return hidden * 10 + draw.normal(size=count), first * 10, second * 10
    y = (hidden + draw.normal(size=count) > 0.7).astype(np.float64)
    y[:4] = [0, 0, 1, 1]
    scores = [1 / (1 + np.exp(-each)) for each in (first, second)]
    if ties:
        scores = [np.round(each, 1) for each in scores]
    return y, scores[0], scores[1]


def example(name: str, count: int = 400, seed: int = 1, ties: bool = False) -> tuple[Array, Array, Array]:
    return rows(METRICS[name].task, count, seed, ties)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_value_is_that_of_scikit_learn(name: str, ties: bool, seed: int) -> None:
    y, scores, _ = example(name, seed=seed, ties=ties)
    assert METRICS[name].measure(y, scores).value == pytest.approx(
        ORACLE[name](y, scores), rel=1e-12, abs=1e-12
    )


def test_log_loss_clips_certain_scores_as_scikit_learn_does() -> None:
    y, scores = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 1.0])
    found = METRICS["log_loss"].measure(y, scores).value
    assert found == pytest.approx(oracle.log_loss(y, scores), rel=1e-12)
    assert found == pytest.approx(-math.log(SMALLEST) / 2, rel=1e-12)


def delong_by_pairs(y: Array, first: Array, second: Array) -> tuple[Array, Array]:
    """Both AUCs and their covariance matrix after DeLong (1988), written down pair by pair."""
    positive, negative = y == 1, y == 0
    by_positive, by_negative = [], []
    for scores in (first, second):
        one, other = scores[positive][:, None], scores[negative][None, :]
        won = (one > other) + 0.5 * (one == other)
        by_positive.append(won.mean(axis=1))
        by_negative.append(won.mean(axis=0))
    covariance = np.cov(by_positive) / positive.sum() + np.cov(by_negative) / negative.sum()
    return np.array([each.mean() for each in by_positive]), covariance


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_paired_auc_interval_is_delongs(ties: bool, seed: int) -> None:
    y, first, second = rows("binary", 151, seed, ties)
    values, covariance = delong_by_pairs(y, first, second)
    metric = METRICS["roc_auc"]
    one, other = metric.measure(y, first), metric.measure(y, second)
    assert [one.value, other.value] == pytest.approx(values, abs=1e-12)
    assert interval(one, 0.95).standard_error == pytest.approx(math.sqrt(covariance[0, 0]), rel=1e-9)
    paired = interval(metric.advantage(one, other), 0.95)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    assert paired.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert paired.value == pytest.approx(values[0] - values[1], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (name, what)
        for name in METRICS
        for what in ("value", "skill", "advantage")
        if what != "skill" or name in SKILLED
    ],
)
def test_the_standard_error_is_that_of_the_bootstrap(name: str, what: str) -> None:
    y, first, second = example(name, count=600, seed=5)
    metric, constant = METRICS[name], np.full(600, y.mean())

    def measured(at: NDArray[np.intp]) -> float:
        one, other = metric.measure(y[at], first[at]), metric.measure(y[at], second[at])
        if what == "advantage":
            return metric.advantage(one, other).value
        if what == "value":
            return one.value
        known = metric.measure(y[at], constant[at]) if metric.chance is None else one
        return metric.skill(one, known).value

    draw = np.random.default_rng(0)
    spread = np.std([measured(draw.integers(0, 600, size=600)) for _ in range(600)])
    one, other = metric.measure(y, first), metric.measure(y, second)
    if what == "skill":
        found = metric.skill(one, metric.measure(y, constant))
    else:
        found = one if what == "value" else metric.advantage(one, other)
    assert interval(found, 0.95).standard_error == pytest.approx(spread, rel=0.12)


@pytest.mark.parametrize("name", METRICS)
def test_the_better_model_has_the_positive_advantage_and_the_higher_skill(name: str) -> None:
    metric = METRICS[name]
    y, scores, _ = example(name)
    closer, further, constant = 0.7 * y + 0.3 * scores, 0.3 * y + 0.7 * scores, np.full(len(y), y.mean())
    good, bad, nothing = (metric.measure(y, each) for each in (closer, further, constant))
    assert metric.advantage(good, bad).value > 0 > metric.advantage(bad, good).value
    if not metric.skilled:
        return
    assert metric.skill(good, nothing).value > metric.skill(bad, nothing).value
    assert metric.skill(nothing, nothing).value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", SKILLED)
def test_a_perfect_model_has_skill_one(name: str) -> None:
    metric = METRICS[name]
    y, _, _ = example(name)
    perfect, nothing = metric.measure(y, y), metric.measure(y, np.full(len(y), y.mean()))
    assert metric.skill(perfect, nothing).value == pytest.approx(1, abs=1e-12)
    assert np.isfinite(perfect.influence).all()


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 10_000), ties=st.booleans())
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_rows_changes_nothing(name: str, seed: int, ties: bool) -> None:
    y, first, second = example(name, count=80, seed=seed, ties=ties)
    other = np.random.default_rng(seed).permutation(80)
    metric = METRICS[name]
    straight = metric.advantage(metric.measure(y, first), metric.measure(y, second))
    shuffled = metric.advantage(
        metric.measure(y[other], first[other]), metric.measure(y[other], second[other])
    )
    assert shuffled.value == pytest.approx(straight.value, rel=1e-9, abs=1e-12)
    assert shuffled.influence == pytest.approx(straight.influence[other], rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 10_000), times=st.integers(2, 6))
@settings(max_examples=20, deadline=None)
def test_more_of_the_same_rows_keep_the_value_and_narrow_the_bounds(name: str, seed: int, times: int) -> None:
    y, scores, _ = example(name, count=60, seed=seed)
    scores[:4] = [0.9, 0.1, 0.9, 0.1] if METRICS[name].counted else scores[:4]  # each cell has a row
    once = interval(METRICS[name].measure(y, scores), 0.95)
    often = interval(METRICS[name].measure(np.tile(y, times), np.tile(scores, times)), 0.95)
    assert often.value == pytest.approx(once.value, rel=1e-9, abs=1e-12)
    assert often.standard_error == pytest.approx(once.standard_error / math.sqrt(times), rel=0.2)
    assert once.lower < often.lower < often.upper < once.upper


@given(seed=st.integers(0, 10_000), value=st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_a_constant_score_has_an_auc_of_one_half_and_no_doubt_about_it(seed: int, value: float) -> None:
    y, _, _ = rows("binary", 50, seed)
    found = METRICS["roc_auc"].measure(y, np.full(50, value))
    assert found.value == 0.5
    assert interval(found, 0.95).standard_error == 0


@given(seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_auc_depends_on_the_order_of_the_scores_alone(seed: int) -> None:
    y, scores, _ = rows("binary", 70, seed, ties=True)
    plain, bent = (METRICS["roc_auc"].measure(y, each) for each in (scores, scores**3))
    assert bent.value == plain.value
    assert np.array_equal(bent.influence, plain.influence)
    assert METRICS["roc_auc"].measure(1 - y, 1 - scores).value == plain.value


def test_the_paired_auc_interval_is_that_of_mlstatkit() -> None:
    # MLstatkit 0.1 says of these rows, with ties in both scores: z = -1.88491880, variance 3.4704323077420934e-05.
    at = np.arange(240)
    first = ((at * 37) % 101) / 101
    second = ((at * 37) % 101 + (at * 53) % 29) // 4 / 33.0
    y = ((at * 37) % 101 + (at * 11) % 60 > 85).astype(np.float64)
    metric = METRICS["roc_auc"]
    paired = interval(metric.advantage(metric.measure(y, first), metric.measure(y, second)), 0.95)
    assert paired.standard_error == pytest.approx(math.sqrt(3.4704323077420934e-05), rel=1e-9)
    assert paired.value / paired.standard_error == pytest.approx(1.8849188013213796, rel=1e-9)


@pytest.mark.parametrize("name", ["log_loss", "roc_auc", "average_precision", "f1", "r2", "rmse"])
def test_the_paired_bounds_are_those_of_scipys_bootstrap_within_its_noise(name: str) -> None:
    y, first, second = example(name, count=400, seed=5)
    metric = METRICS[name]

    def advantage(at: NDArray[np.intp]) -> float:
        measured = metric.advantage(metric.measure(y[at], first[at]), metric.measure(y[at], second[at]))
        return measured.value

    drawn = stats.bootstrap(
        (np.arange(400),), advantage, n_resamples=1500, confidence_level=0.9, method="percentile", rng=7
    )
    found = interval(metric.advantage(metric.measure(y, first), metric.measure(y, second)), 0.95)
    assert found.standard_error == pytest.approx(drawn.standard_error, rel=0.12)
    for ours, theirs in zip((found.lower, found.upper), drawn.confidence_interval, strict=True):
        assert abs(ours - theirs) < 0.3 * found.standard_error


@pytest.mark.parametrize("name", METRICS)
def test_a_model_beside_itself_has_no_advantage_and_no_doubt_about_it(name: str) -> None:
    y, scores, _ = example(name)
    found = METRICS[name].measure(y, scores)
    paired = interval(METRICS[name].advantage(found, found), 0.95)
    assert (paired.lower, paired.value, paired.upper) == (0, 0, 0)


@pytest.mark.parametrize("name", COUNTED)
@given(
    cells=st.lists(st.integers(0, 30), min_size=4, max_size=4).filter(
        lambda cells: cells[0] + cells[1] > 1 and cells[2] + cells[3] > 1
    )
)
@settings(max_examples=40, deadline=None)
def test_a_count_of_zero_anywhere_gives_what_scikit_learn_gives(name: str, cells: list[int]) -> None:
    y = np.repeat([0.0, 0.0, 1.0, 1.0], cells)
    scores = np.repeat([0.2, 0.7, 0.2, 0.7], cells)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is undefined is 0 there, with a warning
        expected = ORACLE[name](y, scores)
    found = METRICS[name].measure(y, scores)
    assert found.value == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert np.isfinite(found.influence).all()
    assert found.influence.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("threshold", [0.2, 0.7])
def test_another_threshold_is_another_metric_with_a_name_of_its_own(name: str, threshold: float) -> None:
    y, scores, _ = example(name)
    moved = METRICS[name].at(threshold)
    assert moved.name == f"{name}@{threshold}"
    shifted = np.where(scores >= threshold, 0.9, 0.1)
    assert moved.measure(y, scores).value == METRICS[name].measure(y, shifted).value
    assert METRICS[name].at(0.5) is METRICS[name]
    assert METRICS["log_loss"].at(threshold) is METRICS["log_loss"]


@pytest.mark.parametrize("name", COUNTED)
def test_the_bootstrap_of_the_table_is_that_of_the_rows(name: str) -> None:
    y, first, second = example(name, count=500, seed=3)
    counted = METRICS[name].counted
    assert counted is not None
    table = Table.of(y, first, second, 0.5)
    draw = np.random.default_rng(0)
    rows_drawn = []
    for _ in range(2000):
        at = draw.integers(0, 500, size=500)
        drawn = Table.of(y[at], first[at], second[at], 0.5)
        rows_drawn.append(counted.value(drawn.first) - counted.value(drawn.second))
    expected = np.quantile(rows_drawn, [0.05, 0.95])
    found = counted.advantage(table).interval(0.95)
    assert found.value == pytest.approx(counted.value(table.first) - counted.value(table.second), abs=1e-12)
    assert found.standard_error == pytest.approx(float(np.std(rows_drawn)), rel=0.08)
    assert [found.lower, found.upper] == pytest.approx(expected, abs=0.006)


def test_the_cost_of_the_bootstrap_does_not_depend_on_the_number_of_rows() -> None:
    taken = []
    for rows_ in (1_000, 1_000_000_000):
        shares = np.array([[[0.3, 0.1], [0.1, 0.1]], [[0.1, 0.05], [0.05, 0.2]]])
        counts = (shares * rows_).astype(np.intp)
        counted = METRICS["f1"].counted
        assert counted is not None
        best = math.inf
        for _ in range(3):
            started = time.process_time()
            counted.advantage(Table(counts))
            best = min(best, time.process_time() - started)
        taken.append(best)
    assert taken[1] < 5 * taken[0] + 0.05


def ap_of_weighted(y: Array, scores: Array, weights: Array) -> float:
    return float(oracle.average_precision_score(y, scores, sample_weight=weights))


@pytest.mark.parametrize("ties", [False, True])
def test_the_influences_of_average_precision_are_its_derivatives_by_the_weights(ties: bool) -> None:
    y, scores, _ = rows("binary", 60, 2, ties)
    found = METRICS["average_precision"].measure(y, scores)
    step = 1e-6
    slopes = []
    for at in range(60):
        up, down = np.ones(60), np.ones(60)
        up[at] += step
        down[at] -= step
        slopes.append((ap_of_weighted(y, scores, up) - ap_of_weighted(y, scores, down)) / (2 * step))
    assert found.influence == pytest.approx(np.array(slopes) * math.sqrt(60 / 59), abs=1e-8)


@given(seed=st.integers(0, 10_000), value=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_a_constant_score_has_the_share_of_positives_as_its_average_precision(
    seed: int, value: float
) -> None:
    y, _, _ = rows("binary", 50, seed)
    found = METRICS["average_precision"].measure(y, np.full(50, value))
    assert found.value == pytest.approx(y.mean(), abs=1e-12)
