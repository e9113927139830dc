"""The leakage guards: each planted fault is found, and a clean split passes all of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from fearless.core.errors import FearlessError
from fearless.golden.freeze import freeze
from fearless.golden.frozen import Golden, open_golden
from fearless.guard import leakage
from fearless.guard.leakage import moment
from fearless.pipeline.prepare import prepare, split_off

from .conftest import Tree, make_rows


def split(tree: Tree, rows: pl.DataFrame) -> tuple[pl.DataFrame, Golden]:
    """The training rows of the prepare stage and the golden data."""
    freeze(rows, tree.dictionary, tree.project)
    golden = open_golden(tree.project)
    return split_off(rows, golden, tree.dictionary)[0], golden


def found(tree: Tree, train: pl.DataFrame, golden: Golden) -> list[str]:
    guards = (leakage.overlap, leakage.groups, leakage.order)
    return [finding.what for guard in guards for finding in guard(train, golden, tree.dictionary)]


def households(**columns: Any) -> pl.DataFrame:
    """Rows of households whose members come months apart."""
    return make_rows(300, calls=[number % 50 for number in range(300)], **columns)


def test_a_clean_split_passes(tree: Tree) -> None:
    train, golden = split(tree, make_rows(300))
    assert (train.height, golden.rows.height) == (240, 60)
    assert found(tree, train, golden) == []


def test_a_clean_split_by_digest_passes(tree: Tree) -> None:
    tree.columns("time: day\n", "")
    train, golden = split(tree, make_rows(300))
    assert train.height + golden.rows.height == 300
    assert found(tree, train, golden) == []


def test_golden_rows_in_training_are_counted_and_the_first_is_named(tree: Tree) -> None:
    train, golden = split(tree, make_rows(300))
    leaked = golden.rows.slice(5, 3).with_columns(day=date(2023, 1, 1))
    (said,) = found(tree, pl.concat([train, leaked]), golden)
    assert said.startswith("3 golden rows are in the training data (the first: c00245)")


def test_without_a_key_a_golden_row_is_known_by_all_its_columns_but_the_target(tree: Tree) -> None:
    tree.columns("key: [customer]\n", "").columns("time: day\n", "")
    train, golden = split(tree, make_rows(300))
    assert found(tree, train, golden) == []
    leaked = golden.rows.head(2).with_columns(left=~pl.col("left"))
    (said,) = found(tree, pl.concat([train, leaked]), golden)
    assert said.startswith("2 golden rows are in the training data, so the gate would reward memory")


def test_a_group_on_both_sides_is_named(tree: Tree) -> None:
    tree.columns("time: day\n", "group: calls\n")
    rows = households()
    train, golden = split(tree, rows)
    assert found(tree, train, golden) == []
    shared = int(golden.rows["calls"][0])
    leaked = make_rows(1, calls=[shared], customer=["new"])
    assert found(tree, pl.concat([train, leaked]), golden) == [
        f"The calls {shared} has rows in training and in the golden data."
    ]


def test_rows_of_golden_groups_are_left_out_also_with_a_split_by_time(tree: Tree) -> None:
    tree.columns("time: day\n", "time: day\ngroup: calls\n")
    rows = households().with_columns(
        calls=pl.when(pl.col("calls") == 7).then(7).otherwise(pl.int_range(pl.len()) // 6)
    )
    train, golden = split(tree, rows)
    assert found(tree, train, golden) == []
    assert 7 in golden.rows["calls"]
    assert 7 not in train["calls"]
    assert train.height > 100


def test_training_rows_from_the_golden_datas_time_are_counted(tree: Tree) -> None:
    train, golden = split(tree, make_rows(300))
    start = golden.rows["day"].min()
    assert isinstance(start, date)
    late = make_rows(2, customer=["x", "y"], day=[start, start + timedelta(days=9)])
    early = make_rows(1, customer=["z"], day=[start - timedelta(days=1)])
    assert found(tree, pl.concat([train, early]), golden) == []
    (said,) = found(tree, pl.concat([train, late]), golden)
    assert said.startswith(f"2 training rows are from day {start.isoformat()} or later")


def test_a_time_that_is_taken_out_of_the_dictionary_does_not_switch_the_guard_off(tree: Tree) -> None:
    train, golden = split(tree, make_rows(300))
    tree.columns("time: day\n", "")
    (said,) = found(tree, train, golden)
    assert said == "The golden data was frozen with the time `day`, and columns.yaml now says ``."


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("time: day\n", "", "frozen with the time 'day', and columns.yaml now says ''"),
        ("key: [customer]", "key: []", "frozen with the key ['customer'], and columns.yaml now says []"),
        (
            "time: day\n",
            "time: day\ngroup: plan\n",
            "frozen with the group '', and columns.yaml now says 'plan'",
        ),
        (
            "  calls:\n    type: integer",
            "  calls:\n    type: number",
            "`calls` is Int64 in the golden data, and",
        ),
    ],
)
def test_prepare_refuses_a_dictionary_that_no_longer_fits_the_golden_data(
    tree: Tree, old: str, new: str, sentence: str
) -> None:
    raw = tree.root / "data" / "raw"
    raw.mkdir(parents=True)
    make_rows(300).write_csv(raw / "rows.csv")
    split(tree, tree.team.load())
    assert prepare(tree.project) == "240 rows to train on (left out: 60 golden)"
    tree.columns(old, new)
    with pytest.raises(FearlessError) as caught:
        prepare(tree.project)
    assert sentence in str(caught.value)


def test_a_moment_is_read_for_dates_and_datetimes() -> None:
    assert moment("2024-03-21", pl.Date()) == date(2024, 3, 21)
    assert moment("2024-03-21T10:30:00", pl.Datetime("us")).isoformat() == "2024-03-21T10:30:00"
    assert moment("2024-03-21T10:30:00", pl.Date()) == date(2024, 3, 21)


def prepared(tree: Tree, rows: pl.DataFrame) -> str:
    """What prepare says, with `rows` as the raw data of the repository."""
    (tree.root / "data" / "raw").mkdir(parents=True, exist_ok=True)
    rows.write_csv(tree.root / "data" / "raw" / "rows.csv")
    return prepare(tree.project)


def test_golden_rows_that_load_reads_otherwise_now_are_refused(tree: Tree) -> None:
    rows = make_rows(300)
    freeze(rows, tree.dictionary, tree.project)
    tree.code(
        "data.py",
        """\
        import polars as pl
        from fearless.api import read

        def load(raw):
            return read(raw).with_columns(pl.col("fee") + 1)
        """,
    )
    with pytest.raises(FearlessError, match="gives 60 golden rows another `fee` than when they were frozen"):
        prepared(tree, rows)


def test_raw_data_may_lose_golden_rows_that_have_a_key_and_gain_others(tree: Tree) -> None:
    rows = make_rows(300)
    freeze(rows, tree.dictionary, tree.project)
    assert prepared(tree, rows) == "240 rows to train on (left out: 60 golden)"
    assert prepared(tree, rows.head(290)) == "240 rows to train on (left out: 50 golden)"


def test_without_a_key_a_golden_row_that_reads_otherwise_is_not_trained_on_unseen(tree: Tree) -> None:
    tree.columns("key: [customer]\n", "").columns("time: day\n", "")
    rows = make_rows(300)
    golden = freeze(rows, tree.dictionary, tree.project)
    with pytest.raises(FearlessError, match=f"{golden.rows} golden rows are not among those"):
        prepared(tree, rows.with_columns(pl.col("fee") + 1))
