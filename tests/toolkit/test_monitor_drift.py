"""Drift: the chance floor is what luck shows, an unmoved world raises no alarm, planted drifts are found and dated."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray
from scipy import stats

from fearless.columns.dictionary import Dictionary, parse
from fearless.monitor.chance import (
    FEWEST_EXPECTED,
    LEVEL,
    LIMIT,
    chi_squared_quantile,
    merged,
    psi,
    shift,
)
from fearless.monitor.drift import FEWEST_ROWS, Moved, Window, began
from fearless.monitor.invariants import Invariants
from fearless.monitor.profile import Profile, make_profile

Counts = NDArray[np.int64]


def test_psi_is_the_symmetric_divergence_of_two_shares() -> None:
    reference, window = np.array([100, 300, 600]), np.array([50, 20, 30])
    p, q = (reference + 0.5) / 1001.5, (window + 0.5) / 101.5
    assert psi(reference, window) == pytest.approx(stats.entropy(q, p) + stats.entropy(p, q))
    assert psi(reference, window) == pytest.approx(sum((q - p) * np.log(q / p)))


def test_psi_by_hand_on_large_counts() -> None:
    # shares .5/.5 and .6/.4: .1 ln 1.2 - .1 ln .8 = .1 ln 1.5
    half, more = np.array([10**9, 10**9]), np.array([12 * 10**8, 8 * 10**8])
    assert psi(half, more) == pytest.approx(0.1 * np.log(1.5), abs=1e-8)


@pytest.mark.parametrize("probability", [0.99, 0.999, 0.9995, 0.9999])
@pytest.mark.parametrize("degrees", [1, 2, 5, 19, 50])
def test_the_quantiles_are_those_of_scipy_or_on_the_careful_side(probability: float, degrees: int) -> None:
    for noncentrality in (0.0, 0.5, 2.0, 10.0, 100.0, 5000.0):
        ours = chi_squared_quantile(probability, degrees, noncentrality)
        exact = stats.ncx2.ppf(probability, degrees, noncentrality)
        assert 0.99 * exact <= ours <= 1.21 * exact
        if degrees >= 5:
            assert ours <= 1.08 * exact


@pytest.mark.parametrize(("rows", "served"), [(10_000, 50), (10_000, 200), (1000, 1000), (4000, 100_000)])
def test_two_samples_of_one_population_exceed_the_chance_floor_as_often_as_it_says(
    rows: int, served: int
) -> None:
    draw = np.random.default_rng(rows + served)
    shares = np.append(draw.dirichlet(np.full(20, 2.0)) * 0.97, 0.03)
    runs = 3000
    above = moved = 0
    for _ in range(runs):
        found = shift(
            draw.multinomial(rows, shares), draw.multinomial(served, shares), ordered=True, comparisons=1
        )
        above += found.psi > found.chance
        moved += found.state == "moved"
    assert above / runs <= LEVEL + 3 * np.sqrt(LEVEL / runs)  # three standard errors of the simulation
    assert above / runs >= LEVEL / 4
    assert moved / runs <= LEVEL / 4


def test_a_change_of_exactly_the_limit_is_called_moved_no_more_often_than_promised() -> None:
    draw = np.random.default_rng(5)
    even = np.full(20, 0.05)
    tilted = even * np.exp(0.3184 * stats.norm.ppf((np.arange(20) + 0.5) / 20))
    tilted /= tilted.sum()
    assert float(np.sum((tilted - even) * np.log(tilted / even))) == pytest.approx(LIMIT, abs=0.01)
    for rows, served in ((4000, 300), (10_000, 10_000), (100_000, 100_000)):
        moved = sum(
            shift(
                np.append(draw.multinomial(rows, even), 0),
                np.append(draw.multinomial(served, tilted), 0),
                ordered=True,
                comparisons=1,
            ).state
            == "moved"
            for _ in range(500)
        )
        assert moved <= 500 * LEVEL + 3 * np.sqrt(500 * LEVEL) + 1


@given(
    some.lists(some.integers(0, 2000), min_size=2, max_size=25),
    some.lists(some.integers(0, 2000), min_size=25, max_size=25),
    some.booleans(),
)
def test_merging_cells_loses_no_row_and_leaves_few_expected_nowhere(
    first: list[int], second: list[int], ordered: bool
) -> None:
    reference, window = np.array(first), np.array(second[: len(first)])
    if not reference.sum() or not window.sum():
        return
    a, b = merged(reference, window, ordered=ordered)
    assert (a.sum(), b.sum()) == (reference.sum(), window.sum())
    assert len(a) == len(b) >= 1
    assert ((a + b) > 0).all()
    values = a[:-1] if reference[-1] + window[-1] else a
    expected = values / a.sum() * min(a.sum(), b.sum())
    small = expected < FEWEST_EXPECTED
    assert small.sum() <= 1  # what is rare together can still be rare
    found = shift(reference, window, ordered=ordered, comparisons=1)
    assert np.isfinite([found.psi, found.chance, found.limit]).all()
    assert found.chance < found.limit


@given(some.lists(some.integers(0, 500), min_size=3, max_size=15))
def test_a_window_like_its_reference_has_not_moved(counts: list[int]) -> None:
    reference = np.array(counts)
    if reference.sum() < 10:
        return
    found = shift(reference, reference, ordered=True, comparisons=10)
    assert found.psi == pytest.approx(0)
    assert found.state == "steady"


# A world of 20 columns: 14 numbers of four shapes, four of levels, two that are often missing.
NUMBERS, LEVELS, HOLES = 14, 4, 2


def world() -> Dictionary:
    columns = {f"n{at}": {"type": "number", "missing": "true"} for at in range(NUMBERS + HOLES)}
    columns |= {f"l{at}": {"type": "category"} for at in range(LEVELS)}
    columns["y"] = {"type": "boolean"}
    for name, column in columns.items():
        column |= {"description": f"Column {name}", "known_at_prediction": str(name != "y").lower()}
    return parse({"version": "1", "task": "binary", "target": "y", "columns": columns})


def draw_rows(count: int, seed: int, moved: bool = False) -> pl.DataFrame:
    """Rows of the world; with `moved`, three columns are not what they were: n0, l0, n14."""
    draw = np.random.default_rng(seed)
    made: dict[str, object] = {}
    for at in range(NUMBERS + HOLES):
        shape = (
            lambda: draw.normal(size=count),
            lambda: draw.lognormal(size=count),
            lambda: draw.poisson(3, size=count).astype(float),
            lambda: draw.uniform(size=count),
        )[at % 4]
        values = shape()
        if at == 0 and moved:
            values = values + 0.5
        if at >= NUMBERS:
            share = 0.5 if at == NUMBERS and moved else 0.2
            values[draw.random(count) < share] = np.nan
        made[f"n{at}"] = values
    for at in range(LEVELS):
        shares = np.array([0.5, 0.25, 0.15, 0.08, 0.02])
        if at == 0 and moved:
            shares = np.array([0.3, 0.25, 0.15, 0.08, 0.22])
        made[f"l{at}"] = np.array(list("abcde"))[draw.choice(5, size=count, p=shares)]
    return pl.DataFrame(made).with_columns(pl.col(pl.Float64).fill_nan(None))


def scores_of(rows: pl.DataFrame, seed: int) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    straight = rows["n1"].to_numpy() * 0.2 + draw.normal(size=rows.height)
    return np.asarray(1 / (1 + np.exp(-straight)))


@pytest.fixture(scope="module")
def profile() -> Profile:
    rows, golden = draw_rows(10_000, 1), draw_rows(2000, 2)
    y = (np.arange(10_000) % 3 == 0).astype(float)
    return make_profile(rows, y, golden, y[:2000], scores_of(golden, 2), world())


def served(profile: Profile, count: int, seed: int, moved: bool = False) -> list[Moved]:
    window = Window(profile)
    rows = draw_rows(count, seed, moved)
    window.add(rows, scores_of(rows, seed))
    return window.compared()


def test_no_column_raises_a_false_alarm_in_200_windows_without_drift(profile: Profile) -> None:
    changed = 0
    for seed in range(200):
        found = served(profile, (200, 1000, 4000, 10_000)[seed % 4], 1000 + seed)
        assert len(found) == 21
        assert [each.name for each in found if each.shift.state == "moved"] == []
        changed += any(each.shift.state == "changed" for each in found)
    assert changed <= 200 * LEVEL + 3 * np.sqrt(200 * LEVEL)  # the softer word keeps the level too


@pytest.mark.parametrize("count", [2000, 10_000, 50_000])
def test_three_planted_drifts_are_found_and_nothing_else(profile: Profile, count: int) -> None:
    for seed in range(5):
        found = served(profile, count, 5000 + seed, moved=True)
        assert [each.name for each in found if each.shift.state == "moved"] == ["n0", "n14", "l0"]


def test_scores_that_moved_are_found_though_no_column_did(profile: Profile) -> None:
    window = Window(profile)
    rows = draw_rows(3000, 7)
    window.add(rows, np.clip(scores_of(rows, 7) + 0.2, 0, 1))
    moved = [each for each in window.compared() if each.shift.state == "moved"]
    assert [each.of for each in moved] == ["score"]


def test_a_drift_is_dated_to_the_slot_in_which_it_began(profile: Profile) -> None:
    window = Window(profile, slots=24)
    for slot in range(24):
        rows = draw_rows(300, 300 + slot, moved=slot >= 15)
        window.add(rows, scores_of(rows, slot), np.full(300, slot))
    since = {each.name: each.since for each in window.compared() if each.shift.state != "steady"}
    assert since.keys() >= {"n14", "l0"}
    assert all(since[name] == 15 for name in ("n14", "l0"))


def test_a_window_that_was_other_all_the_time_began_with_it() -> None:
    reference = np.array([500, 500, 0])
    assert began(reference, np.array([[10, 40, 0]] * 6)) == 0
    assert began(reference, np.array([[0, 0, 0]] + [[25, 25, 0]] * 3 + [[5, 45, 0]] * 2)) == 4


def test_counting_in_parts_gives_what_counting_at_once_gives(profile: Profile) -> None:
    rows = draw_rows(5000, 77)
    scores = scores_of(rows, 77)
    whole, parts = Window(profile), Window(profile)
    whole.add(rows, scores)
    for start in range(0, 5000, 617):
        parts.add(rows[start : start + 617], scores[start : start + 617])
    for one, other in zip(whole.compared(), parts.compared(), strict=True):
        assert one.window.tolist() == other.window.tolist()
        assert one.shift == other.shift
        assert one.mean == pytest.approx(other.mean)


def test_too_few_rows_prove_nothing(profile: Profile) -> None:
    assert served(profile, FEWEST_ROWS - 1, 3, moved=True) == []
    assert served(profile, FEWEST_ROWS, 3)


def test_a_level_that_training_never_saw_is_a_change(profile: Profile) -> None:
    window = Window(profile)
    rows = draw_rows(1000, 9)
    window.add(
        rows.with_columns(
            pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.lit("z")).otherwise("l3").alias("l3")
        ),
        scores_of(rows, 9),
    )
    assert [each.name for each in window.compared() if each.shift.state == "moved"] == ["l3"]


STRICT: dict[str, dict[str, object]] = {
    "calls": {"type": "integer", "range": ["0", "60"], "missing": "true"},
    "fee": {"type": "number", "range": ["1", ".inf"]},
    "plan": {"type": "category", "levels": ["basic", "plus"]},
    "day": {"type": "date"},
    "left": {"type": "boolean"},
}


def strict() -> Dictionary:
    columns = {
        name: {**each, "description": f"Column {name}", "known_at_prediction": str(name != "left").lower()}
        for name, each in STRICT.items()
    }
    return parse({"version": "1", "task": "binary", "target": "left", "columns": columns})


def test_each_broken_rule_is_counted_by_column_with_an_example() -> None:
    rows = pl.DataFrame(
        {
            "calls": ["3", "61", None, "many", "2.5"],
            "fee": [10.0, None, 0.5, float("nan"), 20.0],
            "plan": ["basic", "gold", "plus", "gold", "basic"],
            "day": ["2024-01-01", "2024-02-30", "2024-01-03", "yesterday", "2024-01-05"],
        }
    )
    found = Invariants(strict())
    typed = found.add(rows)
    assert typed["calls"].to_list() == [3, 61, None, None, None]
    said = {(each.column, each.rule): (each.rows, each.example) for each in found.broken}
    assert said == {
        ("calls", "is outside [0, 60]"): (1, "61"),
        ("calls", "is no integer"): (2, "many"),
        ("fee", "is missing and must not be"): (2, ""),
        ("fee", "is outside [1, inf]"): (1, "0.5"),
        ("plan", "is none of its levels"): (2, "gold"),
        ("day", "is no date"): (2, "2024-02-30"),
    }
    found.add(rows)
    assert {each.rows for each in found.broken} == {2, 4}
    assert found.rows == 10


def test_rows_as_the_dictionary_says_break_nothing() -> None:
    found = Invariants(strict())
    found.add(
        pl.DataFrame(
            {"calls": [0, 60, None], "fee": [1.0, 5.0, 1e6], "plan": ["basic"] * 3, "day": ["2024-01-01"] * 3}
        )
    )
    assert found.broken == []


def test_a_column_that_is_not_there_is_broken_in_each_row() -> None:
    found = Invariants(strict())
    typed = found.add(pl.DataFrame({"calls": [1, 2], "fee": [1.0, 2.0], "day": ["2024-01-01"] * 2}))
    assert [(each.column, each.rule, each.rows) for each in found.broken] == [("plan", "is not there", 2)]
    assert typed["plan"].null_count() == 2


VALUES = some.one_of(
    some.none(), some.integers(-(10**6), 10**6), some.floats(), some.booleans(), some.text(max_size=5)
)


@settings(max_examples=60)
@given(some.lists(some.lists(VALUES, min_size=4, max_size=4), min_size=1, max_size=20))
def test_whatever_is_served_is_counted_and_typed(lines: list[list[object]]) -> None:
    words = [[None if value is None else str(value) for value in line] for line in lines]
    rows = pl.DataFrame(
        {name: [line[at] for line in words] for at, name in enumerate(("calls", "fee", "plan", "day"))},
        schema=dict.fromkeys(("calls", "fee", "plan", "day"), pl.String),
    )
    found = Invariants(strict())
    typed = found.add(rows)
    assert typed.height == len(lines)
    assert typed.dtypes == [pl.Int64, pl.Float64, pl.String, pl.Date]
    assert all(each.rows <= len(lines) for each in found.broken)
