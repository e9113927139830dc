"""The judge: every verdict by a planted fault with a clean control beside it, and every reason for ERROR."""

from __future__ import annotations

import json
import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.gate import default_checks
from fearless.gate import verdict as judging
from fearless.gate.default_checks import DefaultCheck
from fearless.gate.findings import Check, Report, Verdict, exit_code, overall
from fearless.gate.intervals import Array
from fearless.gate.policy import Mode, Policy, Requirement, parse
from fearless.gate.verdict import judge, not_judged

FLOOR = {"metric": "log_loss", "min_skill": 0.1}
MARGIN = {"metric": "log_loss", "max_skill_drop": 0.02}


def policy(*checks: dict[str, Any], **more: Any) -> Policy:
    return parse({"version": 1, "checks": list(checks or (FLOOR,)), "baselines": [], **more})


class Golden:
    """Rows whose true probabilities are known, and models of a chosen quality; 1 knows all there is."""

    def __init__(self, rows: int = 4000, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        self.signal = draw.normal(size=rows) * 2
        self.y = (draw.random(rows) < _sigmoid(self.signal)).astype(np.float64)
        self.noise = draw.normal(size=(4, rows))
        self.constant = np.full(rows, 0.5)

    def model(self, quality: float, which: int = 0) -> Array:
        return _sigmoid(quality * self.signal + (1 - quality) * self.noise[which])

    def judge(self, policy: Policy, candidate: Array, champion: Array | None = None, **more: Any) -> Report:
        baselines = {"constant": self.constant, **more.pop("baselines", {})}
        return judge(policy, "binary", self.y, candidate, champion, baselines, **more)


def _sigmoid(straight: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-straight)))


def only(report: Report) -> Check:
    assert not report.errors, report.errors
    (check,) = report.checks
    return check


def error(report: Report) -> str:
    assert (report.verdict, report.exit_code, report.checks) == (Verdict.ERROR, 2, [])
    (sentence,) = report.errors
    assert sentence in report.summary
    return sentence


@pytest.mark.parametrize(
    ("limit", "verdict"), [(0.1, Verdict.PASS), (0.6, Verdict.FAIL), (None, Verdict.INCONCLUSIVE)]
)
@pytest.mark.parametrize("rule", ["min_skill", "floor", "ceiling"])
def test_a_floor_passes_fails_or_stays_open_by_the_bound(
    rule: str, limit: float | None, verdict: Verdict
) -> None:
    golden = Golden()
    metric = "roc_auc" if rule == "floor" else "log_loss"
    limits = {"min_skill": (0.1, 0.6), "floor": (0.7, 0.99), "ceiling": (0.6, 0.3)}[rule]
    wide = golden.judge(policy({"metric": metric, rule: limits[0]}), golden.model(0.9))
    estimate = only(wide).estimate
    assert estimate is not None
    # Within the bounds, on the good side: the number is reached, and not proven to be.
    within = (estimate.value + (estimate.upper if rule == "ceiling" else estimate.lower)) / 2
    number = {0.1: limits[0], 0.6: limits[1], None: within}[limit]
    check = only(golden.judge(policy({"metric": metric, rule: number}), golden.model(0.9)))
    assert check.verdict is verdict
    assert (check.rows_needed is not None) == (verdict is Verdict.INCONCLUSIVE)
    point = only(
        golden.judge(policy({"metric": metric, rule: number}, floor_mode="point"), golden.model(0.9))
    )
    assert point.verdict is (Verdict.FAIL if verdict is Verdict.FAIL else Verdict.PASS)


@pytest.mark.parametrize(
    "check",
    [MARGIN, {"metric": "roc_auc", "max_drop": 0.01}, {"metric": "log_loss", "max_rise": 0.01}],
)
def test_a_candidate_passes_beside_an_equal_champion_and_fails_beside_a_better_one(
    check: dict[str, Any],
) -> None:
    golden = Golden(rows=20_000)
    equal = golden.judge(policy(check), golden.model(0.97, 0), golden.model(0.97, 1))
    worse = golden.judge(policy(check), golden.model(0.4, 0), golden.model(0.97, 1))
    assert only(equal).verdict is Verdict.PASS
    assert only(worse).verdict is Verdict.FAIL
    assert (equal.exit_code, worse.exit_code) == (0, 1)


def test_a_worse_candidate_within_the_margin_passes_and_the_advantage_is_negative() -> None:
    golden = Golden(rows=20_000)
    check = only(golden.judge(policy(MARGIN), golden.model(0.93), golden.model(0.97)))
    assert check.estimate is not None
    assert -0.02 < check.estimate.lower < check.estimate.upper < 0
    assert check.verdict is Verdict.PASS


