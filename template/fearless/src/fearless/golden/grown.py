"""Golden rows that came from live predictions: told apart from those that load() gave, and added to them.

Their keys stand in golden.json, under `grown`. What was not known when they were predicted is missing in them, and they
are not in data/raw, or read there otherwise: so they are held against columns.yaml and not against load().
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fearless.columns.dictionary import Dictionary
from fearless.columns.frame import check_rows
from fearless.core.atomic import replaced_folder, write_text
from fearless.core.digest import sha256_file
from fearless.core.project import Project
from fearless.golden.freeze import row_names
from fearless.golden.frozen import RECORD, ROWS, Golden, Record

if TYPE_CHECKING:
    import polars as pl

GROWN = "grown"


def without_grown(golden: Golden, dictionary: Dictionary) -> Golden:
    """The rows that load() gave when they were frozen."""
    return replace(golden, rows=golden.rows.filter(~_is_grown(golden, dictionary)))


def grown_rows(golden: Golden, dictionary: Dictionary) -> pl.DataFrame:
    """The rows that came from live predictions."""
    return golden.rows.filter(_is_grown(golden, dictionary))


def count_grown(record: Record) -> int:
    """How many rows came from live predictions."""
    return sum(len(each["rows"]) for each in _growths(record))


def check_golden(golden: Golden, dictionary: Dictionary) -> list[str]:
    """What is wrong with the golden rows by columns.yaml, each as a sentence without its full stop.

    A grown row has no values that were not known when it was predicted, and needs none.
    """
    found = check_rows(without_grown(golden, dictionary).rows, dictionary, "The golden data")
    asked = {*dictionary.known, dictionary.target}
    columns = {name: column for name, column in dictionary.columns.items() if name in asked}
    known = dictionary.model_copy(update={"columns": columns})
    return found + check_rows(grown_rows(golden, dictionary), known, "The golden data that grew")


def add(
    project: Project, golden: Golden, rows: pl.DataFrame, dictionary: Dictionary, about: dict[str, Any]
) -> Record:
    """Write data/golden with `rows` behind those that are there; `about` says when and by whom they were reviewed."""
    import polars as pl

    names = row_names(rows, dictionary).to_list()
    both = pl.concat([golden.rows, rows.select(golden.rows.columns)])
    with replaced_folder(project.golden) as folder:
        both.write_parquet(folder / ROWS, compression="zstd")
        changes = {
            "rows": both.height,
            "rows_sha256": sha256_file(folder / ROWS),
            GROWN: [*_growths(golden.record), {**about, "rows": names}],
        }
        content = {**golden.record.model_dump(mode="json"), **changes}
        write_text(folder / RECORD, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return Record.model_validate(content)


def _is_grown(golden: Golden, dictionary: Dictionary) -> pl.Series:
    import polars as pl

    names = [name for each in _growths(golden.record) for name in each["rows"]]
    if not names:
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, golden.rows.height)
    return row_names(golden.rows, dictionary).is_in(names)


def _growths(record: Record) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (record.model_extra or {}).get(GROWN, [])
    return found
