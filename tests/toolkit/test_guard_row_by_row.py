"""Features that look at other rows are named; features of one row pass, whatever is missing."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from fearless.guard.row_by_row import row_by_row

Features = Callable[[pl.DataFrame], pl.DataFrame]
FEE = pl.col("fee")
LOOK_AROUND: dict[str, Features] = {
    "mean": lambda rows: rows.select("calls", fee=FEE - FEE.mean()),
    "rank": lambda rows: rows.select("calls", fee=FEE.rank()),
    "shift": lambda rows: rows.select("calls", fee=FEE - FEE.shift(1)),
    "running sum": lambda rows: rows.select("calls", fee=FEE.cum_sum()),
    "reversed": lambda rows: rows.select("calls", fee=FEE.reverse()),
    "count": lambda rows: rows.select("calls", fee=pl.lit(rows.height)),
    "a column by what is there": lambda rows: rows.select("calls", fee=FEE).rename(
        {"fee": "fee" if rows.height > 90 else "few"}
    ),
}


@pytest.fixture
def numbers() -> pl.DataFrame:
    calls = [None if row % 7 == 0 else row % 5 for row in range(200)]
    return pl.DataFrame({"calls": calls, "fee": [float(row * 37 % 101) for row in range(200)]})


@pytest.mark.parametrize("features", LOOK_AROUND.values(), ids=LOOK_AROUND.keys())
def test_a_feature_of_other_rows_is_named(features: Features, numbers: pl.DataFrame) -> None:
    (finding,) = row_by_row(features, numbers)
    assert "`fee`" in finding.what


def test_features_of_one_row_pass(numbers: pl.DataFrame) -> None:
    assert row_by_row(lambda rows: rows.select("calls", "fee", part=FEE / pl.col("calls")), numbers) == []


def test_few_rows_are_enough_to_see_it(numbers: pl.DataFrame) -> None:
    assert row_by_row(LOOK_AROUND["mean"], numbers.head(30)) != []
    assert row_by_row(lambda rows: rows, numbers.head(30)) == []
