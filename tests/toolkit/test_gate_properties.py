"""What must change a judgement, and what must not, in both engines: order, orientation, copies, rows left out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.gate.findings import Estimate, Report, Verdict
from fearless.gate.intervals import Array, Measured
from fearless.gate.metrics import TABLES, Metric

from .engines import BINARY, CLASSES, KINDS, RANKED, REGRESSION, binary, classes, hold, regression
from .test_gate_streaming import both

ALL = [(task, name) for task, table in TABLES.items() for name in table]
MEANS = [(task, name) for task, name in ALL if TABLES[task][name].loss]
FILES = {"binary": BINARY, "regression": REGRESSION, "multiclass": CLASSES}


def golden(task: str, rows: int, seed: int, kind: str = "smooth") -> pl.DataFrame:
    if task == "regression":
        return regression(rows, seed, 3.0)
    return binary(rows, seed, kind) if task == "binary" else classes(rows, seed)


def compared(report: Report) -> dict[str, Estimate]:
    """What is known of the difference to the champion, by check."""
    return {
        check.id: check.estimate
        for check in report.checks
        if check.against == "champion" and check.estimate and check.kind != "slice"
    }


@pytest.mark.parametrize("task", FILES)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS), block=st.integers(64, 900))
@settings(max_examples=6, deadline=None)
def test_the_order_of_the_rows_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, task: str, seed: int, kind: str, block: int
) -> None:
    rows = golden(task, 600, seed, kind)
    straight = both(tmp_path_factory.mktemp("straight"), rows, FILES[task], block)
    shuffled = both(
        tmp_path_factory.mktemp("shuffled"),
        rows.sample(fraction=1, shuffle=True, seed=seed),
        FILES[task],
        block,
    )
    hold(straight[0], shuffled[1], slack=1e-6)
    hold(shuffled[0], straight[1], slack=1e-6)
    for one, other in zip(straight, shuffled, strict=True):
        assert [check.verdict for check in one.checks] == [check.verdict for check in other.checks]
        for check, too in zip(one.checks, other.checks, strict=True):
            if check.estimate and too.estimate and check.kind != "slice":
                assert too.estimate.lower == pytest.approx(check.estimate.lower, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("task", FILES)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=6, deadline=None)
def test_what_speaks_for_the_candidate_speaks_against_it_as_the_champion(
    tmp_path_factory: pytest.TempPathFactory, task: str, seed: int
) -> None:
    rows = golden(task, 600, seed)
    swapped = rows.rename(
        lambda name: (
            name.replace("candidate", "champion")
            if name.startswith("candidate")
            else name.replace("champion", "candidate")
        )
    )
    # The bounds of counts are percentiles of draws, which are other ones the other way round.
    for one, other in zip(
        both(tmp_path_factory.mktemp("one"), rows, FILES[task]),
        both(tmp_path_factory.mktemp("other"), swapped, FILES[task]),
        strict=True,
    ):
        ours, theirs = compared(one), compared(other)
        assert ours.keys() == theirs.keys()
        assert len(ours) >= 2
        for name, estimate in ours.items():
            slack = 0.1 * (estimate.upper - estimate.lower) + 1e-9
            assert theirs[name].value == pytest.approx(-estimate.value, rel=1e-6, abs=1e-9), name
            assert theirs[name].lower == pytest.approx(-estimate.upper, abs=slack), name


@pytest.mark.parametrize("task", FILES)
@given(seed=st.integers(0, 10_000), times=st.integers(2, 5))
@settings(max_examples=5, deadline=None)
def test_copies_of_all_rows_keep_every_value_and_narrow_every_interval(
    tmp_path_factory: pytest.TempPathFactory, task: str, seed: int, times: int
) -> None:
    rows = golden(task, 400, seed)
    for once, often in zip(
        both(tmp_path_factory.mktemp("once"), rows, FILES[task]),
        both(tmp_path_factory.mktemp("often"), pl.concat([rows] * times), FILES[task]),
        strict=True,
    ):
        for name, estimate in compared(once).items():
            more = compared(often)[name]
            loose = 0.05 if name.split(".")[0] in RANKED else 1e-6  # other bins
            assert more.value == pytest.approx(estimate.value, rel=loose, abs=1e-3 if loose > 0.01 else 1e-9)
            assert more.upper - more.lower < estimate.upper - estimate.lower, name


@given(seed=st.integers(0, 10_000), score=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
@settings(max_examples=8, deadline=None)
def test_a_constant_score_ranks_nothing_and_both_engines_are_sure_of_it(
    tmp_path_factory: pytest.TempPathFactory, seed: int, score: float
) -> None:
    rows = binary(500, seed, "smooth").with_columns(candidate=pl.lit(score))
    for report in both(tmp_path_factory.mktemp("rows"), rows, BINARY):
        candidate = next(each for each in report.models if each.name == "candidate")
        auc, precision = (candidate.metrics[name] for name in RANKED)
        assert auc.value == 0.5
        # The streaming engine takes the root of sums that cancel, which leaves the root of a rounding error.
        assert auc.standard_error == pytest.approx(0, abs=1e-7)
        assert (auc.lower, auc.upper) == pytest.approx((0.5, 0.5), abs=1e-7)
        assert precision.value == pytest.approx(rows["y_true"].mean(), rel=1e-9)


@pytest.mark.parametrize("task", FILES)
@given(seed=st.integers(0, 10_000), at=st.integers(0, 599), which=st.integers(0, 9))
@settings(max_examples=8, deadline=None)
def test_nan_in_any_row_is_one_sentence_that_names_it(
    tmp_path_factory: pytest.TempPathFactory, task: str, seed: int, at: int, which: int
) -> None:
    rows = golden(task, 600, seed)
    numbers = [name for name in rows.columns if name.startswith(("candidate", "champion"))]
    column = numbers[which % len(numbers)]
    values = rows[column].to_list()
    values[at] = math.nan
    bad = rows.with_columns(pl.Series(column, values))
    for report in both(tmp_path_factory.mktemp("rows"), bad, FILES[task]):
        assert (report.verdict, report.checks, len(report.errors)) == (Verdict.ERROR, [], 1)
        assert f"row {at + 1}: `{column}` is NaN" in report.errors[0]


@pytest.mark.parametrize("task", FILES)
def test_one_class_or_value_only_is_one_sentence(tmp_path: Path, task: str) -> None:
    rows = golden(task, 500, 1)
    one = rows.with_columns(y_true=pl.lit(rows["y_true"][0]))
    for report in both(tmp_path, one, FILES[task]):
        assert (report.verdict, len(report.errors)) == (Verdict.ERROR, 1)
        assert "only" in report.errors[0]


AMOUNTS = ("true_positive", "false_positive", "false_negative", "true_negative")


@given(amounts=st.lists(st.integers(-2, 2), min_size=4, max_size=4), seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_amounts_of_zero_count_as_nothing_and_those_that_decide_nothing_are_refused(
    tmp_path_factory: pytest.TempPathFactory, amounts: list[int], seed: int
) -> None:
    rows = binary(400, seed, "smooth")
    worth = ", ".join(f"{name}: {amount}" for name, amount in zip(AMOUNTS, amounts, strict=True))
    policy = (
        "version: 1\nchecks:\n  - {metric: value, floor: -9, max_drop: 5}\nbaselines: [constant]\n"
        f"value: {{currency: EUR, per: row, {worth}}}\n"
    )
    exact, streamed = both(tmp_path_factory.mktemp("rows"), rows, policy, task="binary")
    of = dict(zip(AMOUNTS, amounts, strict=True))
    if of["true_positive"] == of["false_negative"] and of["true_negative"] == of["false_positive"]:
        for report in (exact, streamed):
            assert report.verdict is Verdict.ERROR
            assert "value: yes and no are worth the same on every row" in report.errors[0]
        return
    hold(exact, streamed)
    y = rows["y_true"].to_numpy() == 1
    for model in ("candidate", "champion"):
        yes = rows[model].to_numpy() >= 0.5
        cells = dict(zip(AMOUNTS, (y & yes, ~y & yes, y & ~yes, ~y & ~yes), strict=True))
        by_hand = sum(float(cells[name].mean()) * of[name] for name in AMOUNTS)
        assert exact.value is not None
        assert getattr(exact.value, model).value == pytest.approx(by_hand, abs=1e-12)


def test_a_level_that_no_row_has_is_no_part(tmp_path: Path) -> None:
    levels = pl.Enum(["north", "south", "east", "nowhere"])
    rows = binary(1500, 2, "smooth").with_columns(pl.col("region").cast(levels))
    # In the south nobody has the plan `plus`: of the pairs of both columns one has no row.
    rows = rows.filter(~((pl.col("region") == "south") & (pl.col("plan") == "plus")).fill_null(value=False))
    reports = both(tmp_path, rows, BINARY)
    hold(*reports)
    for report in reports:
        assert {part.level for part in report.slices if part.by == "region"} == {"north", "south", "east"}


@given(seed=st.integers(0, 10_000))
@settings(max_examples=5, deadline=None)
def test_a_class_that_no_row_has_and_no_model_names_changes_no_figure(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rows = classes(500, seed)
    more = rows.with_columns(candidate_purple=pl.lit(0.0), champion_purple=pl.lit(0.0))
    without = both(tmp_path_factory.mktemp("without"), rows, CLASSES)
    reports = both(tmp_path_factory.mktemp("with"), more, CLASSES)
    hold(*reports)
    for one, other in zip(without, reports, strict=True):
        assert compared(other) == compared(one)


def rows_of(task: str, seed: int) -> tuple[Array, Array]:
    """40 rows with every cell of yes and no, and some equal scores."""
    draw = np.random.default_rng(seed)
    if task == "regression":
        y = draw.normal(size=40) * 3 + 1
        return y, y + draw.normal(size=40)
    if task == "multiclass":
        y = draw.integers(0, 3, 40).astype(np.float64)
        y[:6] = [0, 1, 2, 0, 1, 2]
        shares = np.exp(draw.normal(size=(40, 3)) + np.eye(3)[y.astype(int)])
        return y, shares / shares.sum(axis=1, keepdims=True)
    y = (draw.random(40) < 0.4).astype(np.float64)
    noise = 0.3 * draw.normal(size=40)
    scores = np.asarray(np.round(np.clip(0.25 + 0.3 * y + noise, 0.01, 0.99), 2), dtype=np.float64)
    y[:8], scores[:8] = [0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.7, 0.9, 0.3, 0.4, 0.6, 0.8]
    return y, scores


def left_out(metric: Metric, y: Array, scores: Array, rows: int) -> Array:
    """(rows,) how the value changes when one of the first rows is not there: its weight is zero then."""
    whole = metric.measure(y, scores).value
    return np.array(
        [metric.measure(np.delete(y, at), np.delete(scores, at, axis=0)).value - whole for at in range(rows)]
    )


def foretold(found: Measured, y: Array, metric: Metric) -> Array:
    """(n,) the same to first order, from the influences: they are derivatives by the weights of the rows."""
    n = np.full(len(y), float(len(y)))
    if metric.name == "roc_auc":  # whose influences are scaled by the rows of their own class
        n = np.where(y > 0.5, y.sum(), len(y) - y.sum())
    return np.asarray(-found.influence * np.sqrt(n / (n - 1)))


@pytest.mark.parametrize(("task", "name"), [*MEANS, ("binary", "roc_auc")])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_row_of_weight_zero_is_a_row_that_is_not_there(task: str, name: str, seed: int) -> None:
    metric, (y, scores) = TABLES[task][name], rows_of(task, seed)
    found = foretold(metric.measure(y, scores), y, metric)
    assert left_out(metric, y, scores, 40) == pytest.approx(found, rel=1e-9, abs=1e-12)


def unforetold(metric: Metric, y: Array, scores: Array, times: int, wrong: float = 1.0) -> float:
    """How far at most what leaving a row out does is from what its influence says, among so many copies of all rows."""
    y, scores = np.tile(y, times), np.tile(scores, (times, *[1] * (scores.ndim - 1)))
    found = wrong * foretold(metric.measure(y, scores), y, metric)[:40]
    return float(np.max(np.abs(left_out(metric, y, scores, 40) - found)))


@pytest.mark.parametrize(("task", "name"), [each for each in ALL if each not in MEANS])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_the_influence_of_a_row_says_to_first_order_what_leaving_it_out_does(
    task: str, name: str, seed: int
) -> None:
    metric, (y, scores) = TABLES[task][name], rows_of(task, seed)
    few, many = (unforetold(metric, y, scores, times) for times in (4, 16))
    assert many <= few / 10 + 1e-12  # four times the rows: a sixteenth, as what is left is of second order


@pytest.mark.parametrize(("task", "name"), ALL)
def test_influences_that_are_off_by_a_twentieth_foretell_nothing(task: str, name: str) -> None:
    metric, (y, scores) = TABLES[task][name], rows_of(task, 3)
    few, many = (unforetold(metric, y, scores, times, wrong=1.05) for times in (4, 16))
    assert many > few / 10


def test_every_metric_is_either_a_mean_or_held_to_first_order() -> None:
    assert len(ALL) == sum(len(table) for table in TABLES.values()) > len(MEANS) > 0
    named: dict[str, Any] = {name: TABLES[task][name] for task, name in ALL if (task, name) not in MEANS}
    assert {"roc_auc", "average_precision", "f1", "mcc", "rmse", "r2", "macro_f1"} <= named.keys()