def test_a_drop_that_one_check_alone_would_call_proven_is_not_when_it_is_one_of_many() -> None:
    golden = Golden(rows=600)
    champion = golden.model(0.97, 1)
    one = {"metric": "log_loss", "max_rise": 0.0001}

    def p_value(report: Report) -> float:
        estimate = only(report).estimate
        assert estimate is not None
        return 1 - NormalDist().cdf(-estimate.value / estimate.standard_error)

    tried = (np.where(golden.noise[3] > 0, golden.model(at / 100), champion) for at in range(97, 40, -1))
    mixed = next(each for each in tried if 0.015 < p_value(golden.judge(policy(one), each, champion)) < 0.045)
    alone = only(golden.judge(policy(one), mixed, champion))
    others = [{"metric": name, "max_drop": 0.5} for name in ("roc_auc", "accuracy", "average_precision")]
    among = golden.judge(policy(one, *others), mixed, champion).checks[0]
    assert (alone.verdict, among.verdict) == (Verdict.FAIL, Verdict.INCONCLUSIVE)
    assert among.sentence.endswith("not by enough for one of 4 comparisons (Holm).")
    assert among.estimate == alone.estimate


def test_a_metric_of_yes_and_no_is_judged_at_its_own_threshold() -> None:
    golden = Golden(rows=20_000)
    champion = golden.model(0.97, 1)
    # Right at one half and silent below it: only the lower threshold sees what is lost.
    shy = np.where((champion > 0.2) & (champion < 0.5), 0.1, champion)
    lines = [{"metric": "recall", "threshold": at, "max_drop": 0.02} for at in (0.5, 0.3)]
    report = golden.judge(policy(*lines), shy, champion)
    verdicts = {check.id: check.verdict for check in report.checks}
    assert verdicts == {"recall.max_drop": Verdict.PASS, "recall@0.3.max_drop": Verdict.FAIL}
    assert set(report.models[0].metrics) == {"log_loss", "recall", "recall@0.3"}


def test_rows_that_belong_together_widen_the_bounds_of_a_count_too() -> None:
    golden = Golden(rows=300, seed=1)
    copies = np.repeat(np.arange(300), 40)
    given = golden.y[copies], golden.model(0.8, 0)[copies], golden.model(0.8, 1)[copies]
    baselines = {"constant": golden.constant[copies]}
    judged_by = policy({"metric": "f1", "max_drop": 0.02})
    alone = only(judge(judged_by, "binary", *given, baselines)).estimate
    together = only(judge(judged_by, "binary", *given, baselines, groups=copies)).estimate
    assert alone is not None
    assert together is not None
    assert together.standard_error == pytest.approx(alone.standard_error * math.sqrt(40), rel=0.1)


def test_few_rows_leave_the_comparison_open_and_say_how_many_would_settle_it() -> None:
    golden = Golden(rows=150, seed=1)
    report = golden.judge(policy(MARGIN), golden.model(0.5, 0), golden.model(0.5, 1))
    check = only(report)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.rows_needed is not None
    assert check.rows_needed > 150
    assert f"about {check.rows_needed:,} golden rows would settle it" in check.sentence
    assert any(f"{check.rows_needed:,} golden rows" in step for step in report.next)


def test_a_failure_is_not_answered_with_more_rows_for_what_is_open() -> None:
    golden = Golden(rows=150, seed=1)
    asked = policy(MARGIN, {"metric": "roc_auc", "floor": 0.999})
    report = golden.judge(asked, golden.model(0.5, 0), golden.model(0.5, 1))
    assert [each.verdict for each in report.checks] == [Verdict.INCONCLUSIVE, Verdict.FAIL]
    assert not [step for step in report.next if "golden rows would settle" in step]


@pytest.mark.parametrize(
    ("mode", "reaction", "code", "said"),
    [
        ("pull_request", "warn", 0, "this warns on a pull request"),
        ("pull_request", "fail", 3, "this counts as a failure on a pull request"),
        ("release", "warn", 0, "this warns on a release"),
        ("release", "fail", 3, "this counts as a failure on a release"),
    ],
)
def test_the_policy_says_what_an_open_verdict_means(mode: Mode, reaction: str, code: int, said: str) -> None:
    golden = Golden(rows=150, seed=1)
    judged_by = policy(MARGIN, on_inconclusive={mode: reaction})
    report = golden.judge(judged_by, golden.model(0.5, 0), golden.model(0.5, 1), mode=mode)
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, code)
    assert said in report.summary


