"""Typed reading: what goes in comes out, and what does not fit is named with its row."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.api import read
from fearless.columns.dictionary import Column, Dictionary
from fearless.columns.frame import OR_IN_CODE, check_rows, read_untyped, target_of, typed
from fearless.core.errors import FearlessError

from .conftest import Tree, make_rows

WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=9
)
MISSING = ("NaN", "nan", "NA", "n/a", "null", "None")
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": WORDS,
    "category": st.sampled_from(["a", "b,c", 'd"e']),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "date": st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    "datetime": MOMENTS,
}


def described(**types: str) -> Dictionary:
    """A dictionary of known columns of these types; the target `y` is an integer."""
    columns = {
        name: Column.model_validate(
            {"type": kind, "description": "For a test", "known_at_prediction": name != "y"}
        )
        for name, kind in {**types, "y": types.get("y", "integer")}.items()
    }
    return Dictionary(version=1, task="binary", target="y", columns=columns)


def one(values: list[Any] | pl.Series, kind: str) -> list[Any]:
    """`values` read as a column of type `kind`."""
    rows = pl.DataFrame({"x": values, "y": [0] * len(values)}, strict=False)
    return typed(rows, described(x=kind), "rows.csv")["x"].to_list()


def refusal(values: list[Any] | pl.Series, kind: str) -> str:
    with pytest.raises(FearlessError) as caught:
        one(values, kind)
    return str(caught.value)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_written_as_csv_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    columns = {
        kind: data.draw(st.lists(st.none() | values, min_size=3, max_size=3), label=kind)
        for kind, values in VALUES.items()
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=data.draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerow([*columns, "y"])
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if value is None else _as_text(value) for value in row] + ["1"])
    file = tmp_path_factory.mktemp("csv") / "rows.csv"
    mark = data.draw(st.sampled_from([b"", b"\xef\xbb\xbf"]), label="byte order mark")
    file.write_bytes(mark + text.getvalue().encode("utf-8"))

    read_back = typed(read_untyped(file), described(**{kind: kind for kind in VALUES}), file.name)

    assert {kind: read_back[kind].to_list() for kind in columns} == columns
    assert read_back.schema["integer"] == pl.Int64
    assert read_back.schema["datetime"] == pl.Datetime("us")


def _as_text(value: Any) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("integer", "9223372036854775807", 2**63 - 1),
        ("integer", "9007199254740993", 2**53 + 1),  # a float64 does not hold it
        ("integer", " 7 ", 7),
        ("integer", "3.0", 3),
        ("integer", "1e3", 1000),
        ("number", "-1.5e-3", -0.0015),
        ("boolean", "TRUE", True),
        ("boolean", "Yes", True),
        ("boolean", "n", False),
        ("boolean", "0", False),
        ("boolean", "1.0", True),
        ("string", "007", "007"),
        ("string", "yes", "yes"),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("datetime", "2024-02-29", datetime(2024, 2, 29)),
        ("datetime", "2024-02-29T03:04", datetime(2024, 2, 29, 3, 4)),
        ("datetime", "2024-02-29 03:04:05.25", datetime(2024, 2, 29, 3, 4, 5, 250_000)),
        ("datetime", "2024-02-29T03:04:05Z", datetime(2024, 2, 29, 3, 4, 5)),
        ("number", "", None),
        *((kind, word, None) for kind in VALUES for word in MISSING if kind not in ("string", "category")),
        *((kind, word, word) for kind in ("string", "category") for word in MISSING),
        ("string", "   ", None),
    ],
)
def test_a_field_is_read_as_its_type(kind: str, written: str, value: Any) -> None:
    assert one([written], kind) == [value]


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        ("integer", "3.5"),
        ("integer", "9223372036854775808"),
        ("integer", "9007199254740993.0"),
        ("integer", "seven"),
        ("integer", "inf"),
        ("number", "1,5"),
        ("number", "inf"),
        ("number", "-Infinity"),
        ("number", "k.A."),
        ("boolean", "2"),
        ("boolean", "maybe"),
        ("date", "29.02.2024"),
        ("date", "2023-02-29"),
        ("date", "2024-02-29 03:04"),
        ("datetime", "2024-02-29T03:04:05+02:00"),
        ("datetime", "yesterday"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_row(kind: str, bad: str) -> None:
    said = refusal(["", "", bad, bad], kind)
    assert f"rows.csv: `x` is {bad!r} in row 3, which is no {kind} (2 such rows)." in said
    assert "Mend the data" in said


@pytest.mark.parametrize(
    ("kind", "values", "result"),
    [
        ("category", pl.Series(["b", "a"], dtype=pl.Categorical), ["b", "a"]),
        ("integer", pl.Series(["12", "7"], dtype=pl.Categorical), [12, 7]),
        ("integer", [3.0, None], [3, None]),
        ("integer", [3.0, float("nan")], [3, None]),
        ("number", [2.5, float("nan")], [2.5, None]),
        ("boolean", [1.0, float("nan")], [True, None]),
        ("integer", [Decimal("3.00")], [3]),
        ("integer", [True, False], [1, 0]),
        ("number", pl.Series([1, 2], dtype=pl.UInt8), [1.0, 2.0]),
        ("boolean", [1, 0], [True, False]),
        ("boolean", [1.0, None], [True, None]),
        ("date", [datetime(2024, 1, 2)], [date(2024, 1, 2)]),
        ("datetime", [date(2024, 1, 2)], [datetime(2024, 1, 2)]),
        ("string", [12], ["12"]),
        ("date", [None, None], [None, None]),
        ("boolean", [None], [None]),
    ],
)
def test_the_types_of_parquet_are_taken_where_they_mean_the_same(
    kind: str, values: list[Any] | pl.Series, result: list[Any]
) -> None:
    assert one(values, kind) == result


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("integer", [3.5]),
        ("integer", [Decimal("1.50")]),
        ("integer", [date(2024, 1, 2)]),
        ("number", [float("inf")]),
        ("number", [datetime(2024, 1, 2)]),
        ("number", [[1.0]]),
        ("boolean", [2]),
        ("boolean", [date(2024, 1, 2)]),
        ("date", [19724]),
        ("date", [datetime(2024, 1, 2, 3)]),
        ("datetime", [1_700_000_000]),
        ("integer", pl.Series([2**63], dtype=pl.UInt64)),
        ("string", [["a"]]),
    ],
)
def test_values_of_another_meaning_are_refused_instead_of_converted(
    kind: str, values: list[Any] | pl.Series
) -> None:
    assert f"in row 1, which is no {kind}" in refusal(values, kind)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "cannot be read: empty CSV"),
        (b"x,y\n", "has no rows"),
        (b"x,y\n1,2,3\n", "cannot be read: found more fields"),
        ("x,y\nä,1\n".encode("latin-1"), "cannot be read: invalid utf-8"),
        ("x,y\nä,1\n".encode("utf-16"), "is UTF-16"),
        (("x,y\n" + "a,1\n" * 400).encode("utf-16"), "is UTF-16"),
        (b"x;y\n1;2\n", "is separated by `;`, not by commas. Save it with commas, or read it in data.py"),
        (b"x;y\n1,5;2\n", "is separated by `;`"),
        (b"\xef\xbb\xbfx\ty\n1\t2\n", "is separated by tabs, not by commas"),
        (b"x,y,z\n1,2,3\n", "has the column `z`, which columns.yaml does not describe"),
        (b"x,x,y\n1,2,3\n", "has the column `x` twice in its header"),
        (b'\xef\xbb\xbf"x",y,x\n1,2,3\n', "has the column `x` twice in its header"),
        (b"x\n1\n", "lacks the column `y`, which columns.yaml describes"),
    ],
)
def test_a_file_that_is_no_table_of_the_dictionary_is_refused(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(content)
    with pytest.raises(FearlessError) as caught:
        typed(read_untyped(file, OR_IN_CODE), described(x="string"), file.name)
    assert f"rows.csv {sentence}" in str(caught.value)


def test_commas_quotes_and_line_ends_within_quotes_are_part_of_the_value(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'y,x\r\n1,"a, b"\r\n0,"said ""no"""\r\n1,"two\r\nlines"\r\n')
    assert typed(read_untyped(file), described(x="string"), file.name)["x"].to_list() == [
        "a, b",
        'said "no"',
        "two\r\nlines",
    ]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_name_with_a_star_is_that_of_one_file_and_no_pattern(tmp_path: Path, ending: str) -> None:
    for name, value in (("rows*", "mine"), ("rows2", "another's")):
        frame = pl.DataFrame({"x": [value], "y": [1]})
        file = tmp_path / f"{name}{ending}"
        frame.write_csv(file) if ending == ".csv" else frame.write_parquet(file)
    assert read_untyped(tmp_path / f"rows*{ending}")["x"].to_list() == ["mine"]


