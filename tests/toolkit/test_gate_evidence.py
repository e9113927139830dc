"""Bounds that do not come from the influence of rows: Tango's, the bootstrap's, and several proven together."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from fearless.gate.evidence import Draws, Rows, Spread, Tango, holm
from fearless.gate.intervals import Array, mean


def statistic_by_likelihood(won: int, lost: int, rows: int, difference: float) -> float:
    """Tango's statistic with the cells under the hypothesis found by maximising the likelihood numerically."""

    def loss(only_other: float) -> float:
        only_first, same = only_other + difference, 1 - 2 * only_other - difference
        if min(only_first, same) <= 0 or only_other <= 0:
            return math.inf
        return -(
            won * math.log(only_first) + lost * math.log(only_other) + (rows - won - lost) * math.log(same)
        )

    low, high = max(0.0, -difference), (1 - difference) / 2
    found = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    variance = rows * (2 * found.x + difference * (1 - difference))
    return float((won - lost - rows * difference) / math.sqrt(variance))


@pytest.mark.parametrize(("won", "lost", "rows"), [(7, 1, 21), (3, 9, 100), (20, 35, 400), (1, 2, 50)])
def test_tangos_bounds_are_where_the_score_statistic_is_the_quantile(won: int, lost: int, rows: int) -> None:
    found = Tango(won, lost, rows).interval(0.975)
    quantile = NormalDist().inv_cdf(0.975)
    assert statistic_by_likelihood(won, lost, rows, found.lower) == pytest.approx(quantile, abs=1e-4)
    assert statistic_by_likelihood(won, lost, rows, found.upper) == pytest.approx(-quantile, abs=1e-4)


def test_at_a_difference_of_zero_tangos_statistic_is_mcnemars() -> None:
    assert Tango(9, 25, 300).statistic(0.0) == pytest.approx((9 - 25) / math.sqrt(9 + 25), rel=1e-12)


def test_two_models_that_never_differ_still_leave_room_for_a_difference_not_yet_seen() -> None:
    found = Tango(0, 0, 100).interval(0.95)
    assert found.value == 0
    # The solution by hand: z^2 / (n + z^2), the score interval's rule of three.
    assert found.upper == pytest.approx(1.6449**2 / (100 + 1.6449**2), abs=1e-4)
    assert found.lower == pytest.approx(-found.upper, abs=1e-9)


@given(won=st.integers(0, 40), lost=st.integers(0, 40), same=st.integers(2, 400))
@settings(max_examples=60, deadline=None)
def test_tangos_bounds_hold_the_value_mirror_and_stay_in_range(won: int, lost: int, same: int) -> None:
    rows = won + lost + same
    found, mirrored = Tango(won, lost, rows).interval(0.95), Tango(lost, won, rows).interval(0.95)
    assert -1 <= found.lower <= found.value <= found.upper <= 1
    assert (found.lower, found.upper) == pytest.approx((-mirrored.upper, -mirrored.lower), abs=1e-9)
    assert Tango(won, lost, rows).interval(0.99).upper >= found.upper


def test_where_the_plain_standard_error_is_too_small_tango_keeps_its_level() -> None:
    # A true drop of 2 points, and 2 % of rows on which the two models differ: 100 rows show two of them.
    draw = np.random.default_rng(0)
    rows, margin = 100, 0.02
    lost = draw.binomial(rows, margin, size=4000)
    wald = -lost / rows - 1.6449 * np.sqrt((lost / rows - (lost / rows) ** 2) / rows) > -margin
    tango = [Tango(0, int(count), rows).interval(0.95).lower > -margin for count in lost]
    assert np.mean(wald) > 0.12
    assert np.mean(tango) <= 0.05


def test_a_spread_has_the_bounds_of_students_t() -> None:
    found = Spread(1.0, 0.5, 29).interval(0.95)
    assert (found.lower, found.upper) == pytest.approx(
        stats.t.interval(0.9, 29, loc=1.0, scale=0.5), abs=1e-4
    )
    assert Spread(1.0, 0.0, 29).interval(0.95).lower == 1.0


@pytest.mark.parametrize("degrees", [9, 30, 99, 100_000])
def test_bounds_of_draws_are_expanded_percentiles_and_beyond_the_draws_the_tail(degrees: int) -> None:
    draws = np.random.default_rng(0).normal(3, 2, size=10_000)
    expanded = stats.norm.cdf(stats.t.ppf(0.95, degrees) * np.sqrt((degrees + 1) / degrees))
    found = Draws.of(3.0, draws, degrees).interval(0.95)
    assert (found.lower, found.upper) == pytest.approx(np.quantile(draws, [1 - expanded, expanded]), rel=1e-4)
    far = Draws.of(3.0, draws, degrees).interval(0.9999)
    reach = stats.t.ppf(0.9999, degrees) * np.sqrt((degrees + 1) / degrees)
    assert far.upper == pytest.approx(3 + reach * draws.std(), rel=1e-3)


def test_many_rows_have_the_plain_percentiles_and_few_have_wider_bounds() -> None:
    draws = np.random.default_rng(0).normal(3, 2, size=10_000)
    plain = np.quantile(draws, 0.95)
    assert Draws.of(3.0, draws, 1_000_000).interval(0.95).upper == pytest.approx(plain, rel=1e-4)
    uppers = [Draws.of(3.0, draws, degrees).interval(0.95).upper for degrees in (5, 20, 80, 320)]
    assert uppers == sorted(uppers, reverse=True)
    assert uppers[-1] > plain


def uppers(p: Array) -> Array:
    """Differences with standard error 1 whose one-sided p values are `p`."""
    return np.array([NormalDist().inv_cdf(each) for each in p])


@given(p=st.lists(st.floats(1e-9, 1 - 1e-9), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_holm_proves_what_the_textbook_proves(p: list[float]) -> None:
    values = uppers(np.array(p))
    found = holm(lambda confidence: values + NormalDist().inv_cdf(confidence), len(p), 0.95)
    order, expected = np.argsort(p, kind="stable"), np.zeros(len(p), dtype=bool)
    for rank, at in enumerate(order):
        if NormalDist().cdf(values[at]) >= 0.05 / (len(p) - rank):
            break
        expected[at] = True
    clear = all(abs(each - 0.05 / k) > 1e-9 for each in p for k in range(1, len(p) + 1))
    assert not clear or found.tolist() == expected.tolist()


def test_holm_of_one_is_its_own_bound_and_of_none_is_none() -> None:
    one = Rows(mean(np.random.default_rng(0).normal(-0.2, 1, size=200)))
    upper = one.interval(0.95).upper
    assert holm(lambda confidence: np.array([one.interval(confidence).upper]), 1, 0.95)[0] == (upper < 0)
    assert holm(lambda _: np.zeros(0), 0, 0.95).tolist() == []
