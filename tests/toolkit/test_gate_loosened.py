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
    }
    return {**base, **changed}


def first_check(**changed: float) -> list[dict[str, Any]]:
    one, two = policy()["checks"]
    return [{**one, **changed}, two]


LOOSER = [
    (policy(checks=first_check(min_skill=0.2)), "log_loss.min_skill 0.3 -> 0.2"),
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
    (policy(confidence=0.9), "confidence 0.95 -> 0.9"),
    (policy(floor_mode="point"), "floor_mode confident -> point"),
    (
        policy(on_inconclusive={"pull_request": "warn", "release": "fail"}),
        "on_inconclusive.pull_request fail -> warn",
    ),
    (policy(baselines=["constant"]), "baselines: linear -> gone"),
    (policy(too_good={"skill": 0.95}), "too_good.skill 0.9 -> 0.95"),
    (policy(too_good=None), "too_good.skill 0.9 -> gone"),
]


@pytest.mark.parametrize(("change", "named"), LOOSER, ids=[named for _, named in LOOSER])
def test_each_looser_number_is_named(change: dict[str, Any], named: str) -> None:
    assert loosened(parse(policy()), parse(change), "binary") == [named]


@pytest.mark.parametrize(("looser", "named"), LOOSER, ids=[named for _, named in LOOSER])
def test_what_asks_for_more_is_not_named(looser: dict[str, Any], named: str) -> None:
    assert loosened(parse(looser), parse(policy()), "binary") == []


def test_the_same_policy_is_not_looser_and_a_review_of_what_is_too_good_is_none_either() -> None:
    reviewed = policy(too_good={"skill": 0.9, "reviewed": "Ada, 2026-11-02: no leak"})
    assert loosened(parse(policy()), parse(policy()), "binary") == []
    assert loosened(parse(policy()), parse(reviewed), "binary") == []
