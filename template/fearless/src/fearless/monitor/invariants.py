"""What columns.yaml says of every row, counted over the rows that were served."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fearless.columns.dictionary import Column, Dictionary
from fearless.columns.frame import cast

if TYPE_CHECKING:
    import polars as pl


@dataclass
class Broken:
    """One rule that one column broke: in how many rows, and the first value that did."""

    column: str
    rule: str
    rows: int
    example: str


@dataclass
class Invariants:
    """Counts over all frames that were added. `rows` is how many rows were looked at."""

    dictionary: Dictionary
    rows: int = 0
    _found: dict[tuple[str, str], Broken] = field(default_factory=dict)

    def add(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Look at `rows` and return them typed as columns.yaml says, with missing values where they do not fit.

        A column that is not there at all is broken in each row and comes back as missing values.
        """
        import polars as pl

        self.rows += rows.height
        typed: dict[str, pl.Series] = {}
        for name in self.dictionary.known:
            column = self.dictionary.columns[name]
            if name not in rows.columns:
                self._count(name, "is not there", rows.height, "")
                typed[name] = cast(pl.Series(name, [None] * rows.height, dtype=pl.Null), column)
                continue
            typed[name] = self._look(name, rows[name], column)
        return pl.DataFrame(typed)

    @property
    def broken(self) -> list[Broken]:
        """What was broken, the most frequent first."""
        return sorted(self._found.values(), key=lambda each: (-each.rows, each.column, each.rule))

    def _look(self, name: str, given: pl.Series, column: Column) -> pl.Series:
        import polars as pl

        if given.dtype.is_float():
            given = given.fill_nan(None)
        values = cast(given, column)
        misfits = given.is_not_null() & values.is_null()
        self._mark(name, f"is no {column.type}", given, misfits)
        if not column.missing:
            self._count(name, "is missing and must not be", given.null_count(), "")
        if column.range is not None and values.dtype.is_numeric():
            low, high = column.range
            self._mark(name, f"is outside [{low:g}, {high:g}]", values, (values < low) | (values > high))
        if column.levels and values.dtype == pl.String:
            self._mark(name, "is none of its levels", values, ~values.is_in(list(column.levels)))
        return values

    def _mark(self, name: str, rule: str, values: pl.Series, marks: pl.Series) -> None:
        if count := int(marks.sum() or 0):
            self._count(name, rule, count, str(values.filter(marks.fill_null(False))[0]))

    def _count(self, name: str, rule: str, rows: int, example: str) -> None:
        if rows:
            found = self._found.setdefault((name, rule), Broken(name, rule, 0, example))
            found.rows += rows
