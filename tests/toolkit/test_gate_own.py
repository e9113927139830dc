"""What an answer is worth, and the team's own metric: paired t, bootstrap, batches, and what is refused."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from fearless.core.errors import FearlessError
from fearless.gate.findings import Check, Report, Verdict
from fearless.gate.intervals import Array, Clusters, interval, mean
from fearless.gate.own import is_own, measured
from fearless.gate.policy import Policy, parse
from fearless.gate.verdict import judge
from fearless.pipeline.own_metrics import own_metrics

from .conftest import Tree

NAME = "shop.metrics:profit"
WORTH = {"true_positive": 40, "false_positive": -5, "false_negative": -60, "true_negative": 1}


def rows(count: int = 4000, seed: int = 0) -> tuple[Array, Array, Array]:
    draw = np.random.default_rng(seed)
    signal = draw.normal(size=count) * 2
    y = (draw.random(count) < _sigmoid(signal)).astype(np.float64)
    one, other = (_sigmoid(0.9 * signal + 0.3 * draw.normal(size=count)) for _ in range(2))
    return y, one, other


def _sigmoid(straight: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-straight)))


def profit_by_row(y: Array, scores: Array) -> Array:
    return np.where(scores >= 0.5, 40 * y - 5 * (1 - y), 0.0)


def profit(y: Array, scores: Array) -> float:
    return float(np.mean(profit_by_row(y, scores)))


def policy(*lines: dict[str, Any], **more: Any) -> Policy:
    return parse({"version": 1, "checks": list(lines), "baselines": [], **more})


def judged(asked: Policy, candidate: Array, champion: Array | None, y: Array, **more: Any) -> Report:
    return judge(asked, "binary", y, candidate, champion, {"constant": np.full(len(y), 0.5)}, **more)


def only(report: Report) -> Check:
    assert not report.errors, report.errors
    (check,) = report.checks
    return check


def test_a_row_is_worth_what_its_cell_is_worth_and_the_difference_is_paired() -> None:
    y, candidate, champion = rows()
    asked = policy(
        {"metric": "value", "floor": 5, "max_drop": 2},
        value={"currency": "EUR", "per": "customer", **WORTH, "threshold": 0.3},
    )
    report = judged(asked, candidate, champion, y)

    def by_hand(scores: Array) -> Array:
        yes = scores >= 0.3
        return np.select([yes & (y == 1), yes & (y == 0), ~yes & (y == 1)], [40, -5, -60], 1).astype(
            np.float64
        )

    worth = report.value
    assert worth is not None
    assert worth.champion is not None
    assert worth.difference is not None
    assert (worth.currency, worth.per) == ("EUR", "customer")
    assert worth.candidate.value == pytest.approx(by_hand(candidate).mean(), rel=1e-12)
    assert worth.champion.value == pytest.approx(by_hand(champion).mean(), rel=1e-12)
    expected = interval(mean(by_hand(candidate) - by_hand(champion)), 0.95)
    assert worth.difference.lower == pytest.approx(expected.lower, rel=1e-9)
    assert worth.difference.standard_error == pytest.approx(expected.standard_error, rel=1e-9)
    assert [(check.id, check.kind) for check in report.checks] == [
        ("value.floor", "value"),
        ("value.max_drop", "value"),
    ]
    assert report.verdict is Verdict.PASS


def test_a_model_that_is_worth_less_fails_and_the_first_one_is_only_weighed() -> None:
    y, candidate, champion = rows()
    asked = policy(
        {"metric": "value", "floor": 5, "max_drop": 1}, value={"currency": "EUR", "per": "row", **WORTH}
    )
    poor = judged(asked, np.where(candidate > 0.9, candidate, 0.1), champion, y)
    assert {check.id: check.verdict for check in poor.checks} == {
        "value.floor": Verdict.FAIL,
        "value.max_drop": Verdict.FAIL,
    }
    first = judged(asked, candidate, None, y)
    assert first.value is not None
    assert (first.value.champion, first.value.difference) == (None, None)


def test_what_knows_nothing_is_worth_what_its_one_answer_is_worth() -> None:
    y, candidate, champion = rows()
    asked = policy({"metric": "brier", "ceiling": 1}, value={"currency": "EUR", "per": "row", **WORTH})
    constant = np.full(len(y), 0.3)  # below the threshold: it never says yes
    report = judge(asked, "binary", y, candidate, champion, {"constant": constant})
    assert report.value is not None
    assert report.value.constant is not None
    by_hand = np.where(y == 1, -60.0, 1.0)
    assert report.value.constant.value == pytest.approx(by_hand.mean(), rel=1e-12)
    nothing = next(model for model in report.models if model.name == "constant")
    assert set(nothing.metrics) == {"brier", "log_loss"}


@pytest.mark.parametrize("worth", [dict.fromkeys(WORTH, 0), dict(zip(WORTH, (40, -5, 40, -5), strict=True))])
def test_answers_that_are_worth_the_same_whatever_they_say_are_refused(worth: dict[str, float]) -> None:
    with pytest.raises(FearlessError) as caught:
        policy({"metric": "value", "floor": 0}, value={"currency": "EUR", "per": "row", **worth})
    assert "gate.yaml: value: yes and no are worth the same on every row" in str(caught.value)
    for name in worth:
        some = {**worth, name: 7}
        assert policy({"metric": "value", "floor": 0}, value={"currency": "EUR", "per": "row", **some}).value


def test_each_unit_of_error_of_a_number_has_its_price() -> None:
    y = np.arange(200.0)
    asked = policy(
        {"metric": "value", "floor": -9}, value={"currency": "EUR", "per": "flight", "per_unit_error": -3}
    )
    report = judge(asked, "regression", y, y + 2, y - 4, {"constant": np.full(200, 99.0)})
    assert report.value is not None
    assert report.value.candidate.value == pytest.approx(-6)
    assert report.value.difference is not None
    assert report.value.difference.value == pytest.approx(6)


@pytest.mark.parametrize("name", ["shop.metrics:profit", "shop.a.b:c_1"])
def test_an_import_path_is_a_metric_of_the_team(name: str) -> None:
    assert is_own(name)


@pytest.mark.parametrize(
    "name", ["profit", "shop.metrics", "shop:", ":f", "shop.metrics:a b", "../x:y", "shop..a:f"]
)
def test_anything_else_is_none(name: str) -> None:
    assert not is_own(name)


def test_one_number_a_row_has_the_paired_t_interval() -> None:
    y, candidate, champion = rows()
    found = measured(NAME, profit_by_row, y, [candidate, champion], None)
    expected = interval(mean(profit_by_row(y, candidate) - profit_by_row(y, champion)), 0.95)
    assert found.difference is not None
    assert found.difference.interval(0.95).upper == pytest.approx(expected.upper, rel=1e-9)
    assert found.how == "one number a row, paired t"


@pytest.mark.parametrize(("seconds", "how"), [(600.0, "400 paired bootstrap"), (0.0, "30 batches")])
def test_a_single_number_is_resampled_or_dealt_into_batches_and_both_agree_with_the_t_interval(
    seconds: float, how: str
) -> None:
    y, candidate, champion = rows()
    found = measured(NAME, profit, y, [candidate, champion], None, seconds=seconds)
    expected = interval(mean(profit_by_row(y, candidate) - profit_by_row(y, champion)), 0.95)
    assert found.how.startswith(how)
    assert found.difference is not None
    got = found.difference.interval(0.95)
    assert got.value == pytest.approx(expected.value, rel=1e-12)
    # 400 samples know a standard error to 3.5 %, 30 batches to 13 %: three times that.
    assert got.standard_error == pytest.approx(expected.standard_error, rel=0.11 if seconds else 0.4)


@pytest.mark.parametrize("seconds", [600.0, 0.0])
def test_rows_that_belong_together_are_drawn_and_dealt_together(seconds: float) -> None:
    y, candidate, champion = rows(300)
    copies = np.repeat(np.arange(300), 9)
    given = y[copies], [candidate[copies], champion[copies]]
    alone = measured(NAME, profit, *given, None, seconds=seconds).difference
    together = measured(NAME, profit, *given, Clusters.of(copies), seconds=seconds).difference
    assert alone is not None
    assert together is not None
    wider = together.interval(0.95).standard_error / alone.interval(0.95).standard_error
    assert wider == pytest.approx(3, rel=0.35)


def test_the_judge_takes_it_in_the_direction_that_gate_yaml_says() -> None:
    y, candidate, champion = rows()
    poor = np.where(candidate > 0.9, candidate, 0.1)
    higher = policy({"metric": NAME, "direction": "higher", "max_drop": 1, "floor": 5})
    good = judged(higher, candidate, champion, y, own={NAME: profit})
    bad = judged(higher, poor, champion, y, own={NAME: profit_by_row})
    assert (good.verdict, bad.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert [check.id for check in good.checks] == [f"{NAME}.floor", f"{NAME}.max_drop"]
    assert f"{NAME}: 400 paired bootstrap samples." in good.notes
    lower = policy({"metric": NAME, "direction": "lower", "max_rise": 1})
    cost = {NAME: lambda y, scores: -profit(y, scores)}
    assert only(judged(lower, candidate, champion, y, own=cost)).verdict is Verdict.PASS
    assert only(judged(lower, poor, champion, y, own=cost)).verdict is Verdict.FAIL
    estimate = only(judged(lower, poor, champion, y, own=cost)).estimate
    assert estimate is not None
    assert estimate.lower < estimate.value < estimate.upper < 0


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *_: "much", "returned str, not a number"),
        (lambda *_: None, "gave NaN or infinity on 100 rows"),
        (lambda *_: math.nan, "gave NaN or infinity on 100 rows"),
        (lambda y, _: np.where(y == 1, np.inf, 0), "gave NaN or infinity for"),
        (lambda _, scores: scores[:5], "returned an array of shape (5,) for 100 rows"),
        (lambda y, scores: y if scores[0] < 0.5 else 3.0, "a number for one model and rows for the other"),
    ],
)
def test_what_is_no_measure_is_refused_in_a_sentence(function: Any, said: str) -> None:
    y = np.tile([0.0, 1.0], 50)
    with pytest.raises(FearlessError, match=re.escape(said)):
        measured(NAME, function, y, [np.full(100, 0.3), np.full(100, 0.8)], None)


def test_too_few_rows_for_batches_are_refused_with_a_way_out() -> None:
    y, candidate, champion = rows(40)
    with pytest.raises(FearlessError, match="let it return one number for each row"):
        measured(NAME, profit, y, [candidate, champion], None, seconds=0.0)


def test_a_metric_that_nobody_brought_along_is_an_error() -> None:
    y, candidate, champion = rows(200)
    asked = policy({"metric": NAME, "direction": "higher", "floor": 5})
    assert "was not brought along" in judged(asked, candidate, champion, y).errors[0]


ASKED = {"metric": NAME, "direction": "higher", "floor": 5}


def test_the_function_is_loaded_from_the_teams_package(tree: Tree) -> None:
    tree.code("metrics.py", "def profit(y, scores):\n    return (y * (scores > 0.5)).mean()\n")
    (function,) = own_metrics(tree.team, policy(ASKED)).values()
    assert function(np.array([1.0, 0.0]), np.array([0.9, 0.9])) == 0.5


def test_code_that_changes_its_arguments_changes_nothing_else(tree: Tree) -> None:
    tree.code("metrics.py", "def profit(y, scores):\n    scores.sort()\n    return 1.0\n")
    (function,) = own_metrics(tree.team, policy(ASKED)).values()
    scores = np.array([0.9, 0.1])
    function(np.array([1.0, 0.0]), scores)
    assert scores.tolist() == [0.9, 0.1]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        (
            "other.metrics:profit",
            "",
            "is not in the team's package `shop`. Write it as `shop.metrics:profit`.",
        ),
        ("shop:profit", "", "is not in the team's package `shop`."),
        (NAME, None, "src/shop/metrics.py is missing. It must define profit(y, scores)."),
        (NAME, "def gain(y, scores): ...\n", "src/shop/metrics.py defines no profit(y, scores). Add it."),
        (NAME, "def profit(y): ...\n", "profit(y) cannot be called as profit(y, scores)."),
        (NAME, "import nothing_of_that_name\n", "src/shop/metrics.py, line 1, raised ModuleNotFoundError"),
    ],
)
def test_a_metric_that_cannot_be_loaded_is_told_by_its_place(
    tree: Tree, name: str, code: str | None, said: str
) -> None:
    if code is not None:
        tree.code("metrics.py", code)
    with pytest.raises(FearlessError, match=re.escape(said)):
        own_metrics(tree.team, policy({**ASKED, "metric": name}))


def test_what_the_teams_code_raises_is_told_with_file_and_line(tree: Tree) -> None:
    tree.code("metrics.py", "def profit(y, scores):\n    return 1 / 0\n")
    y, candidate, champion = rows(200)
    report = judged(policy(ASKED), candidate, champion, y, own=own_metrics(tree.team, policy(ASKED)))
    assert report.verdict is Verdict.ERROR
    assert "src/shop/metrics.py, line 2, raised ZeroDivisionError: division by zero" in report.errors[0]
