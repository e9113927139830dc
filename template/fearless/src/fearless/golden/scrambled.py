"""Golden data with its rows exchanged: what must not reach the model is made different, to see whether it does.

Whole rows move: the cells of one row stay together, so that no row becomes impossible, and the key and the group
stay in their place, so that the same rows are golden. Few rows with high targets stand for all: exchanging them one
for one would leave every mean, deviation and extreme as it was, and drawing from many would hardly move them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fearless.columns.dictionary import Dictionary
from fearless.columns.frame import ENDINGS, read_untyped, target_of, typed
from fearless.core.atomic import replaced_folder, write_text
from fearless.core.digest import files_below, sha256_file
from fearless.core.errors import FearlessError
from fearless.core.project import Project
from fearless.golden.freeze import row_names
from fearless.golden.frozen import RECORD, ROWS, Golden

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

NAME, DONOR, PLACE, AT = "\x1fname", "\x1fdonor", "\x1fplace", "\x1fat"
SEED = 20
FEW = 8


def donors(golden: Golden, dictionary: Dictionary) -> NDArray[np.int64]:
    """(golden rows,) for each golden row the position of the one whose content it takes; the same at each call."""
    import numpy as np

    random = np.random.default_rng(SEED)
    y = target_of(golden.rows, dictionary)
    order = np.lexsort((random.random(len(y)), y))
    few = random.choice(order[len(y) // 2 :], min(FEW, len(y) - len(y) // 2), replace=False)
    return random.choice(few, len(y))


def exchange_frozen(
    project: Project, golden: Golden, dictionary: Dictionary, drawn: NDArray[np.int64]
) -> None:
    """Write data/golden of `project` with the content of the rows `drawn`."""
    kept = [*dictionary.key, *([dictionary.group] if dictionary.group else [])]
    write_golden(project, golden.rows[drawn].with_columns(golden.rows.select(kept)), golden)


def exchange_raw(
    project: Project, golden: Golden, dictionary: Dictionary, drawn: NDArray[np.int64]
) -> list[str]:
    """Exchange the golden rows in the CSV and Parquet files of data/raw that hold the key; returns those files.

    A file may hold several rows of one key, as a table of events does: they all move. Other files stay.
    """
    import polars as pl

    if not dictionary.key:
        return []
    names = row_names(golden.rows, dictionary)
    exchange = pl.DataFrame({NAME: names, DONOR: names.gather(drawn)})
    changed = []
    for _, file in files_below(project.raw):
        found = _named(file, dictionary) if file.suffix.lower() in ENDINGS else None
        if found is None or not found[NAME].is_in(names.implode()).any():
            continue
        kept = [*dictionary.key, *([dictionary.group] if dictionary.group in found.columns else [])]
        rows = _exchanged(found, exchange, kept)
        file.unlink()  # it may be a link into DVC's cache, or not writable
        if file.suffix.lower() == ".parquet":
            rows.write_parquet(file)
        else:
            rows.write_csv(file)
        changed.append(project.relative(file))
    return changed


def write_golden(project: Project, rows: pl.DataFrame, golden: Golden) -> None:
    """Replace data/golden of `project` by `rows`, with the record of `golden` corrected for them."""
    with replaced_folder(project.golden) as folder:
        rows.write_parquet(folder / ROWS, compression="zstd")
        changes = {"rows": rows.height, "rows_sha256": sha256_file(folder / ROWS)}
        record = golden.record.model_copy(update=changes)
        write_text(folder / RECORD, json.dumps(record.model_dump(mode="json"), indent=2) + "\n")


def _named(file: Path, dictionary: Dictionary) -> pl.DataFrame | None:
    """The rows of `file` as they stand there with the name that their key gives them, or None without such keys."""
    try:
        rows = read_untyped(file)
        if not set(dictionary.key) <= set(rows.columns):
            return None
        columns = {name: dictionary.columns[name] for name in dictionary.key}
        only_key = dictionary.model_copy(update={"columns": columns})
        keys = typed(rows.select(dictionary.key), only_key, file.name)
    except FearlessError:
        return None  # no file of the toolkit's reading: other separators, a key of other words
    return rows.with_columns(row_names(keys, only_key).alias(NAME))


def _exchanged(rows: pl.DataFrame, exchange: pl.DataFrame, kept: list[str]) -> pl.DataFrame:
    """`rows` with the content of each golden key's donor in its place; the columns `kept` are its own."""
    import polars as pl

    rows = rows.with_row_index(AT)
    golden = rows.filter(pl.col(NAME).is_in(exchange[NAME].implode()))
    others = rows.filter(~pl.col(NAME).is_in(exchange[NAME].implode()).fill_null(False))
    own = golden.group_by(NAME, maintain_order=True).agg(
        pl.col(AT).first().alias(PLACE), *(pl.col(name).first() for name in kept)
    )
    content = golden.drop(kept).rename({NAME: DONOR})
    moved = exchange.join(content, on=DONOR, how="inner").join(own, on=NAME, how="inner")
    columns = [name for name in rows.columns if name not in (AT, NAME)]
    both = pl.concat([others.with_columns(pl.col(AT).alias(PLACE)), moved.select(*others.columns, PLACE)])
    return both.sort(PLACE, AT).select(columns)
