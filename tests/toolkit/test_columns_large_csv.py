"""A CSV file that is read some rows at a time gives the rows, or the refusal, of one that is read whole."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fearless.columns import large_csv
from fearless.columns.frame import read_untyped
from fearless.columns.large_csv import LargeCsv
from fearless.core.errors import FearlessError

FIELDS = st.text(st.sampled_from('ab ,"\n\r;é€0'), max_size=6)


def whole(file: Path) -> pl.DataFrame | str:
    try:
        return read_untyped(file)
    except FearlessError as error:
        return str(error)


def in_pieces(file: Path, piece: int, rows: int) -> pl.DataFrame | str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(large_csv, "PIECE", piece)
        patched.setattr(large_csv, "PIECE_OF_COLUMN", 1)
        try:
            found = LargeCsv(file)
        except FearlessError as error:
            return str(error)
    parts = [found.read(found.names, start, rows) for start in range(0, max(found.rows, 1), rows)]
    assert found.read(found.names).equals(pl.concat(parts))
    assert found.read(found.names[-1:]).width == 1
    assert [part.height for part in parts[:-1]] == [rows] * (len(parts) - 1)
    return pl.concat(parts)


def hold(file: Path, piece: int, rows: int) -> None:
    expected, found = whole(file), in_pieces(file, piece, rows)
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
    else:
        assert found.equals(expected)
        assert found.columns == expected.columns


@given(
    rows=st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=30),
    ending=st.sampled_from(["\n", "\r\n"]),
    blank=st.integers(0, 2),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
    last=st.booleans(),
    piece=st.integers(1, 60),
    at_once=st.integers(1, 9),
)
@settings(max_examples=150, deadline=None)
def test_every_field_is_the_same_however_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    ending: str,
    blank: int,
    mark: bytes,
    last: bool,
    piece: int,
    at_once: int,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=ending)
    writer.writerow(["a", "the\nsecond", "c,d"])
    for row in rows:
        writer.writerow(row)
        text.write(ending * (blank * (len(row[0]) == 1)))
    content = text.getvalue() if last else text.getvalue().removesuffix(ending)
    file = tmp_path_factory.mktemp("csv") / "rows.csv"
    file.write_bytes(mark + content.encode())
    hold(file, piece, at_once)


@given(
    text=st.text(st.sampled_from('a1,,\n\n"é'), max_size=60),
    piece=st.integers(1, 30),
)
@example(text='1,2\n"1"x,2\n', piece=5)
@example(text='1,"2\n3,4\n5,6\n', piece=3)
@example(text='1,2"\n3,4\n"5\n6",7\n', piece=3)
@settings(max_examples=300, deadline=None)
def test_what_is_no_csv_is_refused_and_never_read_as_other_rows(
    tmp_path_factory: pytest.TempPathFactory, text: str, piece: int
) -> None:
    file = tmp_path_factory.mktemp("csv") / "rows.csv"
    file.write_bytes(b"a,b\n" + text.encode())
    expected, found = whole(file), in_pieces(file, piece, 3)
    if isinstance(expected, str) and isinstance(found, str):
        assert found.partition(":")[0] == expected.partition(":")[0]
    elif isinstance(expected, str) or isinstance(found, str):
        raise AssertionError((expected, found))
    else:
        assert found.equals(expected)


LINES = "".join(f"{at},{at % 7}\n" for at in range(200))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a;b\n" + LINES.replace(",", ";"), "is separated by `;`, not by commas"),
        ("a\tb\n" + LINES.replace(",", "\t"), "is separated by tabs, not by commas"),
        ("a,a\n" + LINES, "has the column `a` twice in its header"),
        ("a,b\n" + LINES + "7\n" + LINES, "line 202, has 1 fields, and its header has 2"),
        ('a,b\n"x\ny",3\n' + LINES + "7\n", "line 204, has 1 fields, and its header has 2"),
        ("a,b\n" + LINES + "1,2,3\n" + LINES, "cannot be read: found more fields than defined"),
        (("a,b\n" + LINES + "é,1\n").encode("latin-1"), "cannot be read: invalid utf-8 sequence"),
        ("a,b\n" + LINES + 'x"y,1\n' + LINES, "cannot be read: CSV malformed"),
        ("a,b\n" + LINES + '"x"y,1\n' + LINES, 'cannot be read: could not parse `"x"y`'),
        ("a,b\n" + LINES + '"x,1\n' + LINES, "cannot be read: could not parse"),
    ],
)
def test_a_fault_far_behind_the_first_piece_is_told_in_the_same_sentence(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    expected, found = whole(file), in_pieces(file, 64, 50)
    assert isinstance(expected, str)
    assert said in expected
    assert isinstance(found, str)
    # How many rows were expected depends on where polars began to count, and the field that is not closed has no end.
    cut = 40 if "malformed" in said or said.endswith("parse") else None
    assert found[:cut] == expected[:cut]


def test_a_line_that_ends_nowhere_is_looked_through_only_so_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('a,b\n"' + "x\n" * 50_000 + '",1\n2,3\n')
    looked: list[int] = []
    known = large_csv._last_line_end
    monkeypatch.setattr(large_csv, "PIECE", 64)

    def counted(text: bytes) -> int:
        looked.append(len(text))
        return known(text)

    monkeypatch.setattr(large_csv, "_last_line_end", counted)
    found = LargeCsv(file)
    assert found.read(["b"])["b"].to_list() == ["1", "3"]
    assert sum(looked) < 4 * file.stat().st_size


def test_a_file_of_many_columns_is_read_in_larger_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rows.csv"
    pl.DataFrame({f"x{at}": ["0.123"] * 300 for at in range(100)}).write_csv(file)
    monkeypatch.setattr(large_csv, "PIECE", 64)
    for of_column, pieces in ((1, range(300, 2000)), (1000, range(1, 4))):
        monkeypatch.setattr(large_csv, "PIECE_OF_COLUMN", of_column)
        assert len(LargeCsv(file)._rows) in pieces
