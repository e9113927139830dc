"""Whoever edits, removes or inserts a row of a chained ledger is found out, and the row is named."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fearless.ledger.chain import START, Link, Verified, link_hash, verify
from fearless.ledger.sqlite import TABLES, SqliteLedger

from .ledger_rows import deployment, prediction, refusal

VALUES = st.lists(
    st.one_of(st.none(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(), st.binary()),
    min_size=1,
    max_size=4,
)


def chained(rows: list[list[object]]) -> list[Link]:
    head, links = START, []
    for seq, values in enumerate(rows, start=1):
        own = link_hash(head, seq, values)  # type: ignore[arg-type]
        links.append(Link(seq, values, head, own))  # type: ignore[arg-type]
        head = own
    return links


@given(st.lists(VALUES, min_size=1, max_size=6), st.data())
def test_a_changed_value_is_named_wherever_it_stands(rows: list[list[object]], data: st.DataObject) -> None:
    links = chained(rows)
    assert verify("t", links) == Verified("t", len(rows), len(rows), links[-1].own.hex(), "")  # type: ignore[union-attr]
    place = data.draw(st.integers(0, len(rows) - 1))
    values = list(links[place].values)
    cell = data.draw(st.integers(0, len(values) - 1))
    values[cell] = "another value" if values[cell] != "another value" else "a third"
    links[place] = links[place]._replace(values=values)
    assert f"row {place + 1} was changed" in verify("t", links).fault


@given(st.lists(VALUES, min_size=3, max_size=6, unique_by=repr), st.data())
def test_a_removed_and_a_swapped_row_are_named(rows: list[list[object]], data: st.DataObject) -> None:
    links = chained(rows)
    place = data.draw(st.integers(1, len(rows) - 2))
    assert verify("t", links[:place] + links[place + 1 :]).fault == (
        f"t: row {place + 1} was removed: row {place + 2} follows row {place}."
    )
    renumbered = links[:place] + [each._replace(seq=each.seq - 1) for each in links[place + 1 :]]
    assert f"row {place + 1} does not follow the row before it" in verify("t", renumbered).fault


def test_a_changed_row_cannot_be_mended_without_all_rows_after_it() -> None:
    links = chained([[1], [2], [3], [4]])
    own = link_hash(links[0].own or START, 2, [99])
    links[1] = links[1]._replace(values=[99], own=own)
    assert verify("t", links).fault == (
        "t: row 3 does not follow the row before it: one of the two was changed, removed or put in."
    )
    links[2] = links[2]._replace(previous=own)
    assert verify("t", links).fault == "t: row 3 was changed after it was written."


def filled(path: Path, *, with_chain: bool = True) -> SqliteLedger:
    ledger = SqliteLedger(path, chained=with_chain)
    rows = [prediction(score=score) for score in (0.25, 0, 1)]  # whole numbers in a column of reals too
    ledger.append(rows, [refusal()])
    ledger.add_labels(pl.DataFrame({"prediction_id": [each.id for each in rows], "label": [1, 0, 1]}))
    ledger.deploy(deployment())
    return ledger


def faults(ledger: SqliteLedger) -> list[str]:
    return [each.fault for each in ledger.verify() if each.fault]


def test_an_untouched_ledger_verifies(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "p.sqlite")
    assert [(each.table, each.rows, each.chained) for each in ledger.verify()] == [
        ("provenance", 1, 1),
        ("predictions", 3, 3),
        ("refusals", 1, 1),
        ("labels", 3, 3),
        ("deployments", 1, 1),
    ]
    assert faults(ledger) == []


@pytest.mark.parametrize("table", list(TABLES))
def test_an_edited_row_of_each_table_is_named(tmp_path: Path, table: str) -> None:
    ledger = filled(tmp_path / "p.sqlite")
    with sqlite3.connect(ledger.path) as hostile:
        hostile.execute(f"DROP TRIGGER {table}_no_update")
        column = TABLES[table][-2]
        hostile.execute(f"UPDATE {table} SET {column} = 'other' WHERE seq = 1")
    assert faults(ledger) == [f"{table}: row 1 was changed after it was written."]


def test_a_row_that_was_put_in_or_taken_out_is_named(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "p.sqlite")
    with sqlite3.connect(ledger.path) as hostile:
        hostile.execute("DROP TRIGGER predictions_no_delete")
        hostile.execute("DELETE FROM predictions WHERE seq = 2")
    assert faults(ledger) == ["predictions: row 2 was removed: row 3 follows row 1."]


def test_a_row_without_a_hash_among_chained_ones_is_named(tmp_path: Path) -> None:
    ledger = filled(tmp_path / "p.sqlite")
    ledger.close()
    SqliteLedger(ledger.path, chained=False).append([prediction()])
    assert faults(ledger) == ["predictions: row 4 is not in the chain, and the rows before it are."]


def test_a_ledger_that_became_regulated_later_is_chained_from_there_on(tmp_path: Path) -> None:
    filled(tmp_path / "p.sqlite", with_chain=False).close()
    ledger = filled(tmp_path / "p.sqlite")
    (found,) = [each for each in ledger.verify() if each.table == "predictions"]
    assert (found.rows, found.chained, found.fault) == (6, 3, "")
