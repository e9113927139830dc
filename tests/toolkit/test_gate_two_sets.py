"""Two golden sets, one verdict: the worse one, with every check of both behind it. And a policy that is only tried."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fearless.gate.findings import Report, Verdict
from fearless.gate.policy import Policy, parse
from fearless.gate.trial import tried
from fearless.gate.two_sets import not_on_base, on_both
from fearless.gate.verdict import judge

CHECKS = [{"metric": "roc_auc", "floor": 0.7, "max_drop": 0.02}]


def policy(**more: object) -> Policy:
    return parse({"version": 1, "checks": CHECKS, "baselines": ["constant"], **more})


def judged(asked: Policy, noise: float = 0.05, rows: int = 3000, mode: str = "pull_request") -> Report:
    draw = np.random.default_rng(5)
    known = draw.beta(1.2, 2.2, rows)
    y = (draw.random(rows) < known).astype(np.float64)
    candidate = np.clip(known + draw.normal(0.0, noise, rows), 0.005, 0.995)
    return judge(
        asked,
        "binary",
        y,
        candidate,
        known,
        {"constant": np.full(rows, 0.35)},
        "release" if mode == "release" else "pull_request",
    )


@pytest.mark.parametrize(
    ("noise", "of_base", "verdict", "code"),
    [
        (0.02, 0.02, Verdict.PASS, 0),
        (0.02, 0.6, Verdict.FAIL, 1),
        (0.6, 0.02, Verdict.FAIL, 1),
    ],
)
def test_the_worse_of_both_sets_decides(noise: float, of_base: float, verdict: Verdict, code: int) -> None:
    asked = policy()
    report = on_both(judged(asked, noise), judged(asked, of_base, rows=2000), 0, asked)
    assert (report.verdict, report.exit_code) == (verdict, code)
    assert [each.name for each in report.sets] == ["change", "base"]
    assert max(each.verdict != Verdict.PASS for each in report.sets) == (verdict is Verdict.FAIL)
    assert "3,000 and 2,000 golden rows" in report.summary


def test_what_must_be_known_of_the_base_s_figures_alone_is_told_and_said_to_be_theirs() -> None:
    asked = policy()
    new, old = judged(asked), judged(asked, rows=2000)
    both = on_both(new, replace(old, notes=[*old.notes, "Ranks are counted in bins."]), 0, asked)
    theirs = [note for note in both.notes if note.startswith("On the base's golden data: ")]
    assert theirs == ["On the base's golden data: Ranks are counted in bins."]
    assert both.notes[: len(new.notes)] == new.notes


def test_each_check_of_the_base_is_named_and_none_is_lost() -> None:
    asked = policy()
    new, old = judged(asked), judged(asked, rows=2000)
    both = on_both(new, old, 12, asked)
    assert [check.id for check in both.checks] == [
        *(check.id for check in new.checks),
        *(f"base_golden.{check.id}" for check in old.checks),
    ]
    assert {check.golden for check in both.checks[len(new.checks) :]} == {"base"}
    assert "12 more are left out" in both.sets[1].sentence
    assert any("may have seen rows of it" in note for note in both.notes)


@pytest.mark.parametrize(("mode", "code"), [("pull_request", 0), ("release", 3)])
def test_too_few_rows_of_the_base_leave_it_open_and_never_pass(mode: str, code: int) -> None:
    asked = policy()
    report = not_on_base(judged(asked, mode=mode), 7, 1993, asked)
    assert (report.verdict, report.exit_code) == (Verdict.INCONCLUSIVE, code)
    assert report.sets[0].verdict is Verdict.PASS
    assert "trained on 1,993 of its 2,000 rows" in report.sets[1].sentence
    assert report.checks[-1].id == "base_golden.judged"
    assert not any("sits on the limit" in step for step in report.next)


def test_a_policy_that_is_tried_names_what_differs_and_leaves_the_report_alone() -> None:
    report = judged(policy())
    stricter = parse(
        {
            "version": 1,
            "checks": [
                {"metric": "roc_auc", "floor": 0.99, "max_drop": 0.02},
                {"metric": "brier", "ceiling": 1},
            ],
            "baselines": [],
        }
    )
    found = tried(report, judged(stricter))
    assert report.verdict is Verdict.PASS
    assert found.verdict is Verdict.FAIL
    assert [each.partition(":")[0] for each in found.differs] == [
        "roc_auc.floor",
        "log_loss.beats_constant",
        "brier.ceiling",
    ]
    assert "not asked by that of this change" in found.differs[1]
    assert "not asked by the gate.yaml that judges" in found.differs[2]
    assert tried(report, judged(policy())).differs == []


def test_a_policy_that_cannot_judge_is_told_and_stops_nothing() -> None:
    report = judged(policy())
    found = tried(report, judged(policy(slices={"by": ["region"]})))
    assert found.verdict is Verdict.ERROR
    assert "no column `region`" in found.sentence