def test_a_semicolon_within_a_name_separates_nothing(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'"x;z",y\n1,2\n')
    assert read_untyped(file).columns == ["x;z", "y"]


def test_read_takes_a_file_or_a_folder_and_orders_the_columns_as_the_dictionary(tree: Tree) -> None:
    raw = tree.root / "data" / "raw"
    raw.mkdir(parents=True)
    make_rows(3).write_parquet(raw / "b.parquet")
    make_rows(2).select(pl.all().reverse()).select(reversed(make_rows(2).columns)).write_csv(raw / "a.CSV")
    (raw / "notes.txt").write_text("not data", encoding="utf-8")
    assert read(raw / "b.parquet").equals(make_rows(3))
    both = read(raw)
    assert both.columns == list(tree.dictionary.columns)
    assert both["customer"].to_list() == ["c00001", "c00000", "c00000", "c00001", "c00002"]


def test_read_of_nothing_says_how_to_bring_it(tree: Tree) -> None:
    with pytest.raises(FearlessError, match=r"is not there\. Bring it with `uv run dvc pull`"):
        read(tree.root / "data" / "raw.csv")
    (tree.root / "data").mkdir()
    with pytest.raises(FearlessError, match="holds no CSV or Parquet file"):
        read(tree.root / "data")
    (tree.root / "data" / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(
        FearlessError, match=r"x\.parquet cannot be read.*Write that Parquet file again"
    ) as caught:
        read(tree.root / "data")
    assert "CSV" not in str(caught.value)


def test_rows_that_hold_what_the_dictionary_says_pass(tree: Tree) -> None:
    assert check_rows(make_rows(20), tree.dictionary, "The data") == []


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"calls": [61, 1]}, "The data: `calls` is 61 in a row, outside its range [0, 60]"),
        ({"calls": [-1, None]}, "The data: `calls` is -1 in a row, outside its range [0, 60]"),
        ({"fee": [None, 2.0]}, "The data: `fee` is missing in 1 rows and columns.yaml allows none"),
        ({"plan": ["basic", "gold"]}, "The data: `plan` holds `gold`, which is none of its levels"),
    ],
)
def test_rows_that_do_not_are_told(tree: Tree, columns: dict[str, list[Any]], sentence: str) -> None:
    assert check_rows(make_rows(2, **columns), tree.dictionary, "The data") == [sentence]