def test_a_candidate_must_beat_each_baseline_by_the_bound() -> None:
    golden = Golden()
    rivals = {"one_feature": golden.model(0.5), "linear": golden.model(0.95)}
    judged_by = policy(baselines=["constant", "one_feature", "linear"])
    good = golden.judge(judged_by, golden.model(1.0), baselines={**rivals, "linear": golden.model(0.7)})
    poor = golden.judge(judged_by, golden.model(0.7), baselines=rivals)
    assert good.verdict is Verdict.PASS
    verdicts = {check.id: check.verdict for check in poor.checks if check.kind == "baseline"}
    assert verdicts == {
        "log_loss.beats_constant": Verdict.PASS,
        "log_loss.beats_one_feature": Verdict.PASS,
        "log_loss.beats_linear": Verdict.FAIL,
    }
    assert "fails 1 of 4 checks on 4,000 golden rows: log_loss.beats_linear." in poor.summary
    assert any("A simpler model does as well" in step for step in poor.next)


def test_a_candidate_that_is_a_baseline_fails_and_one_that_is_hardly_better_stays_open() -> None:
    golden = Golden(rows=300, seed=1)
    judged_by = policy(baselines=["linear"])
    same = golden.judge(judged_by, golden.model(0.8), baselines={"linear": golden.model(0.8)})
    near = golden.judge(judged_by, golden.model(0.8, 0), baselines={"linear": golden.model(0.8, 1)})
    assert same.checks[1].verdict is Verdict.FAIL
    assert near.checks[1].verdict is Verdict.INCONCLUSIVE


def test_a_model_too_good_to_be_true_fails_until_somebody_looked() -> None:
    golden = Golden()
    leak = np.clip(golden.y, 0.01, 0.99)
    asked = golden.judge(policy(too_good={"skill": 0.9}), leak)
    assert asked.verdict is Verdict.FAIL
    assert "too good to be true" in asked.checks[-1].sentence
    assert "feature that knows the answer" in asked.next[0]
    reviewed = golden.judge(policy(too_good={"skill": 0.9, "reviewed": "A. Person: a sensor"}), leak)
    assert reviewed.verdict is Verdict.PASS
    assert "A. Person: a sensor" in reviewed.checks[-1].sentence
    assert golden.judge(policy(too_good={"skill": 0.9}), golden.model(0.9)).verdict is Verdict.PASS
    assert golden.judge(policy(), leak).verdict is Verdict.PASS


def test_without_a_champion_floors_and_baselines_judge_and_the_report_says_so() -> None:
    golden = Golden()
    report = golden.judge(policy(FLOOR, MARGIN, baselines=["constant"]), golden.model(0.9))
    assert [check.kind for check in report.checks] == ["floor", "baseline"]
    assert "there is no champion yet" in report.summary
    assert any("No champion yet: log_loss.max_skill_drop not run." in note for note in report.notes)
    assert [model.name for model in report.models] == ["candidate", "constant"]


