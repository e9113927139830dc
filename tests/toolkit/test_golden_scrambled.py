"""Exchanging golden rows: their content moves, and nothing else in the raw files does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fearless.columns.dictionary import Dictionary, parse
from fearless.core.project import Project
from fearless.golden.frozen import Golden, Record, open_golden
from fearless.golden.scrambled import donors, exchange_frozen, exchange_raw

COLUMN = {"description": "a column of these tests", "known_at_prediction": "true"}
COLUMNS = {
    "id": {"type": "integer", **COLUMN},
    "home": {"type": "string", **COLUMN},
    "size": {"type": "number", **COLUMN},
    "paid": {"type": "number", **COLUMN, "known_at_prediction": "false", "reason": "it is the target"},
}


def dictionary(**roles: object) -> Dictionary:
    return parse({"version": "1", "task": "regression", "target": "paid", "columns": COLUMNS, **roles})


KEYED = dictionary(key="id", group="home")


def golden_of(rows: pl.DataFrame, ids: list[int]) -> Golden:
    chosen = rows.filter(pl.col("id").is_in(ids))
    record = Record(
        rows=chosen.height, rows_sha256="", split="hash", share=0.2, key=["id"], group="home", target="paid"
    )
    return Golden(chosen, record)


def table(count: int) -> pl.DataFrame:
    numbers = range(count)
    return pl.DataFrame(
        {
            "id": list(numbers),
            "home": [f"h{number % 3}" for number in numbers],
            "size": [number * 1.5 for number in numbers],
            "paid": [float(number * 7 % 11) for number in numbers],
        }
    )


def project_with(folder: Path, **files: pl.DataFrame) -> Project:
    (folder / "data" / "raw").mkdir(parents=True)
    for name, rows in files.items():
        rows.write_csv(folder / "data" / "raw" / f"{name}.csv")
    return Project(folder)


@settings(max_examples=25, deadline=None)
@given(ids=st.sets(st.integers(0, 39), min_size=2, max_size=20))
def test_every_other_row_stays_to_the_letter_and_each_golden_row_has_the_content_of_its_donor(
    ids: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = table(40)
    golden = golden_of(rows, sorted(ids))
    project = project_with(tmp_path_factory.mktemp("project"), rows=rows)
    drawn = donors(golden, KEYED)
    assert exchange_raw(project, golden, KEYED, drawn) == ["data/raw/rows.csv"]

    now = pl.read_csv(project.raw / "rows.csv", schema=rows.schema)
    assert now["id"].equals(rows["id"]), "each key stays where it was"
    assert now["home"].equals(rows["home"]), "and so does its group"
    other = ~pl.col("id").is_in(sorted(ids))
    assert now.filter(other).equals(rows.filter(other))
    content = ["size", "paid"]
    assert now.filter(~other).select(content).equals(golden.rows[drawn].select(content))


def test_the_exchange_changes_what_is_computed_over_all_rows() -> None:
    """A plain permutation would leave the mean as it is, and a scale taken over all rows would go unseen."""
    golden = golden_of(table(40), list(range(0, 40, 2)))
    drawn = golden.rows[donors(golden, KEYED)]
    for column in ("size", "paid"):
        assert drawn[column].mean() != pytest.approx(golden.rows[column].mean(), rel=0.05)
        assert drawn[column].n_unique() <= 8
    assert set(drawn["paid"]) <= set(golden.rows["paid"].sort()[10:])


def test_rows_that_stay_in_their_place_are_written_as_they_were(tmp_path: Path) -> None:
    rows = table(40)
    golden = golden_of(rows, [3, 5, 8, 13])
    project = project_with(tmp_path, rows=rows)
    exchange_raw(project, golden, KEYED, np.arange(4))
    assert pl.read_csv(project.raw / "rows.csv", schema=rows.schema).equals(rows)


def test_all_rows_of_a_key_move_together_and_a_table_without_the_key_stays(tmp_path: Path) -> None:
    rows = table(40)
    golden = golden_of(rows, [1, 2])
    events = pl.DataFrame({"id": [1, 7, 2, 2, 9], "call": ["a", "b", "c", "d", "e"]})
    places = pl.DataFrame({"home": ["h0", "h1"], "rain": [1, 2]})
    project = project_with(tmp_path, rows=rows, events=events, places=places)
    changed = exchange_raw(project, golden, KEYED, np.array([1, 0]))
    assert changed == ["data/raw/events.csv", "data/raw/rows.csv"]
    moved = pl.read_csv(project.raw / "events.csv")
    assert moved.rows() == [(1, "c"), (1, "d"), (7, "b"), (2, "a"), (9, "e")]
    assert pl.read_csv(project.raw / "places.csv").equals(places)


def test_keys_are_found_as_columns_yaml_types_them(tmp_path: Path) -> None:
    rows = table(40)
    golden = golden_of(rows, [1, 2])
    spelled = rows.with_columns(pl.format("00{}", "id").alias("id"))
    project = project_with(tmp_path, rows=spelled)
    assert exchange_raw(project, golden, KEYED, np.array([1, 0]))
    now = pl.read_csv(project.raw / "rows.csv", infer_schema=False)
    assert now["id"].equals(spelled["id"])
    assert now["size"][1:3].to_list() == ["3.0", "1.5"]


@pytest.mark.parametrize("words", [b"id;size\n1;2\n", b"number,size\n1,2\n", b"id,size\nx,2\n"])
def test_a_file_whose_keys_cannot_be_read_stays_and_is_not_named(words: bytes, tmp_path: Path) -> None:
    project = project_with(tmp_path)
    file = project.raw / "other.csv"
    file.write_bytes(words)
    assert exchange_raw(project, golden_of(table(40), [1, 2]), KEYED, np.array([1, 0])) == []
    assert file.read_bytes() == words


def test_without_a_key_no_file_is_touched(tmp_path: Path) -> None:
    rows = table(40)
    project = project_with(tmp_path, rows=rows)
    before = (project.raw / "rows.csv").read_bytes()
    assert exchange_raw(project, golden_of(rows, [1, 2]), dictionary(), np.array([1, 0])) == []
    assert (project.raw / "rows.csv").read_bytes() == before


def test_the_frozen_rows_are_exchanged_with_a_record_that_fits_them(tmp_path: Path) -> None:
    golden = golden_of(table(40), [4, 6, 9])
    project = project_with(tmp_path)
    exchange_frozen(project, golden, KEYED, np.array([2, 2, 0]))
    now = open_golden(project).rows
    assert now["id"].to_list() == [4, 6, 9]
    assert now["home"].equals(golden.rows["home"])
    assert now["size"].to_list() == [13.5, 13.5, 6.0]