def test_the_ends_of_a_range_and_allowed_gaps_are_fine(tree: Tree) -> None:
    assert check_rows(make_rows(3, calls=[0, 60, None]), tree.dictionary, "The data") == []


def test_a_column_that_is_gone_is_told(tree: Tree) -> None:
    assert check_rows(make_rows(2).drop("fee"), tree.dictionary, "The data") == [
        "The data lacks the column `fee`"
    ]


def test_the_target_is_one_for_the_positive_class(tree: Tree) -> None:
    assert target_of(make_rows(2, left=[True, False]), tree.dictionary).tolist() == [1.0, 0.0]
    words = described(y="category")
    words = words.model_copy(update={"positive": "no"})
    words.columns["y"] = words.columns["y"].model_copy(update={"levels": ("no", "yes")})
    assert target_of(pl.DataFrame({"y": ["no", "yes", "no"]}), words).tolist() == [1.0, 0.0, 1.0]
    with pytest.raises(FearlessError, match="holds `No`, which is none of its levels"):
        target_of(pl.DataFrame({"y": ["no", "No"]}), words)


def test_a_target_that_is_missing_or_neither_0_nor_1_is_refused(tree: Tree) -> None:
    with pytest.raises(FearlessError, match="The target `left` is missing in 1 rows"):
        target_of(make_rows(2, left=[True, None]), tree.dictionary)
    with pytest.raises(FearlessError, match="The target `y` holds 2, and a binary target is 0 or 1"):
        target_of(pl.DataFrame({"y": [0, 2]}), described())
    number = described(y="number").model_copy(update={"task": "regression"})
    assert target_of(pl.DataFrame({"y": [0.5, 2.0]}), number).tolist() == [0.5, 2.0]