def test_a_regression_is_judged_by_its_squared_error() -> None:
    draw = np.random.default_rng(0)
    signal = draw.normal(size=2000)
    y = 30 + 10 * signal + draw.normal(size=2000)
    rivals = {"constant": np.full(2000, 30.0), "linear": 30 + 5 * signal}
    checks = [
        {"metric": "primary", "min_skill": 0.3, "max_skill_drop": 0.02},
        {"metric": "mae", "max_rise": 0.5},
    ]
    judged_by = policy(*checks, baselines=["constant", "linear"])
    good = judge(judged_by, "regression", y, 30 + 10 * signal, 30 + 9 * signal, rivals)
    poor = judge(judged_by, "regression", y, 30 + 1 * signal, 30 + 9 * signal, rivals)
    assert (good.verdict, poor.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert (good.primary, good.golden["positives"]) == ("mse", None)


def test_rows_of_one_customer_are_one_piece_of_evidence() -> None:
    golden = Golden(rows=300, seed=1)
    copies = np.repeat(np.arange(300), 40)
    candidate, champion = golden.model(0.5, 0)[copies], golden.model(0.5, 1)[copies]
    baselines = {"constant": golden.constant[copies]}
    sure = judge(policy(MARGIN), "binary", golden.y[copies], candidate, champion, baselines)
    open_ = judge(policy(MARGIN), "binary", golden.y[copies], candidate, champion, baselines, groups=copies)
    assert sure.verdict is not Verdict.INCONCLUSIVE
    assert open_.verdict is Verdict.INCONCLUSIVE
    assert open_.golden["groups"] == 300
    assert any("300 groups" in note for note in open_.notes)


def test_what_rests_on_fewer_than_ten_rows_never_passes() -> None:
    y = np.repeat([0.0, 1.0], [200, 5])
    scores = np.where(y == 1, 0.9, 0.1)
    judged_by = policy({"metric": "roc_auc", "floor": 0.7})
    check = only(judge(judged_by, "binary", y, scores, None, {"constant": np.full(205, 0.02)}))
    assert (check.verdict, check.rows_needed) == (Verdict.INCONCLUSIVE, 410)
    assert "resting on only 5 rows that count" in check.sentence
    twice = judge(
        judged_by, "binary", np.tile(y, 2), np.tile(scores, 2), None, {"constant": np.full(410, 0.02)}
    )
    assert only(twice).verdict is Verdict.PASS


GOLDEN = Golden(rows=200)
SCORES = GOLDEN.model(0.9)
HOLED = np.where(np.arange(200) == 3, np.nan, SCORES)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"y": np.zeros(0), "candidate": np.zeros(0)}, "Golden data is empty."),
        ({"y": np.zeros((200, 1))}, "The golden target must be one column"),
        ({"y": HOLED}, "The golden target is missing or infinite in 1 of 200 rows."),
        ({"y": np.full(200, "yes")}, "The golden target must be numbers."),
        ({"y": GOLDEN.y + 1}, "must be 0 or 1 in every row"),
        ({"y": np.ones(200)}, "The golden target has one class only (1)"),
        ({"y": np.eye(1, 200)[0]}, "a single row of one class"),
        ({"candidate": SCORES[:-1]}, "has 200 rows and the scores of the candidate have shape (199,)"),
        ({"candidate": SCORES[:, None]}, "the scores of the candidate have shape (200, 1)"),
        ({"candidate": HOLED}, "The candidate gave NaN or infinity for 1 of 200 golden rows."),
        ({"candidate": np.log(SCORES)}, "and a probability lies within 0..1"),
        ({"candidate": np.full(200, None)}, "The candidate gave NaN or infinity for 200 of 200"),
        ({"champion": SCORES[:-1]}, "the scores of the champion have shape (199,)"),
        ({"champion": HOLED}, "The champion gave NaN or infinity for 1 of 200"),
        ({"champion": SCORES * 2}, "The champion scores from"),
        ({"baselines": {}}, "The scores of the baseline constant are missing."),
        ({"baselines": {"constant": HOLED}}, "The constant gave NaN"),
        ({"policy": policy(baselines=["linear"])}, "The scores of the baseline linear are missing."),
        (
            {"policy": parse({"version": 1, "checks": [], "baselines": []})},
            "gate.yaml asks for no check at all.",
        ),
        (
            {"policy": policy(MARGIN), "champion": None},
            "There is no champion yet, and gate.yaml asks for nothing else.",
        ),
        ({"policy": policy({"metric": "mse", "min_skill": 0.1})}, "`mse` judges regression targets"),
        ({"groups": np.arange(199)}, "the groups have shape (199,)"),
        (
            {"task": "regression", "policy": policy({"metric": "r2", "floor": 0.1}), "y": np.ones(200)},
            "one value only",
        ),
        (
            {
                "task": "regression",
                "policy": policy({"metric": "mse", "min_skill": 0.1}),
                "candidate": np.full(200, 1e200),
            },
            "The mse of the candidate is not a finite number",
        ),
        (
            {
                "task": "regression",
                "policy": policy({"metric": "mse", "min_skill": 0.1}),
                "baselines": {"constant": GOLDEN.y},
            },
            "The constant baseline has no mse to improve on",
        ),
    ],
)
def test_what_cannot_be_judged_is_an_error_and_never_a_pass(changed: dict[str, Any], said: str) -> None:
    sound: dict[str, Any] = {
        "policy": policy(),
        "task": "binary",
        "y": GOLDEN.y,
        "candidate": SCORES,
        "champion": SCORES,
        "baselines": {"constant": GOLDEN.constant},
    }
    assert judge(**sound).verdict is Verdict.PASS
    report = judge(**{**sound, **changed})
    assert said in error(report)
    json.loads(report.to_json())


