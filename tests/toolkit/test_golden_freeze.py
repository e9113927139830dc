"""Freezing: which rows become golden, that the choice holds still, and that nothing stands on both sides."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.columns.dictionary import Column, Dictionary
from fearless.core.errors import FearlessError
from fearless.golden.freeze import _chosen_by_digest, freeze, row_names
from fearless.golden.frozen import open_golden, read_record

from .conftest import Tree, make_rows


@pytest.fixture
def timeless(tree: Tree) -> Tree:
    """A repository without a time column in its roles: rows are chosen by digest."""
    return tree.columns("time: day\n", "")


def chosen(tree: Tree, rows: pl.DataFrame, share: float = 0.2) -> set[str]:
    freeze(rows, tree.dictionary, tree.project, share)
    return set(open_golden(tree.project).rows["customer"])


def refusal(tree: Tree, rows: pl.DataFrame, share: float = 0.2) -> str:
    with pytest.raises(FearlessError) as caught:
        freeze(rows, tree.dictionary, tree.project, share)
    assert not tree.project.golden.exists()
    return str(caught.value)


def test_the_newest_rows_are_golden(tree: Tree, rows: pl.DataFrame) -> None:
    assert chosen(tree, rows.sample(fraction=1, shuffle=True, seed=1)) == {
        f"c{number:05}" for number in range(160, 200)
    }
    record = read_record(tree.project)
    assert (record.split, record.start, record.time, record.rows) == ("time", "2024-03-21", "day", 40)


@pytest.mark.parametrize("share", [0.2, 0.21, 0.213, 0.5])
def test_rows_of_one_moment_stay_on_one_side(tree: Tree, share: float) -> None:
    rows = make_rows(300, day=[date(2024, 1, 1 + number // 40) for number in range(300)])
    golden = chosen(tree, rows, share)
    sides = (
        rows.with_columns(golden=pl.col("customer").is_in(golden))
        .group_by("day")
        .agg(pl.col("golden").n_unique())
    )
    assert sides["golden"].to_list() == [1] * 8
    assert len(golden) >= share * 300


def test_a_moment_within_a_day_is_kept_exactly(tree: Tree) -> None:
    tree.columns("type: date", "type: datetime")
    rows = make_rows(200, day=[datetime(2024, 1, 1, number // 20, 30) for number in range(200)])
    freeze(rows, tree.dictionary, tree.project)
    assert read_record(tree.project).start == "2024-01-01T08:30:00"


def test_one_moment_for_all_rows_leaves_none_to_train_on(tree: Tree) -> None:
    rows = make_rows(200, day=[date(2024, 1, 1)] * 200)
    assert "200 golden and 0 training rows; both need 30 at least" in refusal(tree, rows)


def test_without_a_time_the_choice_is_the_same_after_a_shuffle(timeless: Tree) -> None:
    rows = make_rows(500)
    first = chosen(timeless, rows)
    assert 70 < len(first) < 130
    assert chosen(timeless, rows.sample(fraction=1, shuffle=True, seed=3)) == first
    assert read_record(timeless.project).split == "hash"


def test_rows_that_come_later_change_no_choice(timeless: Tree) -> None:
    first = chosen(timeless, make_rows(300))
    later = chosen(timeless, make_rows(600))
    assert {name for name in later if int(name[1:]) < 300} == first


def test_the_choice_is_the_same_on_every_machine_and_in_every_year(timeless: Tree) -> None:
    def is_low(
        customer: str,
    ) -> bool:  # the length of the value, then the value; the digest's first eight digits
        digest = hashlib.sha256(f"{len(customer)}\x1f{customer}".encode()).hexdigest()
        return int(digest[:8], 16) / 16**8 < 0.2

    assert chosen(timeless, make_rows(300)) == {name for name in make_rows(300)["customer"] if is_low(name)}


@given(st.lists(st.integers(0, 40), min_size=200, max_size=200))
@settings(max_examples=15, deadline=None)
def test_groups_stay_whole(groups: list[int]) -> None:
    columns = {
        name: Column(type="integer", description="For a test", known_at_prediction=name != "y")
        for name in ("number", "household", "y")
    }
    dictionary = Dictionary(
        version=1, task="binary", target="y", group="household", key=("number",), columns=columns
    )
    rows = pl.DataFrame({"number": range(200), "household": groups})
    mask = _chosen_by_digest(rows, dictionary, 0.3)
    sides = rows.with_columns(golden=mask).group_by("household").agg(pl.col("golden").n_unique())
    assert set(sides["golden"]) == {1}


def test_rows_without_a_target_are_never_golden(timeless: Tree) -> None:
    rows = make_rows(400).with_columns(left=pl.when(pl.col("calls") > 3).then("left"))
    chosen(timeless, rows)
    assert open_golden(timeless.project).rows["left"].null_count() == 0


def test_a_file_without_a_key_is_chosen_by_whole_rows(timeless: Tree) -> None:
    timeless.columns("key: [customer]\n", "")
    first = chosen(timeless, make_rows(300))
    assert chosen(timeless, make_rows(300).reverse()) == first


@pytest.mark.parametrize(
    ("rows", "share", "sentence"),
    [
        (make_rows(200), 0.0, "A share of 0 is not between 0.01 and 0.9"),
        (make_rows(200), 1.0, "A share of 1 is not between 0.01 and 0.9"),
        (make_rows(59), 0.2, "There are 59 rows with a target; freezing needs 60 at least"),
        (make_rows(200, left=[None] * 200), 0.2, "There are 0 rows with a target"),
        (make_rows(100), 0.2, "20 golden and 80 training rows; both need 30 at least"),
        (make_rows(200, left=[number < 150 for number in range(200)]), 0.2, "would have one value of `left`"),
        (
            make_rows(200, customer=["c1", "c1", *map(str, range(198))]),
            0.2,
            "does not name one row: c1 is there more",
        ),
        (
            make_rows(200).with_columns(day=pl.lit(None, pl.Date)),
            0.2,
            "The time `day` is missing in 200 rows",
        ),
    ],
)
def test_rows_that_could_judge_nothing_are_refused(
    tree: Tree, rows: pl.DataFrame, share: float, sentence: str
) -> None:
    rows = rows.with_columns(pl.col("left").cast(pl.Boolean))
    assert sentence in refusal(tree, rows, share)


def test_a_failed_freeze_leaves_the_golden_data_that_was_there(tree: Tree, rows: pl.DataFrame) -> None:
    first = chosen(tree, rows)
    with pytest.raises(FearlessError):
        freeze(rows.head(59), tree.dictionary, tree.project)
    assert set(open_golden(tree.project).rows["customer"]) == first


TEXTS = st.none() | st.text("ab-1\x1f", max_size=3)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_two_rows_have_one_name_only_where_their_keys_are_equal(pairs: list[tuple[Any, Any]]) -> None:
    columns = {
        name: Column(type="string", description="For a test", known_at_prediction=True, missing=True)
        for name in "aby"
    }
    dictionary = Dictionary(version=1, task="binary", target="y", key=("a", "b"), columns=columns)
    rows = pl.DataFrame(pairs, schema={"a": pl.String, "b": pl.String}, orient="row")
    assert row_names(rows, dictionary).n_unique() == len(set(pairs))
