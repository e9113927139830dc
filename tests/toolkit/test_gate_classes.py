"""More than two classes: the values of scikit-learn, intervals, verdicts, and what cannot be judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from fearless.core.errors import FearlessError
from fearless.gate.evidence import Tango
from fearless.gate.findings import Report, Verdict
from fearless.gate.intervals import Array, interval
from fearless.gate.levels import Levels
from fearless.gate.metrics import MULTICLASS
from fearless.gate.policy import parse, requirements
from fearless.gate.verdict import judge

CLASSES = ("bird", "cat", "dog", "eel")


def rows(count: int, seed: int = 0, noise: float = 1.0) -> tuple[Array, Array, Array]:
    """Numbers of classes, and the probabilities of two models of equal quality."""
    draw = np.random.default_rng(seed)
    signal = draw.normal(size=(count, 4)) * 1.5 + np.array([0.5, 0.3, 0.0, -1.0])
    y = np.argmax(signal + draw.gumbel(size=(count, 4)), axis=1).astype(np.float64)
    one, other = (_softmax(signal + noise * draw.normal(size=(count, 4))) for _ in range(2))
    return y, one, other


def _softmax(straight: Array) -> Array:
    powers = np.exp(straight)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _said(scores: Array) -> Array:
    return np.asarray(np.argmax(scores, axis=1), dtype=np.float64)


ORACLE: dict[str, Callable[[Array, Array], float]] = {
    "log_loss": lambda y, p: oracle.log_loss(y, p, labels=[0, 1, 2, 3]),
    "brier": lambda y, p: float(np.mean(np.sum(np.square(p - np.eye(4)[y.astype(int)]), axis=1))),
    "accuracy": lambda y, p: oracle.accuracy_score(y, _said(p)),
    "macro_f1": lambda y, p: float(oracle.f1_score(y, _said(p), average="macro")),
}


@pytest.mark.parametrize("name", MULTICLASS)
@pytest.mark.parametrize("seed", range(4))
def test_the_value_is_that_of_scikit_learn(name: str, seed: int) -> None:
    y, scores, _ = rows(300, seed)
    assert MULTICLASS[name].measure(y, scores).value == pytest.approx(ORACLE[name](y, scores), rel=1e-12)


@pytest.mark.parametrize("name", MULTICLASS)
@pytest.mark.parametrize("what", ["value", "advantage"])
def test_the_standard_error_is_that_of_the_bootstrap(name: str, what: str) -> None:
    y, one, other = rows(800, 3)
    metric = MULTICLASS[name]

    def measured(at: Any) -> float:
        first, second = metric.measure(y[at], one[at]), metric.measure(y[at], other[at])
        return first.value if what == "value" else metric.advantage(first, second).value

    draw = np.random.default_rng(0)
    spread = np.std([measured(draw.integers(0, 800, size=800)) for _ in range(500)])
    first, second = metric.measure(y, one), metric.measure(y, other)
    found = first if what == "value" else metric.advantage(first, second)
    assert interval(found, 0.95).standard_error == pytest.approx(spread, rel=0.12)


@given(seed=st.integers(0, 10_000), kept=st.sets(st.integers(0, 3), min_size=2))
@settings(max_examples=25, deadline=None)
def test_classes_that_never_occur_are_left_out_of_macro_f1_as_in_scikit_learn(
    seed: int, kept: set[int]
) -> None:
    y, scores, _ = rows(60, seed)
    there = np.isin(y, list(kept))
    y, scores = y[there], scores[there]
    if len(y) < 2:
        return
    found = MULTICLASS["macro_f1"].measure(y, scores)
    assert found.value == pytest.approx(ORACLE["macro_f1"](y, scores), rel=1e-12, abs=1e-12)
    assert found.influence.sum() == pytest.approx(0, abs=1e-9)


def judged(
    candidate: Array, champion: Array | None, truth: Array, *checks: dict[str, Any], **more: Any
) -> Report:
    lines = list(checks or ({"metric": "primary", "min_skill": 0.1, "max_skill_drop": 0.05},))
    policy = parse({"version": 1, "checks": lines, "baselines": ["constant"], **more.pop("policy", {})})
    names = np.array(CLASSES)[truth.astype(int)]
    shares = np.bincount(truth.astype(int), minlength=4) / len(truth)
    constant = {"constant": np.tile(shares, (len(truth), 1))}
    more = {"classes": CLASSES, "baselines": constant, "y": names, **more}
    return judge(policy, "multiclass", candidate=candidate, champion=champion, **more)


MARGINS = [
    {"metric": "accuracy", "floor": 0.3, "max_drop": 0.03},
    {"metric": "macro_f1", "max_drop": 0.04},
    {"metric": "brier", "max_rise": 0.05},
]


def test_an_equal_model_passes_and_a_worse_one_fails() -> None:
    y, candidate, champion = rows(6000)
    equal = judged(
        candidate, champion, y, {"metric": "primary", "min_skill": 0.1, "max_skill_drop": 0.05}, *MARGINS
    )
    assert not equal.errors, equal.errors
    assert (equal.verdict, equal.primary) == (Verdict.PASS, "log_loss")
    worse = judged(np.roll(champion, 1, axis=1), champion, y, *MARGINS)
    assert {check.verdict for check in worse.checks if check.kind == "champion"} == {Verdict.FAIL}


def test_accuracy_has_tangos_interval() -> None:
    y, candidate, champion = rows(500)
    report = judged(candidate, champion, y, {"metric": "accuracy", "max_drop": 0.1})
    ours, theirs = _said(candidate) == y, _said(champion) == y
    expected = Tango(int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours)), 500).interval(0.95)
    assert report.checks[0].estimate is not None
    assert report.checks[0].estimate.lower == pytest.approx(expected.lower, abs=1e-9)


def test_each_part_is_judged_and_rows_of_a_group_count_once() -> None:
    y, candidate, champion = rows(3000)
    region = np.array(["north", "south"])[np.random.default_rng(0).integers(0, 2, size=3000)]
    report = judged(
        candidate,
        champion,
        y,
        *MARGINS,
        slices=[Levels.of("region", region)],
        policy={"slices": {"by": ["region"]}},
    )
    assert {each.metric for each in report.slices} == {"accuracy", "macro_f1", "brier"}
    assert {each.positives for each in report.slices} == {None}
    grouped = judged(candidate, champion, y, *MARGINS, groups=np.repeat(np.arange(300), 10))
    assert grouped.golden["groups"] == 300


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"classes": CLASSES[:3]}, "and the scores of the candidate have shape"),
        ({"y": np.full(200, "cow")}, "has the class `cow`, for which there are no scores."),
        ({"y": np.full(200, "cat")}, "The golden target has one class only (cat)"),
        ({"candidate": np.full((200, 4), np.nan)}, "gave NaN or infinity for 200 of 200"),
        ({"candidate": np.full((200, 4), 0.5)}, "they must be 0 or more and add up to 1"),
        ({"candidate": np.tile([1.5, -0.5, 0, 0], (200, 1))}, "they must be 0 or more and add up to 1"),
    ],
)
def test_what_cannot_be_judged_is_an_error(changed: dict[str, Any], said: str) -> None:
    y, candidate, champion = rows(200)
    if "classes" in changed:  # the names that are left must still be known
        y = np.minimum(y, 2)
    report = judged(changed.pop("candidate", candidate), champion, y, **changed)
    assert report.verdict is Verdict.ERROR
    assert said in report.errors[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"metric": "roc_auc", "floor": 0.7}, "`roc_auc` judges binary targets, and this is multiclass."),
        (
            {"metric": "accuracy", "threshold": 0.3, "floor": 0.7},
            "`accuracy` has none for multiclass targets.",
        ),
    ],
)
def test_what_is_for_two_classes_is_refused(line: dict[str, Any], said: str) -> None:
    with pytest.raises(FearlessError) as caught:
        requirements(parse({"version": 1, "checks": [line]}), "multiclass")
    assert said in str(caught.value)


def test_what_is_for_many_classes_is_refused_for_two() -> None:
    with pytest.raises(FearlessError, match="`macro_f1` judges multiclass targets, and this is binary"):
        requirements(parse({"version": 1, "checks": [{"metric": "macro_f1", "floor": 0.5}]}), "binary")


def test_the_skill_of_knowing_nothing_is_none() -> None:
    y, _, _ = rows(500)
    shares = np.tile(np.bincount(y.astype(int), minlength=4) / 500, (500, 1))
    found = MULTICLASS["log_loss"].measure(y, shares)
    assert math.isclose(MULTICLASS["log_loss"].skill(found, found).value, 0, abs_tol=1e-12)
