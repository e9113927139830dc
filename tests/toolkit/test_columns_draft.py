"""A drafted dictionary: it reads back, its types fit the file it was drafted from, and only meanings are left open."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fearless.columns import dictionary as dictionaries
from fearless.columns.dictionary import Dictionary
from fearless.columns.draft import draft
from fearless.columns.frame import check_rows, read_untyped, target_of, typed
from fearless.core.errors import FearlessError

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\ufeff"), min_size=1, max_size=12).filter(
    lambda name: name == name.strip() and name not in ("target", "__index__")
)


def drafted(folder: Path, file: Path, target: str) -> Dictionary:
    """The draft with its TODOs replaced, as a person would leave it, read back."""
    text = re.sub("TODO what.*", "What a person would write", draft(file, target))
    (folder / "columns.yaml").write_text(text, encoding="utf-8", newline="\n")
    return dictionaries.load(folder)


def of(folder: Path, **columns: list[Any]) -> Dictionary:
    """The finished draft of a CSV of these columns; the CSV can be read with it."""
    size = len(next(iter(columns.values())))
    file = folder / "rows.csv"
    pl.DataFrame({"target": [0, 1] * (size // 2), **columns}).write_csv(file)
    found = drafted(folder, file, "target")
    rows = typed(read_untyped(file), found, file.name)
    assert check_rows(rows, found, file.name) == []
    assert set(target_of(rows, found)) == {0.0, 1.0} or found.task == "regression"
    return found


@pytest.mark.parametrize(
    ("values", "kind", "levels"),
    [
        ([1, 2, 3, 4] * 10, "integer", ()),
        ([-1, 0, 5, 9] * 10, "integer", ()),
        ([1.5, 2.0] * 20, "number", ()),
        (["1e3", "2"] * 20, "number", ()),
        ([0, 1] * 20, "boolean", ()),
        ([0.0, 1.0] * 20, "boolean", ()),
        (["yes", "no"] * 20, "boolean", ()),
        (["True", "False"] * 20, "boolean", ()),
        (["Y", "N"] * 20, "boolean", ()),
        (["yes", "no", "maybe", "no"] * 10, "category", ("maybe", "no", "yes")),
        (["a, b", 'c "d"', "#e", "f: g"] * 10, "category", ("#e", "a, b", 'c "d"', "f: g")),
        ([f"free text {number}" for number in range(40)], "string", ()),
        (["007", "012"] * 20, "category", ("007", "012")),
        ([str(10**20 + number) for number in range(40)], "string", ()),
        (["2024-01-01", "2024-02-29"] * 20, "date", ()),
        (["2024-01-01 10:00:00", "2024-02-29 11:30:00"] * 20, "datetime", ()),
        (["2024-01-01T10:00", "2024-02-29T11:30"] * 20, "datetime", ()),
        (["2024-01-01T10:00:00.5Z", "2024-02-29T11:30:00.25Z"] * 20, "datetime", ()),
        ([None] * 40, "string", ()),
    ],
)
def test_a_type_is_read_off_the_values(
    tmp_path: Path, values: list[Any], kind: str, levels: tuple[str, ...]
) -> None:
    column = of(tmp_path, x=values).columns["x"]
    assert (column.type, column.levels) == (kind, levels)


@pytest.mark.parametrize(
    ("values", "task", "kind", "positive"),
    [
        ([0, 1] * 20, "binary", "boolean", ""),
        ([0.0, 1.0] * 20, "binary", "boolean", ""),
        (["yes", "no"] * 20, "binary", "boolean", ""),
        (["left", "stayed"] * 20, "binary", "category", "stayed"),
        ([1, 2] * 20, "binary", "category", "2"),
        ([1, 2, 3, 4] * 10, "regression", "integer", ""),
        ([0.5, 1.5, 2.5, 3.5] * 10, "regression", "number", ""),
    ],
)
def test_the_task_is_read_off_the_target(
    tmp_path: Path, values: list[Any], task: str, kind: str, positive: str
) -> None:
    found = of(tmp_path, x=[3, 4, 5, 6] * 10, target=values)
    assert (found.task, found.columns["target"].type, found.positive) == (task, kind, positive)
    assert not found.columns["target"].known_at_prediction


def test_the_first_column_that_names_each_row_becomes_the_key_and_a_date_the_time(tmp_path: Path) -> None:
    found = of(
        tmp_path,
        number=[1, 2] * 20,
        name=[f"c{i}" for i in range(40)],
        day=[f"2024-01-{i % 28 + 1:02}" for i in range(40)],
    )
    assert (found.key, found.time) == (("name",), "day")


def test_a_column_with_empty_fields_may_be_missing_and_is_no_key(tmp_path: Path) -> None:
    found = of(tmp_path, name=[f"c{i}" for i in range(39)] + [None])
    assert found.columns["name"].missing
    assert found.key == ()


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
@example(["yes", "no", "null", "~"])
@example(["a: b", "#c", "- d", "{e}"])
@example(["1", "1.50", "2024-01-01", "<<"])
@example(["\x7f", "\x85", "\u2028", "😀"])
@example(["TODO what", "columns", "version"])
@settings(max_examples=60, deadline=None)
def test_strange_column_names_read_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    folder = tmp_path_factory.mktemp("draft")
    file = folder / "rows.parquet"
    pl.DataFrame({**{name: [5, 6, 7, 7] for name in names}, "target": [0, 1, 0, 1]}).write_parquet(file)
    text = draft(file, "target")
    (folder / "columns.yaml").write_text(text, encoding="utf-8", newline="\n")
    assert list(dictionaries.read_open(folder).columns) == [*names, "target"]
    if names[0] != names[0].lower().strip():
        return
    pl.DataFrame({**{name: [5, 6, 7, 8] for name in names[1:]}, names[0]: [0, 1, 0, 1]}).write_parquet(file)
    (folder / "columns.yaml").write_text(draft(file, names[0]), encoding="utf-8", newline="\n")
    assert dictionaries.read_open(folder).target == names[0]


def test_the_nameless_column_of_a_pandas_index_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        "".join([",x,target\n", *(f"{i},{i % 7},{i % 2}\n" for i in range(40))]), encoding="utf-8"
    )
    found = drafted(tmp_path, file, "target")
    assert (list(found.columns), found.key) == (["", "x", "target"], ())


def test_an_unfinished_draft_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("x,target\n1,0\n2,1\n", encoding="utf-8")
    (tmp_path / "columns.yaml").write_text(draft(file, "target"), encoding="utf-8")
    with pytest.raises(FearlessError, match="the column `x` has no meaningful description"):
        dictionaries.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "target", "sentence"),
    [
        ("x,target\n", "target", "rows.csv has no rows"),
        (
            "x,target\n1,0\n",
            "gone",
            "rows.csv has no column `gone` to predict. Name one with --target: x, target.",
        ),
        ("x,target\n1,0\n2,0\n", "target", "takes one value only"),
        ("x,target\n1,\n2,\n", "target", "takes one value only"),
        ("x,target\n1,a\n2,b\n3,c\n", "target", "is text with 3 values"),
        ("", "target", "cannot be read"),
    ],
)
def test_a_file_without_a_question_in_it_is_refused(
    tmp_path: Path, content: str, target: str, sentence: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(FearlessError) as caught:
        draft(file, target)
    assert sentence in str(caught.value)