@pytest.mark.parametrize("scale", [1e-200, 1e80, 1e150, 1e200])
@pytest.mark.parametrize("metric", [{"metric": "r2", "floor": 0.1}, {"metric": "mse", "max_rise": 0.5}])
def test_numbers_that_cannot_be_squared_are_an_error_and_never_a_report_without_them(
    metric: dict[str, Any], scale: float
) -> None:
    draw = np.random.default_rng(0)
    known = draw.normal(size=500) * scale
    y = known + draw.normal(size=500) * 0.3 * scale
    constant = {"constant": np.full(500, y.mean())}
    report = judge(policy(metric), "regression", y, 0.95 * known, 0.9 * known, constant)
    assert error(report)


def test_scores_a_rounding_error_beyond_one_are_probabilities() -> None:
    scores = np.where(GOLDEN.y == 1, np.float32(1.0000001), SCORES)
    assert GOLDEN.judge(policy(), scores).verdict is Verdict.PASS


def test_the_caller_can_report_what_stopped_it() -> None:
    report = not_judged(
        ["The golden digest differs.", "One.\nTwo."], "binary", "release", context={"toolkit": "1"}
    )
    assert (report.verdict, report.exit_code, report.mode) == (Verdict.ERROR, 2, "release")
    assert report.summary == "The candidate was not judged: The golden digest differs."
    assert report.errors == ["The golden digest differs.", "One.", "Two."]
    assert report.to_dict()["context"] == {"toolkit": "1"}


def test_the_worst_verdict_is_the_verdict_and_none_is_an_error() -> None:
    assert overall([]) is Verdict.ERROR
    assert overall([Verdict.PASS, Verdict.PASS]) is Verdict.PASS
    assert overall([Verdict.PASS, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert overall([Verdict.INCONCLUSIVE, Verdict.FAIL]) is Verdict.FAIL
    assert overall([Verdict.FAIL, Verdict.ERROR]) is Verdict.ERROR
    assert [exit_code(each, "fail") for each in Verdict] == [0, 1, 3, 2]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_the_order_of_the_golden_rows_changes_no_verdict(seed: int) -> None:
    golden = Golden(rows=200, seed=seed)
    order = np.random.default_rng(seed).permutation(200)
    judged_by = policy(FLOOR, MARGIN, {"metric": "roc_auc", "floor": 0.8, "max_drop": 0.01})
    candidate, champion = golden.model(0.8, 0), golden.model(0.8, 1)
    straight = golden.judge(judged_by, candidate, champion)
    shuffled = judge(
        judged_by, "binary", golden.y[order], candidate[order], champion[order], {"constant": golden.constant}
    )
    assert [check.verdict for check in shuffled.checks] == [check.verdict for check in straight.checks]
    for one, other in zip(straight.checks, shuffled.checks, strict=True):
        assert one.estimate is not None
        assert other.estimate is not None
        assert math.isclose(one.estimate.lower, other.estimate.lower, rel_tol=1e-9, abs_tol=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_candidate_and_champion_cannot_both_be_proven_worse(seed: int) -> None:
    golden = Golden(rows=200, seed=seed)
    one, other = golden.model(0.9, 0), golden.model(0.5, 1)
    verdicts = [only(golden.judge(policy(MARGIN), *pair)).verdict for pair in ((one, other), (other, one))]
    assert verdicts.count(Verdict.FAIL) <= 1


LATER = DefaultCheck("binary", Requirement("brier", "ceiling", 0.05), since="9.9.0")


def test_a_check_that_a_later_toolkit_brings_warns_an_older_file_and_counts_once_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    golden = Golden()
    assert default_checks.DEFAULT_CHECKS == ()
    monkeypatch.setattr(judging, "DEFAULT_CHECKS", (LATER,))
    older = golden.judge(policy(), golden.model(0.9))
    assert (older.verdict, len(older.checks)) == (Verdict.PASS, 1)
    (note,) = [each for each in older.notes if "9.9.0" in each]
    assert note.startswith(
        "New since 9.9.0, and only a warning until gate.yaml names it: brier.ceiling would be FAIL"
    )
    named = golden.judge(policy(FLOOR, {"metric": "brier", "ceiling": 0.05}), golden.model(0.9))
    assert named.verdict is Verdict.FAIL
    assert not any("9.9.0" in each for each in named.notes)


def test_a_later_check_that_passes_or_is_for_another_task_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    golden = Golden()
    for task, limit in (("binary", 0.9), ("regression", 0.05)):
        later = DefaultCheck(task, Requirement("brier", "ceiling", limit), since="9.9.0")
        monkeypatch.setattr(judging, "DEFAULT_CHECKS", (later,))
        assert not any("9.9.0" in each for each in golden.judge(policy(), golden.model(0.9)).notes)
