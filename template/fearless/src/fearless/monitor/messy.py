"""What a season brings besides clean rows, made from columns.yaml: rows to be refused, and a column that drifts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from fearless.columns.dictionary import Column, Dictionary
from fearless.core.errors import FearlessError

if TYPE_CHECKING:
    import polars as pl

STRANGER = "column_nobody_knows"
UNSEEN = "a level nobody knows"
WRONG_TYPE: dict[str, Any] = {
    "integer": "many",
    "number": "much",
    "boolean": "perhaps",
    "date": "31/12/2026",
    "datetime": "noon",
}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a row: `column` holds `value` (or is gone), and `reason` is the word of the refusal."""

    reason: str
    column: str
    value: Any = None
    gone: bool = False

    def planted(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of `row` with this fault."""
        broken = {**row, self.column: self.value}
        if self.gone:
            del broken[self.column]
        return broken


def faults(dictionary: Dictionary) -> list[Fault]:
    """Every fault that columns.yaml makes possible, the reasons in turns, so that a few faults show many reasons."""
    known = {name: dictionary.columns[name] for name in dictionary.known}
    by_reason = [
        [Fault("missing", name, gone=True) for name in known],
        [Fault("type", name, WRONG_TYPE.get(column.type, 17)) for name, column in known.items()],
        [
            Fault("range", name, _outside(column))
            for name, column in known.items()
            if _outside(column) is not None
        ],
        [Fault("level", name, UNSEEN) for name, column in known.items() if column.levels],
        [Fault("missing", name) for name, column in known.items() if not column.missing],
        [Fault("unknown", STRANGER, 1)],
        [Fault("not_known", name) for name in dictionary.columns if name not in known],
    ]
    return [each for turn in zip_longest(*by_reason) for each in turn if each is not None]


def drifting(rows: pl.DataFrame, dictionary: Dictionary, seed: int = 0) -> tuple[str, pl.Series]:
    """A column that can drift, and its drifted values for each of `rows`.

    Of the numbers it is the one with the most values, and its lower half is gone: each value below the median is
    replaced by one from above it, as where a source loses part of its records. Without a number the rarest level
    stands in every row. So the service can refuse none of it. Raises FearlessError where no column can drift.
    """
    import polars as pl

    kept = {*dictionary.key, dictionary.time, dictionary.group}
    free = [name for name in dictionary.known if name not in kept]
    draw = np.random.default_rng(seed)
    numbers = [name for name in free if dictionary.columns[name].type in ("integer", "number")]
    for name in sorted(numbers, key=lambda each: -rows[each].n_unique()):
        values = rows[name]
        known = values.drop_nulls().sort()
        middle = known[len(known) // 2] if len(known) else None
        upper = known.filter(known >= middle)
        if len(upper) > 0.7 * rows.height or len(upper) == 0:
            continue
        drawn = pl.Series(
            name, upper.to_numpy()[draw.integers(0, len(upper), rows.height)], dtype=values.dtype
        )
        return name, values.zip_with((values >= middle).fill_null(True), drawn)
    for name in free:
        values = rows[name]
        counted = values.drop_nulls().value_counts(sort=True)
        if dictionary.columns[name].type in ("category", "boolean") and counted.height > 1:
            return name, pl.Series(name, [counted[name][-1]] * rows.height, dtype=values.dtype)
    raise FearlessError(
        "No column can drift: each is a key, a time, a free text, or has one value in more than half of the rows.",
        fix="Play the season without --drift.",
    )


def _outside(column: Column) -> float | int | None:
    """A number just outside the range of a column; None where it has none."""
    if column.range is None:
        return None
    low, high = column.range
    edge = high + 1 if math.isfinite(high) else low - 1
    return int(edge) if column.type == "integer" else edge
