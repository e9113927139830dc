"""Frozen golden data: read as it was frozen, refused when it was touched."""

from __future__ import annotations

import json

import polars as pl
import pytest

from fearless.core.digest import dvc_folder_md5
from fearless.core.errors import FearlessError
from fearless.golden.freeze import freeze
from fearless.golden.frozen import Record, equals_pointer, exists, open_golden, pointed_digest, read_record

from .conftest import Tree


@pytest.fixture
def frozen(tree: Tree, rows: pl.DataFrame) -> Tree:
    freeze(rows, tree.dictionary, tree.project)
    return tree


def point(tree: Tree, digest: str) -> None:
    tree.write("data/golden.dvc", f"outs:\n- md5: {digest}\n  hash: md5\n  path: golden\n")


def refusal(tree: Tree) -> str:
    with pytest.raises(FearlessError) as caught:
        open_golden(tree.project)
    return str(caught.value)


def test_golden_rows_come_back_as_they_were(frozen: Tree, rows: pl.DataFrame) -> None:
    golden = open_golden(frozen.project)
    assert golden.rows.equals(rows.tail(40))
    assert golden.rows.schema == rows.schema


def test_the_record_holds_how_the_rows_were_chosen(frozen: Tree) -> None:
    record = json.loads((frozen.project.golden / "golden.json").read_text(encoding="utf-8"))
    digest = record.pop("rows_sha256")
    assert len(digest) == 64
    assert record == {
        "version": 1,
        "rows": 40,
        "split": "time",
        "share": 0.2,
        "time": "day",
        "start": "2024-03-21",
        "key": ["customer"],
        "group": "",
        "target": "left",
    }


def test_a_row_that_was_changed_is_noticed(frozen: Tree) -> None:
    file = frozen.project.golden / "rows.parquet"
    pl.read_parquet(file).with_columns(left=~pl.col("left")).write_parquet(file)
    assert "data/golden/rows.parquet is not what was frozen: its SHA-256 differs" in refusal(frozen)


def test_rows_that_are_gone_are_told_with_the_way_back(frozen: Tree) -> None:
    (frozen.project.golden / "rows.parquet").unlink()
    assert refusal(frozen) == "data/golden/rows.parquet is missing. Bring it back with `uv run dvc pull`."


def test_no_golden_data_is_told_with_the_way_to_freeze(tree: Tree) -> None:
    assert not exists(tree.project)
    said = refusal(tree)
    assert "There is no golden data here (data/golden/golden.json is missing). Freeze it with" in said
    tree.write("data/golden.dvc", "outs: []\n")
    assert "Bring it back with `uv run dvc pull`." in refusal(tree)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "data/golden/golden.json is no JSON: EOF while parsing"),
        ("{}", "data/golden/golden.json: `rows` is missing"),
        ('{"version": 2}', "data/golden/golden.json: `version` is 2"),
    ],
)
def test_a_damaged_record_is_told(frozen: Tree, text: str, sentence: str) -> None:
    frozen.write("data/golden/golden.json", text)
    assert sentence in refusal(frozen)


def test_a_key_of_a_later_toolkit_is_kept(frozen: Tree) -> None:
    record = read_record(frozen.project).model_dump(mode="json")
    frozen.write("data/golden/golden.json", json.dumps({**record, "later": [1]}))
    assert Record.model_validate(read_record(frozen.project)).model_dump()["later"] == [1]


def test_golden_data_equals_its_pointer_until_a_file_changes_comes_or_goes(frozen: Tree) -> None:
    point(frozen, dvc_folder_md5(frozen.project.golden))
    assert equals_pointer(frozen.project)
    extra = frozen.write("data/golden/extra.txt", "more")
    assert not equals_pointer(frozen.project)
    extra.unlink()
    assert equals_pointer(frozen.project)
    (frozen.project.golden / "golden.json").unlink()
    assert not equals_pointer(frozen.project)


@pytest.mark.parametrize("text", ["", "outs: []\n", "outs:\n- path: golden\n", "outs: 3\n"])
def test_a_pointer_without_a_digest_is_refused(frozen: Tree, text: str) -> None:
    pointer = frozen.write("data/golden.dvc", text)
    with pytest.raises(FearlessError, match=r"data/golden\.dvc names no digest"):
        pointed_digest(pointer, "data/golden.dvc")


def test_a_pointer_that_is_gone_is_told(frozen: Tree) -> None:
    with pytest.raises(FearlessError, match=r"data/golden\.dvc is missing"):
        equals_pointer(frozen.project)
