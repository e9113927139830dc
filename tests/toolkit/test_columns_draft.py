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
    text = re.sub('"TODO which of .* and (.*) is predicted"', r'"\1"', text)
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
        (["left", "stayed"] * 20, "binary", "category", "stayed"),  # the second, as the test's person chose
        (["ja", "nein"] * 20, "binary", "category", "ja"),
        (["non", "Oui"] * 20, "binary", "category", "Oui"),
        ([1, 2] * 20, "binary", "category", "1"),
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


def test_a_level_that_says_yes_is_proposed_and_the_other_one_named(tmp_path: Path) -> None:
    line = _line(tmp_path, ["ja", "nein"] * 20, "positive:")
    assert line.startswith("positive: ja    # TODO the value to predict: or is it `nein`?")


@pytest.mark.parametrize("values", [["left", "stayed"], ["a: b", "c # d"], ["ja", "yes"]])
def test_no_level_is_chosen_where_none_says_yes(tmp_path: Path, values: list[str]) -> None:
    file = tmp_path / "rows.csv"
    pl.DataFrame({"x": range(40), "target": values * 20}).write_csv(file)
    text = re.sub("TODO what.*", "What a person would write", draft(file, "target"))
    (tmp_path / "columns.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FearlessError) as caught:
        dictionaries.load(tmp_path)
    assert f"says `TODO which of {values[0]} and {values[1]} is predicted`" in str(caught.value)


def _line(folder: Path, target: list[Any], part: str) -> str:
    """The first line of the draft that contains `part`, or nothing."""
    file = folder / "rows.csv"
    pl.DataFrame({"x": range(len(target)), "target": target}).write_csv(file)
    return next((line.strip() for line in draft(file, "target").splitlines() if part in line), "")


def _remark_on(folder: Path, values: list[str]) -> str:
    file = folder / "rows.csv"
    pl.DataFrame({"x": values, "target": [0, 1] * (len(values) // 2)}).write_csv(file)
    text = draft(file, "target")
    (folder / "columns.yaml").write_text(text, encoding="utf-8", newline="\n")
    assert dictionaries.read_open(folder).columns["x"].type in ("string", "category")
    return next((line.strip() for line in text.splitlines() if line.startswith("    # TODO")), "")


@pytest.mark.parametrize(
    ("values", "example", "kind"),
    [
        (["1234,56", "7", "2,5", "-3"], "`1234,56` looks like a number", "number"),
        (["1.234,56", "2.000"], "`1.234,56` looks like a number", "number"),
        (["1,234.50", "2"], "`1,234.50` looks like a number", "number"),
        (["12 %", "7 %"], "`12 %` looks like a number", "number"),
        (["31.12.2025", "1.2.2025"], "`31.12.2025` looks like a date", "date"),
        (["12/31/25", "01/02/25"], "`12/31/25` looks like a date", "date"),
        (["31.12.2025 08:00", "1.2.2025 9:30"], "`31.12.2025 08:00` looks like a date", "datetime"),
        (
            ["2025-12-31T08:00:00+02:00", "2025-12-31T08:00:00Z"],
            "`2025-12-31T08:00:00+02:00` looks like a moment with an offset",
            "datetime",
        ),
        (["1", "2", "k.A.", "3"], "`k.A.` stands among numbers", "number"),
        (["1.5", "inf"], "`inf` stands among numbers", "number"),
        (["2025-12-31", "offen"], "`offen` stands among dates", "date"),
        (["1,5", "2,5", "k.A.", "NA"], "(and make `k.A.` missing)", "number"),
        (["1", "2", "line\nbreak", "3"], "`line?break` stands among numbers", "number"),
    ],
)
def test_a_number_or_date_in_another_notation_is_remarked_on(
    tmp_path: Path, values: list[str], example: str, kind: str
) -> None:
    said = _remark_on(tmp_path, values * 10)
    assert example in said
    assert "in data.py" in said
    assert f"set `type: {kind}`" in said


@pytest.mark.parametrize(
    "values",
    [
        ["a", "b", "NA", "c"],
        ["007", "012"],
        ["Elm Street 7", "Oak Street 12"],
        ["1", "two", "three", "four"],
        ["10115 Berlin", "80331 Munich"],
        [f"{10**20}", f"{10**20 + 1}"],
    ],
)
def test_text_gets_no_remark(tmp_path: Path, values: list[str]) -> None:
    assert _remark_on(tmp_path, values * 10) == ""


@pytest.mark.parametrize(
    ("values", "is_remarked"),
    [([1, 2, 3], True), ([1.0, 2.0, 3.0, 4.0], True), (range(11), False), ([0.5, 1.0, 2.0], False)],
)
def test_a_target_of_few_whole_values_may_be_classes(
    tmp_path: Path, values: list[float], is_remarked: bool
) -> None:
    assert bool(_line(tmp_path, [*values] * 10, "If they name classes")) is is_remarked


def test_a_target_in_another_notation_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FearlessError, match=r"is text with 3 values.*`1,5` looks like a number"):
        _line(tmp_path, ["1,5", "2,5", "3,5"] * 10, "")


@pytest.mark.parametrize("word", ["NaN", "nan", "NA", "n/a", "null", "None"])
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "3"], "integer"),
        (["1.5", "2", "3"], "number"),
        (["yes", "no", "no"], "boolean"),
        (["2024-01-01", "2024-01-02", "2024-01-03"], "date"),
        (["2024-01-01 10:00", "2024-01-02 10:00", "2024-01-03 10:00"], "datetime"),
    ],
)
def test_a_word_for_a_missing_value_is_drafted_and_read_as_one(
    tmp_path: Path, values: list[str], kind: str, word: str
) -> None:
    column = of(tmp_path, x=[*values, word] * 10).columns["x"]
    assert (column.type, column.missing) == (kind, True)


def test_a_word_for_a_missing_value_beside_two_numbers_to_predict_is_remarked_on(tmp_path: Path) -> None:
    said = _line(tmp_path, ["1", "2", "NA", "2"] * 10, "`NA`")
    assert said == "# TODO Some rows hold `NA`, none of its two levels: drop them in data.py."


def test_a_word_for_a_missing_value_stays_a_level_of_text(tmp_path: Path) -> None:
    column = of(tmp_path, x=["a", "b", "NA", "b"] * 10).columns["x"]
    assert (column.levels, column.missing) == (("NA", "a", "b"), False)


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
        ("x,x,target\n1,1,0\n2,2,1\n", "target", "has the column `x` twice in its header"),
        (
            "x;target\n1;0\n2;1\n",
            "target",
            "is separated by `;`, not by commas. Save it with commas, or read it in data.py",
        ),
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
