"""A large file of predictions: read once, proven row by row, and kept on disk as numbers for the streaming engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError
from fearless.gate.blocks import Blocks
from fearless.gate.intervals import Array
from fearless.gate.levels import MOST_LEVELS
from fearless.gate.policy import Policy
from fearless.gate.rank_pass import Column, kept_of
from fearless.gate.streamed import Streamed
from fearless.gate.sums import TRUTH
from fearless.pipeline.levels import texts_of
from fearless.pipeline.predictions import (
    ROW_ID,
    Predictions,
    Roles,
    block_of,
    refuse_ids_of_parts,
    refuse_row_twice,
)
from fearless.pipeline.spread import Spread

if TYPE_CHECKING:
    import polars as pl

# Rows that are read at once, of which a reader looks at whole groups, and rows that are measured at once.
READ, BLOCK = 1 << 18, 1 << 17
IDS_AT_ONCE = 1_000_000
SUSPECTS = 100
KEPT_BYTES = 31 * 1024 * 1024


def stream(found: Predictions, roles: Roles, policy: Policy, rows: int, blocks: Blocks) -> Streamed:
    """The file measured by the streaming engine; raises FearlessError for the first row that cannot be judged.

    `policy` asks for no baseline but those that the file has, `blocks` are empty.
    """
    name = found.file.name
    _keep_freed_memory()
    if roles.id:
        _refuse_rows_twice(found, roles.id, rows, blocks.folder)
    spread = Spread((TRUTH, *roles.models), rows)
    levels = {column: Numbered(column) for column in roles.slices}
    totals = np.zeros(max(len(roles.classes), 1))
    numbers = [each for each in roles.numbers if each != ROW_ID]
    together = numbers if found.by_column else [*numbers, *(each for each in levels if each not in numbers)]
    step = READ if found.by_column else BLOCK  # all columns at once take their room
    for start in range(0, rows, step):
        frame = found.read(together, start, step)
        block = block_of(frame, roles, name, start)
        y = _as_kept(block.y, roles)
        if roles.task == "multiclass":
            totals += np.bincount(y, minlength=len(totals))
        else:
            totals += float(y.sum(dtype=np.float64))
        kept: dict[str, NDArray[np.generic]] = {TRUTH: y, **block.scores}
        for column, numbered in levels.items():
            # Texts are the most of a file: where it goes, each column of them is read and gone before the next.
            texts = found.read([column], start, step) if found.by_column else frame
            kept[kept_of(column)] = numbered.codes(texts[column])
        spread.take(start, kept)
        for at in range(0, len(y), BLOCK):
            blocks.append({each: array[at : at + BLOCK] for each, array in kept.items()})
    _refuse_one_class(roles, totals, blocks)
    constant: float | Array = totals / rows if roles.task == "multiclass" else float(totals[0] / rows)
    return Streamed.of(
        policy,
        roles.task,
        blocks,
        list(roles.models),
        constant,
        [Column(column, tuple(numbered.names)) for column, numbered in levels.items()],
        spread.sample(),
    )


class Numbered:
    """The levels of one column, numbered in the order in which they are met."""

    def __init__(self, column: str) -> None:
        self.column = column
        self.names: list[str] = []

    def codes(self, values: pl.Series) -> NDArray[np.uint8]:
        """(n,) the number of each row's level; null is a level of its own."""
        import polars as pl

        texts = texts_of(values)
        found = texts.cast(pl.Enum(self.names), strict=False).to_physical()
        if found.null_count():
            self.names += sorted(texts.filter(found.is_null()).unique())
            if len(self.names) > MOST_LEVELS:
                raise FearlessError(
                    f"gate.yaml: slices.by: `{self.column}` has more than {MOST_LEVELS} levels in the golden data, and"
                    f" parts that somebody can look at are at most {MOST_LEVELS}.",
                    fix="Name a column with fewer levels, or make ranges of it.",
                )
            found = texts.cast(pl.Enum(self.names)).to_physical()
        return found.to_numpy().astype(np.uint8)


def _keep_freed_memory() -> None:
    """Give and take back one large array that is never touched.

    The C library of Linux then keeps freed arrays of up to its size instead of handing each back to the system, which
    would clear it anew for the next block: a sixth of the time. Elsewhere it changes nothing.
    """
    np.empty(KEPT_BYTES, dtype=np.uint8)


def _as_kept(y: NDArray[np.generic], roles: Roles) -> NDArray[np.generic]:
    """The truth in as few bytes as it needs."""
    if roles.task == "multiclass":
        order = np.argsort(np.asarray(roles.classes))
        sorted_names = np.asarray(roles.classes)[order]
        return np.asarray(order[np.searchsorted(sorted_names, y)].astype(np.uint16))
    return np.asarray(y.astype(np.uint8)) if roles.task == "binary" else y


def _refuse_one_class(roles: Roles, totals: Array, blocks: Blocks) -> None:
    """What the exact engine refuses of the truth as a whole."""
    rows = sum(blocks.rows(at, TRUTH) for at in range(len(blocks)))
    if roles.task == "regression":
        ends = [
            (float(y.min()), float(y.max())) for y in (blocks.read(at, TRUTH) for at in range(len(blocks)))
        ]
        one = min(low for low, _ in ends) == max(high for _, high in ends)
        rarer = 2.0
    elif roles.task == "binary":
        rarer = min(float(totals[0]), rows - float(totals[0]))
        one = rarer == 0
    else:
        one, rarer = int(np.count_nonzero(totals)) < 2, 2.0
    if one:
        raise FearlessError(
            f"The golden target has one {'value' if roles.task == 'regression' else 'class'} only: no model can be told"
            " from a constant.",
            fix="Bring rows that cover more.",
        )
    if rarer < 2:
        raise FearlessError(
            "Golden data has a single row of one class, and a variance needs two.",
            fix="Bring rows that cover more.",
        )


def _refuse_rows_twice(found: Predictions, column: str, rows: int, room: Path) -> None:
    """Equal ids have equal hashes, which are gathered on disk in parts that are small enough to be sorted."""
    import polars as pl

    parts = -(-rows // IDS_AT_ONCE)
    with Blocks(room) as kept:
        for frame in _frames(found, column, rows):
            refuse_ids_of_parts(frame[column], found.file.name)
            hashes = frame[column].hash().to_numpy()
            part = hashes % np.uint64(parts)
            kept.append({str(at): hashes[part == at] for at in range(parts)})
        for at in range(parts):
            ordered = np.sort(np.concatenate([kept.read(block, str(at)) for block in range(len(kept))]))
            twice = ordered[1:][ordered[1:] == ordered[:-1]]
            if len(twice):
                # The same id, or by one chance in many millions two: the rows themselves tell.
                some = pl.Series(twice[:SUSPECTS]).unique().implode()
                rare = [
                    frame.filter(pl.col(column).hash().is_in(some)) for frame in _frames(found, column, rows)
                ]
                refuse_row_twice(pl.concat(rare)[column], found.file.name)


def _frames(found: Predictions, column: str, rows: int) -> Iterator[pl.DataFrame]:
    for start in range(0, rows, BLOCK):
        yield found.read([column], start, BLOCK)
