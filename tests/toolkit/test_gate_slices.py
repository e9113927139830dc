"""Slices: a part is measured as its rows alone; what is proven there, and what is too small."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.core.errors import FearlessError
from fearless.gate.findings import Check, Report, Slice, Verdict
from fearless.gate.intervals import Array, Clusters, interval
from fearless.gate.levels import MISSING, Levels, crossed
from fearless.gate.metrics import METRICS
from fearless.gate.policy import Policy, parse
from fearless.gate.verdict import judge
from fearless.pipeline.levels import levels_of

BY_REGION: dict[str, Any] = {"by": ["region"]}


def policy(*checks: dict[str, Any], slices: dict[str, Any] = BY_REGION) -> Policy:
    lines = list(checks or ({"metric": "log_loss", "max_rise": 0.02},))
    return parse({"version": 1, "checks": lines, "baselines": [], "slices": slices})


class Golden:
    """Rows with a region and a plan; two models of which one can be made worse where it is asked for."""

    def __init__(self, rows: int = 6000, seed: int = 0) -> None:
        self.draw = np.random.default_rng(seed)
        self.signal = self.draw.normal(size=rows) * 2
        self.y = (self.draw.random(rows) < _sigmoid(self.signal)).astype(np.float64)
        self.region = np.array(["north", "south", "west"], dtype="<U8")[self.draw.integers(0, 3, size=rows)]
        self.plan = np.array(["basic", "plus"])[self.draw.integers(0, 2, size=rows)]
        self.champion = self.model()

    def model(self, worse: Any = False) -> Array:
        noise = self.draw.normal(size=len(self.y))
        return _sigmoid(np.where(worse, 0.2, 0.9) * self.signal + np.where(worse, 1.2, 0.3) * noise)

    def levels(self) -> list[Levels]:
        return [Levels.of("region", self.region), Levels.of("plan", self.plan)]

    def judge(self, policy: Policy, candidate: Array, champion: Array | None = None, **more: Any) -> Report:
        more.setdefault("slices", self.levels())
        constant = {"constant": np.full(len(self.y), 0.5)}
        return judge(policy, "binary", self.y, candidate, champion, constant, **more)


def _sigmoid(straight: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-straight)))


def check_of(report: Report, name: str) -> Check:
    assert not report.errors, report.errors
    (found,) = [check for check in report.checks if check.id == name]
    return found


def part_of(report: Report, level: str, metric: str = "log_loss") -> Slice:
    (found,) = [each for each in report.slices if (each.level, each.metric) == (level, metric)]
    return found


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.task == "binary"])
def test_a_part_is_measured_as_if_its_rows_were_all_there_are(name: str, grouped: bool) -> None:
    golden = Golden(rows=1500)
    candidate = np.round(golden.model(), 2)  # with ties
    metric = METRICS[name]
    rule = "max_drop" if metric.better == "higher" else "max_rise"
    groups = golden.draw.integers(0, 300, size=1500) if grouped else None
    report = golden.judge(policy({"metric": name, rule: 0.5}), candidate, golden.champion, groups=groups)
    for level in ("north", "south", "west"):
        at = golden.region == level
        one, other = (metric.measure(golden.y[at], each[at]) for each in (candidate, golden.champion))
        together = Clusters.of(groups[at]) if groups is not None else None
        found = part_of(report, level, name)
        assert found.champion is not None
        assert found.difference is not None
        assert (found.rows, found.positives) == (int(at.sum()), int(golden.y[at].sum()))
        for estimate, measured in (
            (found.candidate, one),
            (found.champion, other),
            (found.difference, metric.advantage(one, other)),
        ):
            expected = interval(measured, 0.95, together)
            assert estimate.value == pytest.approx(expected.value, rel=1e-9, abs=1e-12)
            assert estimate.standard_error == pytest.approx(expected.standard_error, rel=1e-9)
            if not grouped:
                assert estimate.lower == pytest.approx(expected.lower, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["mse", "mae", "rmse", "r2"])
def test_a_part_of_a_regression_is_measured_on_its_rows_alone(name: str) -> None:
    golden = Golden(rows=900)
    y = golden.signal
    candidate, champion = y + golden.draw.normal(size=900), y + golden.draw.normal(size=900)
    metric = METRICS[name]
    rule = "max_drop" if metric.better == "higher" else "max_rise"
    judged_by = policy({"metric": name, rule: 1.5})
    constant = {"constant": np.full(900, float(y.mean()))}
    report = judge(judged_by, "regression", y, candidate, champion, constant, slices=golden.levels())
    at = golden.region == "south"
    expected = interval(
        metric.advantage(metric.measure(y[at], candidate[at]), metric.measure(y[at], champion[at])), 0.95
    )
    found = part_of(report, "south", name).difference
    assert found is not None
    assert (found.value, found.lower) == pytest.approx((expected.value, expected.lower), rel=1e-9)
    assert part_of(report, "south", name).positives is None


def test_a_candidate_that_is_worse_in_one_part_fails_there_and_an_equal_one_passes() -> None:
    golden = Golden()
    worse = golden.judge(policy(), golden.model(golden.region == "west"), golden.champion)
    check = check_of(worse, "log_loss.slices.region")
    assert (check.verdict, check.kind, check.rule) == (Verdict.FAIL, "slice", "slices")
    assert check.sentence.startswith("log_loss is proven worse than the champion's where region = west")
    assert part_of(worse, "west").verdict is Verdict.FAIL
    assert part_of(worse, "north").verdict is Verdict.PASS
    assert any("the part that got worse" in step for step in worse.next)
    equal = golden.judge(policy(), golden.model(), golden.champion)
    assert check_of(equal, "log_loss.slices.region").verdict is Verdict.PASS
    assert equal.verdict is Verdict.PASS


@pytest.mark.parametrize("rounding", [1e-14, 1e-9, 1e-7])
def test_scores_that_differ_by_rounding_are_worse_in_no_part(rounding: float) -> None:
    golden = Golden()
    champion = 0.8 * golden.champion  # too low, so that each step further down is a step from the truth
    asked = policy({"metric": "log_loss", "max_rise": 0.02}, {"metric": "brier", "max_rise": 0.02})
    report = golden.judge(asked, champion * (1 - rounding), champion)
    assert report.verdict is Verdict.PASS
    report = golden.judge(asked, champion * 0.999, champion)
    assert report.verdict is Verdict.FAIL, "a small drop in every row is proven all the same"


def test_a_part_that_its_own_bound_would_fail_may_not_fail_among_many() -> None:
    golden = Golden(rows=8000, seed=6)
    golden.region = np.array([f"r{at:02}" for at in range(40)])[golden.draw.integers(0, 40, size=8000)]
    slices = {"by": ["region"], "min_rows": 100, "min_positives": 20}
    report = golden.judge(policy(slices=slices), golden.model(), golden.champion)
    alone = [each for each in report.slices if each.difference and each.difference.upper < 0]
    assert alone, "choose another seed: no part looks worse by luck"
    assert check_of(report, "log_loss.slices.region").verdict is Verdict.PASS
    assert {each.verdict for each in alone} == {Verdict.PASS}


def test_what_fails_in_many_places_is_told_in_a_sentence_that_can_be_read() -> None:
    golden = Golden()
    golden.region = np.array([f"region {at:02}" for at in range(20)])[np.arange(6000) % 20]
    names = ("roc_auc", "average_precision", "accuracy", "f1", "recall", "mcc")
    asked = policy(*({"metric": name, "max_drop": 0.01} for name in names))
    report = golden.judge(asked, golden.model(worse=True), golden.champion)
    assert "roc_auc.max_drop, average_precision.max_drop, accuracy.max_drop" in report.summary
    assert report.summary.endswith("f1.max_drop, recall.max_drop and 7 more.")
    assert " and 14 more; 120 comparisons" in check_of(report, "roc_auc.slices.region").sentence


def test_too_few_rows_are_named_and_never_pass() -> None:
    golden = Golden()
    golden.region[:30] = "island"
    report = golden.judge(policy(), golden.model(), golden.champion)
    check = check_of(report, "log_loss.slices.region")
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "Too few rows to judge where region is island" in check.sentence
    assert check.rows_needed == 6000 * 200 / 30
    assert part_of(report, "island").verdict is Verdict.INCONCLUSIVE
    assert (
        "too few rows to judge (it needs 200, and 20 of the rarer class)"
        in part_of(report, "island").sentence
    )
    assert golden.judge(policy(), golden.model(), golden.champion, mode="release").exit_code == 3
    enough = {"by": ["region"], "min_rows": 30, "min_positives": 10}
    assert golden.judge(policy(slices=enough), golden.model(), golden.champion).verdict is Verdict.PASS


def test_a_part_of_one_class_cannot_be_measured_and_is_named_all_the_same() -> None:
    golden = Golden()
    golden.y[:500] = 0.0
    golden.region[:500] = "calm"
    report = golden.judge(policy({"metric": "roc_auc", "max_drop": 0.1}), golden.model(), golden.champion)
    assert "Too few rows to judge where region is calm" in check_of(report, "roc_auc.slices.region").sentence
    assert "calm" not in {each.level for each in report.slices}


def test_a_missing_level_is_a_part_of_its_own() -> None:
    golden = Golden()
    region = golden.region.astype(object)
    region[::5] = None
    given = [Levels.of("region", region)]
    report = golden.judge(policy(), golden.model(), golden.champion, slices=given)
    assert part_of(report, MISSING).rows == 1200


def test_without_a_champion_parts_are_shown_and_none_is_judged() -> None:
    golden = Golden()
    report = golden.judge(policy({"metric": "log_loss", "min_skill": 0.1}), golden.model())
    assert [check.kind for check in report.checks] == ["floor"]
    assert {each.verdict for each in report.slices} == {Verdict.INCONCLUSIVE}
    assert report.slices[0].difference is None
    assert "no champion yet" in report.slices[0].sentence
    assert report.verdict is Verdict.PASS
    assert report.worst_slice is not None


def test_a_column_that_is_missing_is_an_error_and_so_are_rows_that_differ() -> None:
    golden = Golden()
    absent = golden.judge(policy(slices={"by": ["country"]}), golden.model(), golden.champion)
    assert "slices.by: the golden data has no column `country`." in absent.errors[0]
    assert (absent.verdict, absent.slices) == (Verdict.ERROR, [])
    short = golden.judge(
        policy(), golden.model(), golden.champion, slices=[Levels.of("region", golden.region[:-1])]
    )
    assert "6,000 rows and the slices by region 5,999" in short.errors[0]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["b", None, "a", "b"], ["b", MISSING, "a", "b"]),
        ([True, False, None, True], ["true", "false", MISSING, "true"]),
        ([3, 1, 1, 2], ["3", "1", "1", "2"]),
    ],
)
def test_columns_of_the_golden_data_become_levels_whatever_their_type(
    values: list[Any], names: list[str]
) -> None:
    (found,) = levels_of(
        pl.DataFrame({"region": values, "other": [0, 0, 0, 0]}), policy(slices={"by": ["region"]})
    )
    assert [found.names[code] for code in found.codes] == names
    assert list(found.names) == sorted(set(names))


@pytest.mark.parametrize("values", [[["a"], ["b"]], [b"\xff", b"a"], [timedelta(1), timedelta(2)]])
def test_a_column_that_names_no_part_is_refused_in_a_sentence(values: list[Any]) -> None:
    with pytest.raises(FearlessError, match=r"`region` holds .*, which names no part of the rows"):
        list(levels_of(pl.DataFrame({"region": values}), policy()))


def test_a_column_that_the_golden_data_lacks_is_left_to_the_judge_to_name() -> None:
    assert list(levels_of(pl.DataFrame({"other": [1]}), policy(slices={"by": ["region"]}))) == []


def test_a_column_that_is_a_name_for_each_row_is_refused() -> None:
    with pytest.raises(FearlessError, match="has 1,000 levels in the golden data"):
        Levels.of("customer", np.arange(1000))


def test_every_metric_with_a_margin_is_compared_in_every_column() -> None:
    golden = Golden()
    judged_by = policy(
        {"metric": "log_loss", "min_skill": 0.1, "max_rise": 0.02, "max_skill_drop": 0.05},
        {"metric": "roc_auc", "max_drop": 0.05},
        {"metric": "brier", "ceiling": 0.5},
        slices={"by": ["region", "plan"]},
    )
    report = golden.judge(judged_by, golden.model(), golden.champion)
    assert [check.id for check in report.checks if check.kind == "slice"] == [
        "log_loss.slices.region",
        "roc_auc.slices.region",
        "log_loss.slices.plan",
        "roc_auc.slices.plan",
    ]
    assert len(report.slices) == 2 * (3 + 2)


def test_the_weakest_part_is_searched_for_among_pairs_and_decides_nothing() -> None:
    golden = Golden()
    corner = (golden.region == "north") & (golden.plan == "plus")
    candidate = golden.model(corner)
    judged_by = policy({"metric": "accuracy", "max_drop": 0.5}, slices={"by": ["region", "plan"]})
    report = golden.judge(judged_by, candidate, golden.champion)
    worst = report.worst_slice
    assert worst is not None
    assert (worst.by, worst.level, worst.metric) == ("region, plan", "north, plus", "log_loss")
    assert worst.rows == int(corner.sum())
    assert worst.verdict is Verdict.PASS
    assert "the weakest of 11 parts" in worst.sentence
    assert "decides nothing" in worst.sentence


def test_two_columns_cross_into_the_parts_that_have_rows() -> None:
    one, other = Levels.of("a", np.array([1, 1, 2])), Levels.of("b", np.array(["x", "y", "x"]))
    both = crossed(one, other)
    assert both.column == "a, b"
    assert [both.names[code] for code in both.codes] == ["1, x", "1, y", "2, x"]
    assert both.rows.tolist() == [1, 1, 1]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_the_order_of_the_rows_changes_no_part(seed: int) -> None:
    golden = Golden(rows=700, seed=seed)
    candidate = golden.model()
    order = golden.draw.permutation(700)
    judged_by = policy(
        {"metric": "roc_auc", "max_drop": 0.1},
        {"metric": "f1", "max_drop": 0.1},
        slices={"by": ["region"], "min_rows": 20, "min_positives": 10},
    )
    straight = golden.judge(judged_by, candidate, golden.champion)
    champion = golden.champion[order]
    golden.y, golden.region, golden.plan = golden.y[order], golden.region[order], golden.plan[order]
    shuffled = golden.judge(judged_by, candidate[order], champion)
    assert [each.verdict for each in straight.slices] == [each.verdict for each in shuffled.slices]
    for one, other in zip(straight.slices, shuffled.slices, strict=True):
        assert math.isclose(one.candidate.lower, other.candidate.lower, rel_tol=1e-9, abs_tol=1e-12)
