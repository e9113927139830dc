"""Choosing the golden rows: the newest by time, or a share by a digest of the key where there is no time."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import TYPE_CHECKING

from fearless.columns.dictionary import Dictionary
from fearless.core.atomic import replaced_folder, write_text
from fearless.core.digest import sha256_file, sha256_text
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden.frozen import RECORD, ROWS, Record

if TYPE_CHECKING:
    import polars as pl

SHARE = 0.2
FEWEST = 30


def freeze(rows: pl.DataFrame, dictionary: Dictionary, project: Project, share: float = SHARE) -> Record:
    """Choose `share` of `rows` as golden data and write data/golden; rows without a target are not chosen.

    With a `time` column the newest rows are chosen, from a moment on; without one, rows are chosen by a
    digest of their group or key (or of the whole row), so the choice stays when rows are added or shuffled.
    """
    import polars as pl

    if not 0.01 <= share <= 0.9:
        raise FearlessError(f"A share of {share:g} is not between 0.01 and 0.9.", fix="Usual is 0.2.")
    labelled = rows.filter(pl.col(dictionary.target).is_not_null())
    if labelled.height < 2 * FEWEST:
        raise FearlessError(
            f"There are {labelled.height} rows with a target; freezing needs {2 * FEWEST} at least.",
            fix="Bring more data into data/raw.",
        )
    _refuse_repeated_keys(labelled, dictionary)
    start = ""
    if dictionary.time:
        golden, start = _newest(labelled, dictionary.time, share)
    else:
        golden = labelled.filter(_chosen_by_digest(labelled, dictionary, share))
    rest = labelled.height - golden.height
    if golden.height < FEWEST or rest < FEWEST:
        raise FearlessError(
            f"Freezing would leave {golden.height} golden and {rest} training rows; both need {FEWEST} at least.",
            fix="Bring more data, or choose another share with `uv run fearless golden freeze --share`.",
        )
    if golden[dictionary.target].n_unique() < 2:
        raise FearlessError(
            f"All golden rows would have one value of `{dictionary.target}`, so they could judge nothing.",
            fix="Choose a larger share with `uv run fearless golden freeze --share`.",
        )
    return _write(golden, dictionary, project, share, start)


def row_names(rows: pl.DataFrame, dictionary: Dictionary) -> pl.Series:
    """A text that names each row: its key, or without a key the whole row without the target."""
    import polars as pl

    names = list(dictionary.key) or [name for name in dictionary.columns if name != dictionary.target]
    # A value and a missing value must not read the same, nor (`a`, `bc`) like (`ab`, `c`).
    parts = [pl.col(name).cast(pl.String).str.len_chars().cast(pl.String).fill_null("-") for name in names]
    values = [pl.col(name).cast(pl.String).fill_null("") for name in names]
    pairs = [part for pair in zip(parts, values, strict=True) for part in pair]
    return rows.select(pl.concat_str(pairs, separator="\x1f").alias("name")).to_series()


def _newest(rows: pl.DataFrame, time: str, share: float) -> tuple[pl.DataFrame, str]:
    """The newest `share` of `rows`: all from one moment on, so that no moment stands on both sides."""
    import polars as pl

    moments = rows[time].drop_nulls().sort()
    if len(moments) < rows.height:
        raise FearlessError(
            f"The time `{time}` is missing in {rows.height - len(moments)} rows, so they cannot be ordered.",
            fix="Fill it in data.py, or leave those rows out there.",
        )
    start: date | datetime = moments[int(len(moments) * (1 - share))]
    return rows.filter(pl.col(time) >= start), start.isoformat()


def _chosen_by_digest(rows: pl.DataFrame, dictionary: Dictionary, share: float) -> pl.Series:
    import polars as pl

    names = rows[dictionary.group].cast(pl.String) if dictionary.group else row_names(rows, dictionary)
    limit = int(share * 16**8)
    # Our own digest and not polars' hash(): that one may change with its version, and the choice must not.
    return pl.Series([int(sha256_text(str(name))[:8], 16) < limit for name in names])


def _refuse_repeated_keys(rows: pl.DataFrame, dictionary: Dictionary) -> None:
    if not dictionary.key:
        return
    names = row_names(rows, dictionary)
    if names.n_unique() < len(names):
        twice = names.is_duplicated().arg_true()[0]
        value = ", ".join(str(rows[name][twice]) for name in dictionary.key)
        raise FearlessError(
            f"The key {list(dictionary.key)} does not name one row: {value} is there more than once.",
            fix="Add a column to `key:` in columns.yaml, or make one row of them in data.py.",
        )


def _write(
    golden: pl.DataFrame, dictionary: Dictionary, project: Project, share: float, start: str
) -> Record:
    with replaced_folder(project.golden) as folder:
        golden.write_parquet(folder / ROWS, compression="zstd")
        record = Record(
            rows=golden.height,
            rows_sha256=sha256_file(folder / ROWS),
            split="time" if start else "hash",
            share=share,
            time=dictionary.time,
            start=start,
            key=list(dictionary.key),
            group=dictionary.group,
            target=dictionary.target,
        )
        write_text(
            folder / RECORD, json.dumps(record.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
        )
    return record
