"""Which checks decided: the worst verdict first, then the surest failure, or what is nearest to its limit."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fearless.report.deciding import asked, deciding, in_order, side


def check(
    verdict: str, value: float = 0.0, error: float = 1.0, limit: float = 0.0, rule: str = "floor"
) -> dict[str, Any]:
    estimate = {"value": value, "standard_error": error, "lower": value - error, "upper": value + error}
    return {"id": f"{verdict}{value}", "verdict": verdict, "limit": limit, "rule": rule, "estimate": estimate}


def told(verdict: str) -> dict[str, Any]:
    return {**check(verdict), "id": f"{verdict} without a number", "estimate": None}


def test_the_worst_verdict_comes_first_whatever_its_numbers() -> None:
    given_order = [check("PASS", 0.1), check("INCONCLUSIVE", 3), check("ERROR", 9), check("FAIL", -9)]
    shown = [each["verdict"] for each in in_order(given_order)]
    assert shown == ["ERROR", "FAIL", "INCONCLUSIVE", "PASS"]


def test_among_equals_the_nearest_to_its_limit_counts_in_standard_errors_not_in_units() -> None:
    near = check("PASS", value=100.0, error=90.0)
    far = check("PASS", value=0.1, error=0.01)
    assert deciding({"checks": [far, near]}, 1) == [near]


def test_among_failures_the_surest_comes_first() -> None:
    barely = check("FAIL", value=-100.0, error=60.0)
    surely = check("FAIL", value=-0.1, error=0.01)
    assert deciding({"checks": [barely, surely]}, 1) == [surely]


def test_a_margin_is_what_may_be_lost_so_its_limit_lies_below_zero() -> None:
    margin = check("PASS", value=-0.01, error=0.001, limit=0.01, rule="max_drop")
    assert asked(margin) == -0.01
    assert asked(check("PASS", limit=0.7)) == 0.7
    assert in_order([check("PASS", 0.5), margin])[0] is margin


def test_what_is_known_exactly_comes_first_where_it_failed_and_last_where_it_passed() -> None:
    failed, passed = told("FAIL"), told("PASS")
    assert in_order([check("FAIL", 0.001), failed])[0] is failed
    assert in_order([passed, check("PASS", 1e9)])[-1] is passed


def test_a_part_that_is_not_proven_worse_is_as_near_as_its_upper_bound() -> None:
    part = check("PASS", value=-0.1, error=1.0, rule="slices")  # its upper bound is 0.9 away from failing
    nearer, farther = check("PASS", value=0.8), check("PASS", value=1.0)
    assert in_order([farther, part, nearer]) == [nearer, part, farther]


def test_a_verdict_of_a_later_toolkit_is_not_hidden() -> None:
    later = check("NEUTRAL")
    assert deciding({"checks": [check("FAIL"), later]}, 1) == [later]


@given(
    st.lists(st.tuples(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE"]), st.floats(-9, 9), st.floats(0, 5)))
)
def test_ordering_loses_no_check_and_adds_none(parts: list[tuple[str, float, float]]) -> None:
    checks = [check(*part) for part in parts]
    ordered = in_order(checks)
    assert sorted(map(id, ordered)) == sorted(map(id, checks))
    assert in_order(ordered) == ordered


def test_the_side_on_which_the_number_must_lie_follows_from_the_rule() -> None:
    sides = {
        rule: side(check("PASS", rule=rule)) for rule in ("floor", "max_rise", "ceiling", "ece_max", "later")
    }
    assert sides == {"floor": 1, "max_rise": 1, "ceiling": -1, "ece_max": -1, "later": 0}
