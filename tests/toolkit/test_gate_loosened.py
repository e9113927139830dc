"""What a change asks less of than its base is named; what it asks more of is not."""

from __future__ import annotations

from typing import Any

import pytest

from fearless.gate.loosened import loosened
from fearless.gate.policy import parse


def policy(**changed: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "version": 1,
        "confidence": 0.95,
        "on_inconclusive": {"pull_request": "fail", "release": "fail"},
        "checks": [
            {
                "metric": "log_loss",
                "min_skill": 0.3,
                "max_skill_drop": 0.02,
                "ceiling": 0.6,
                "max_rise": 0.01,
            },
            {"metric": "roc_auc", "floor": 0.8, "max_drop": 0.01},
        ],
        "baselines": ["constant", "linear"],
        "too_good": {"skill": 0.9},
        "calibration": {"ece_max": 0.03},
        "slices": {"by": ["region", "plan"], "min_rows": 200, "min_positives": 20},
        "budgets": {"p95_ms_ratio": 1.2, "model_mb": 50},
    }
    return {**base, **changed}


def first_check(**changed: float) -> list[dict[str, Any]]:
    one, two = policy()["checks"]
    return [{**one, **changed}, two]


LOOSER = [
    (policy(checks=first_check(min_skill=0.2)), "log_loss.min_skill 0.3 -> 0.2"),
    (policy(checks=first_check(min_skill=0.2999999)), "log_loss.min_skill 0.3 -> 0.2999999"),
    (policy(checks=first_check(max_skill_drop=0.05)), "log_loss.max_skill_drop 0.02 -> 0.05"),
    (policy(checks=first_check(ceiling=0.7)), "log_loss.ceiling 0.6 -> 0.7"),
    (policy(checks=first_check(max_rise=0.02)), "log_loss.max_rise 0.01 -> 0.02"),
    (
        policy(checks=[policy()["checks"][0], {"metric": "roc_auc", "floor": 0.7, "max_drop": 0.01}]),
        "roc_auc.floor 0.8 -> 0.7",
    ),
    (
        policy(checks=[policy()["checks"][0], {"metric": "roc_auc", "floor": 0.8}]),
        "roc_auc.max_drop 0.01 -> gone",
    ),
    (policy(floor_mode="point"), "floor_mode confident -> point"),
    (
        policy(on_inconclusive={"pull_request": "warn", "release": "fail"}),
        "on_inconclusive.pull_request fail -> warn",
    ),
    (policy(baselines=["constant"]), "baselines: linear -> gone"),
    (policy(too_good={"skill": 0.95}), "too_good.skill 0.9 -> 0.95"),
    (policy(too_good=None), "too_good.skill 0.9 -> gone"),
    (policy(calibration={"ece_max": 0.05}), "calibration.ece_max 0.03 -> 0.05"),
    (policy(calibration=None), "calibration.ece_max 0.03 -> gone"),
    (policy(slices={"by": ["region"]}), "slices.by: plan -> gone"),
    (policy(budgets={"p95_ms_ratio": 2, "model_mb": 50}), "budgets.p95_ms_ratio 1.2 -> 2"),
    (policy(budgets={"p95_ms_ratio": 1.2}), "budgets.model_mb 50 -> gone"),
]
# Another number of rows, confidence or worth may be less in either direction: each change of them is named.
OTHER = [
    (policy(slices={"by": ["region", "plan"], "min_rows": 100}), "slices.min_rows 200 -> 100"),
    (policy(slices={"by": ["region", "plan"], "min_rows": 900}), "slices.min_rows 200 -> 900"),
    (policy(slices={"by": ["region", "plan"], "min_positives": 10}), "slices.min_positives 20 -> 10"),
    (policy(confidence=0.9), "confidence 0.95 -> 0.9"),
    (policy(confidence=0.999999), "confidence 0.95 -> 0.999999"),
]


@pytest.mark.parametrize(("change", "named"), LOOSER, ids=[named for _, named in LOOSER])
def test_each_looser_number_is_named(change: dict[str, Any], named: str) -> None:
    assert loosened(parse(policy()), parse(change), "binary") == [named]


@pytest.mark.parametrize(("looser", "named"), LOOSER, ids=[named for _, named in LOOSER])
def test_what_asks_for_more_is_not_named(looser: dict[str, Any], named: str) -> None:
    assert loosened(parse(looser), parse(policy()), "binary") == []


@pytest.mark.parametrize(("change", "named"), OTHER, ids=[named for _, named in OTHER])
def test_another_number_of_rows_for_a_part_or_another_confidence_is_named_in_either_direction(
    change: dict[str, Any], named: str
) -> None:
    assert loosened(parse(policy()), parse(change), "binary") == [named]


def worth(**changed: Any) -> dict[str, Any]:
    cells = {"true_positive": 40, "false_positive": -5, "false_negative": -60, "true_negative": 0}
    return {"currency": "EUR", "per": "customer", **cells, **changed}


def test_another_worth_of_an_answer_is_named_and_another_word_for_the_currency_is_not() -> None:
    base = policy(value=worth())
    dearer, other = policy(value=worth(true_negative=2, threshold=0.4)), policy(value=worth(currency="USD"))
    assert loosened(parse(base), parse(dearer), "binary") == [
        "value.true_negative 0 -> 2",
        "value.threshold 0.5 -> 0.4",
    ]
    assert loosened(parse(base), parse(other), "binary") == []
    assert "value.true_positive 40 -> gone" in loosened(parse(base), parse(policy()), "binary")


def test_slices_that_are_gone_altogether_are_named_with_their_columns() -> None:
    found = loosened(parse(policy()), parse(policy(slices=None)), "binary")
    assert found[-2:] == ["slices.by: region -> gone", "slices.by: plan -> gone"]


def test_the_same_metric_at_another_threshold_or_turned_round_is_gone() -> None:
    base = policy(checks=[{"metric": "f1", "floor": 0.5}])
    moved = policy(checks=[{"metric": "f1", "threshold": 0.3, "floor": 0.5}])
    assert loosened(parse(base), parse(moved), "binary") == ["f1.floor 0.5 -> gone"]
    own = {"metric": "shop.metrics:cost", "direction": "lower", "max_rise": 5}
    turned = {"metric": "shop.metrics:cost", "direction": "higher", "max_drop": 5}
    assert loosened(parse(policy(checks=[own])), parse(policy(checks=[turned])), "binary") == [
        "shop.metrics:cost.max_rise 5 -> gone"
    ]


def test_the_same_policy_is_not_looser_and_a_review_of_what_is_too_good_is_none_either() -> None:
    reviewed = policy(too_good={"skill": 0.9, "reviewed": "Ada, 2026-11-02: no leak"})
    assert loosened(parse(policy()), parse(policy()), "binary") == []
    assert loosened(parse(policy()), parse(reviewed), "binary") == []
