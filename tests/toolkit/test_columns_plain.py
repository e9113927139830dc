"""plain(): every known column as numbers, by the dictionary in force."""

from __future__ import annotations

import polars as pl

from fearless.api import plain
from fearless.columns.dictionary import in_force

from .conftest import Tree, make_rows


def test_numbers_stay_truth_becomes_0_and_1_and_a_category_a_column_a_level(tree: Tree) -> None:
    rows = make_rows(2, calls=[None, 3], plan=["plus", None], loyal=[True, False]).select(
        tree.dictionary.known
    )
    made = plain(rows)
    assert made.to_dict(as_series=False) == {
        "calls": [None, 3.0],
        "fee": [10.0, 10.25],
        "plan=basic": [0.0, None],
        "plan=plus": [1.0, None],
        "loyal": [1.0, 0.0],
    }
    assert set(made.dtypes) == {pl.Float32}


def test_the_columns_that_name_rows_and_groups_are_left_out(tree: Tree) -> None:
    tree.columns("key: [customer]", "key: [customer, fee]").columns("time: day", "time: day\ngroup: plan")
    assert plain(make_rows(3)).columns == ["calls", "loyal"]


def test_a_level_that_never_occurs_has_its_column(tree: Tree) -> None:
    tree.columns("[basic, plus]", "[basic, plus, gold]")
    assert plain(make_rows(3))["plan=gold"].to_list() == [0.0, 0.0, 0.0]


def test_the_dictionary_in_force_wins_over_the_one_of_the_working_directory(tree: Tree) -> None:
    trained_with = tree.dictionary
    tree.columns("[basic, plus]", "[basic, plus, gold]")
    with in_force(trained_with):
        assert "plan=gold" not in plain(make_rows(3)).columns
    assert "plan=gold" in plain(make_rows(3)).columns
