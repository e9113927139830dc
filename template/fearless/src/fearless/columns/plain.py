"""Features without a decision: every column that is known at prediction time, as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fearless.columns.dictionary import current

if TYPE_CHECKING:
    import polars as pl


def plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Every column of `rows` that is known at prediction time as numbers: a start to build on.

    Numbers stay, truth values become 0 and 1, a category becomes one column a level (`contract=monthly`).
    Text, dates and the columns of key and group are left out. One row per row of `rows`.
    """
    import polars as pl

    dictionary = current()
    names = {*dictionary.key, dictionary.group}
    chosen: list[pl.Expr] = []
    for name in dictionary.known:
        column = dictionary.columns[name]
        if name in names or column.type in ("string", "date", "datetime"):
            continue
        if column.type == "category":
            chosen += [
                (pl.col(name) == level).cast(pl.Float32).alias(f"{name}={level}") for level in column.levels
            ]
        else:
            chosen.append(pl.col(name).cast(pl.Float32))
    return rows.select(chosen)
