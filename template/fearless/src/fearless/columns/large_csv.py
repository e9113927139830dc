"""A CSV file that is too large to be held: read through once and proven whole, then some of its rows at a time."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fearless.columns.frame import (
    refuse_names_given_twice,
    refuse_other_forms,
    refuse_short_lines,
    unreadable,
)

if TYPE_CHECKING:
    import polars as pl

# About how many bytes are read at a time, or so many for each column: polars takes its time for every column of every
# piece. What memory holds is a multiple of it.
PIECE, PIECE_OF_COLUMN = 1 << 20, 1 << 13
HEADER = re.compile(rb'\s*(?:[^"\n]|"[^"]*")*\n')  # with blank lines ahead of it; quotes may hold a newline


class LargeCsv:
    """The rows that `read_untyped` gives of a CSV file, every field as text. The file must not change meanwhile.

    `names` are those of the columns, `rows` is how many rows there are.
    """

    def __init__(self, file: Path) -> None:
        """Go through the file once; raises FearlessError for what `read_untyped` refuses."""
        import polars as pl

        self.file = file
        self.names: list[str] = []
        self.rows = 0
        self._header = b""
        # Piece i has the rows from `_rows[i]` and the bytes from `_ends[i]` on.
        self._rows: list[int] = []
        self._ends: list[int] = []
        gaps = False
        for piece in self._pieces():
            try:
                found = pl.read_csv(self._header + piece, infer_schema=False)
            except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
                raise unreadable(file, error) from None
            if not self.names:
                refuse_other_forms(file)
                refuse_names_given_twice(file)
                self.names, self._ends = found.columns, [len(self._header)]
            gaps = gaps or found[self.names[-1]].null_count() > 0
            self._rows.append(self.rows)
            self._ends.append(self._ends[-1] + len(piece))
            self.rows += found.height
        if gaps and len(self.names) > 1:
            refuse_short_lines(file, len(self.names))

    def read(self, columns: Sequence[str], start: int = 0, rows: int | None = None) -> pl.DataFrame:
        """The columns of `rows` rows from `start` on, or of all, as far as there are."""
        import polars as pl

        if start == 0 and rows is None:
            whole = pl.read_csv(self.file, infer_schema=False, columns=list(columns), glob=False)
            return whole.select(columns)
        end = self.rows if rows is None else min(start + rows, self.rows)
        first = bisect_right(self._rows, start) - 1
        last = max(bisect_left(self._rows, end), first + 1)
        with self.file.open("rb", buffering=0) as opened:
            opened.seek(self._ends[first])
            text = self._header + opened.read(self._ends[last] - self._ends[first])
        found = pl.read_csv(text, infer_schema=False, columns=list(columns)).select(columns)
        return found.slice(start - self._rows[first], max(end - start, 0))

    def _pieces(self) -> Iterator[bytes]:
        """The lines behind the header, some at a time, without a line that is cut."""
        held, size = b"", PIECE
        with self.file.open("rb", buffering=0) as opened:
            # Where a line goes on and on, ever more is read, so that what is held is not looked through too often.
            while more := opened.read(max(size, len(held))):
                held += more
                if not self._header and (header := HEADER.match(held)):
                    self._header, held = header[0], held[header.end() :]
                    size = max(size, PIECE_OF_COLUMN * self._header.count(b","))
                if self._header and (end := _last_line_end(held)):
                    yield held[:end]
                    held = held[end:]
        if held or not self._ends:
            yield held


def _last_line_end(text: bytes) -> int:
    """Where the last line that is whole ends, or 0; a newline between quotes ends no line."""
    quotes, end = text.count(b'"'), len(text)
    while (at := text.rfind(b"\n", 0, end)) >= 0:
        quotes -= text.count(b'"', at, end)
        if quotes % 2 == 0:
            return at + 1
        end = at
    return 0
