"""The columns of the golden data that gate.yaml slices by, as numbers of levels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fearless.core.errors import FearlessError
from fearless.gate.levels import MISSING, Levels
from fearless.gate.policy import Policy

if TYPE_CHECKING:
    import polars as pl


def levels_of(rows: pl.DataFrame, policy: Policy) -> Iterator[Levels]:
    """The columns of `slices.by` that the rows have, null as a level of its own; the judge names one that is missing.

    They come one after the other, since each takes 8 bytes a row. polars numbers a million texts in a few milliseconds,
    where numpy sorts them for a second.
    """
    import polars as pl

    for name in policy.slices.by if policy.slices else []:
        if name in rows.columns:
            texts = texts_of(rows[name])
            levels = texts.unique().sort()
            codes = texts.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).to_numpy()
            yield Levels(name, codes, tuple(levels)).checked()


def texts_of(values: pl.Series) -> pl.Series:
    """The values as names of levels, null as MISSING; raises FearlessError for a type that has no names."""
    import polars as pl

    try:
        return values.cast(pl.String).fill_null(MISSING)
    except pl.exceptions.PolarsError:
        raise FearlessError(
            f"gate.yaml: slices.by: `{values.name}` holds {values.dtype}, which names no part of the rows.",
            fix="Name a column of texts, numbers or truth values.",
        ) from None
