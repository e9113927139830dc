"""Features row by row: what a row's features are must not depend on the rows around it.

In serving a row comes alone. A mean over all rows, a rank or a shift gives it another value there than in training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fearless.guard.finding import Finding

if TYPE_CHECKING:
    import polars as pl

MOST_ROWS = 64


def row_by_row(features: Callable[[pl.DataFrame], pl.DataFrame], rows: pl.DataFrame) -> list[Finding]:
    """Hold the features of some of `rows`, made apart from the others and in reverse, against those made with all."""
    import numpy as np

    step = max(2, rows.height // MOST_ROWS)
    together = features(rows).gather_every(step)
    apart = features(rows.gather_every(step).reverse()).reverse()
    if apart.columns != together.columns:
        different = next(
            (name for name in together.columns if name not in apart.columns), together.columns[0]
        )
    else:
        unequal = (
            name
            for name in together.columns
            if not np.allclose(together[name].to_numpy(), apart[name].to_numpy(), rtol=1e-5, equal_nan=True)
        )
        different = next(unequal, "")
    if not different:
        return []
    return [
        Finding(
            f"features() gives `{different}` another value when it sees fewer rows, or the same ones in another order:"
            " in serving, a row comes alone.",
            "Make it from the row's own columns; what must be learned from data belongs into the estimator.",
        )
    ]
