"""A window of served rows against the profile of the model that scored them: which columns moved, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fearless.monitor.chance import Shift, shift
from fearless.monitor.profile import Column, Profile, as_numbers, cells_of, counts_of

if TYPE_CHECKING:
    import polars as pl

SCORE = "score"
# With fewer rows nothing but a landslide could be proven.
FEWEST_ROWS = 30
SLOTS = 24


@dataclass(frozen=True)
class Moved:
    """How one column (or, with `of` == "score", the model's answers) lies beside its reference.

    `reference` and `window` are counts by cell, the missing values last. `since` is the number of the slot from
    which on the window differs, None for a column that is steady.
    """

    of: str
    name: str
    column: Column
    shift: Shift
    reference: NDArray[np.int64]
    window: NDArray[np.int64]
    since: int | None
    mean: float | None

    @property
    def missing(self) -> tuple[float, float]:
        """The share of missing values in the reference and in the window."""
        return (
            float(self.reference[-1] / max(self.reference.sum(), 1)),
            float(self.window[-1] / max(self.window.sum(), 1)),
        )


class Window:
    """Rows that one model served, counted as they come: memory does not grow with them.

    `slots` is into how many stretches of time the window is cut, to say since when something moved.
    """

    def __init__(self, profile: Profile, slots: int = 1) -> None:
        self.profile = profile
        self.rows = 0
        self._slots = slots
        self._counts = {
            name: np.zeros((slots, len(column.counts) + 1), dtype=np.int64)
            for name, column in profile.columns.items()
        }
        self._scores = np.zeros((slots, len(profile.golden.scores.counts) + 1), dtype=np.int64)
        self._sums = dict.fromkeys([*profile.columns, ""], 0.0)

    def add(
        self, rows: pl.DataFrame, scores: NDArray[np.float64], slot: NDArray[np.intp] | None = None
    ) -> None:
        """Count typed `rows` with their (rows,) scores; `slot` (rows,) says in which stretch of time each lies."""
        import polars as pl

        self.rows += rows.height
        for name, column in self.profile.columns.items():
            values = rows[name]
            self._counts[name] += self._by_slot(cells_of(values, column), slot, len(column.counts) + 1)
            if column.kind == "number":
                self._sums[name] += float(np.nansum(as_numbers(values)))
        of_scores = self.profile.golden.scores
        cells = cells_of(pl.Series(scores), of_scores)
        self._scores += self._by_slot(cells, slot, len(of_scores.counts) + 1)
        self._sums[""] += float(np.nansum(scores))

    def compared(self, comparisons: int = 0) -> list[Moved]:
        """Every column that is compared and then the scores; empty where the rows are too few to tell.

        `comparisons` is how many the whole run makes, where it makes more than these.
        """
        if self.rows < FEWEST_ROWS:
            return []
        count = max(comparisons, self.comparisons)
        found = [
            self._moved("column", name, column, self._counts[name], count)
            for name, column in self.profile.columns.items()
            if column.kind != "unique" or column.missing or self._counts[name][:, -1].any()
        ]
        if self.profile.golden.rows >= FEWEST_ROWS:
            found.append(self._moved(SCORE, "", self.profile.golden.scores, self._scores, count))
        return found

    @property
    def comparisons(self) -> int:
        """How many comparisons this window can make; each shares in the false alarms of the run."""
        return len(self.profile.columns) + 1

    def _by_slot(
        self, cells: NDArray[np.intp], slot: NDArray[np.intp] | None, width: int
    ) -> NDArray[np.int64]:
        flat = cells if slot is None else slot * width + cells
        return np.bincount(flat, minlength=self._slots * width).reshape(self._slots, width)

    def _moved(
        self, of: str, name: str, column: Column, by_slot: NDArray[np.int64], comparisons: int
    ) -> Moved:
        reference, window = counts_of(column), by_slot.sum(axis=0)
        found = shift(reference, window, ordered=column.kind == "number", comparisons=comparisons)
        known = int(window[:-1].sum())
        return Moved(
            of=of,
            name=name,
            column=column,
            shift=found,
            reference=reference,
            window=window,
            since=None if found.state == "steady" else began(reference, by_slot),
            mean=self._sums[name] / known if known and column.kind == "number" else None,
        )


def began(reference: NDArray[np.int64], by_slot: NDArray[np.int64]) -> int:
    """The slot from which on the (slots, cells) counts follow a distribution of their own.

    The most likely one: the slots before it follow the reference, those from it on their own shares. Source: one
    change-point of multinomial counts, Horvath and Serbinowska, Scandinavian Journal of Statistics 22 (1995).
    """
    p = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    likelihoods = np.full(len(by_slot), -np.inf)
    for start in range(len(by_slot)):
        before, after = by_slot[:start].sum(axis=0), by_slot[start:].sum(axis=0)
        if after.sum():
            q = (after + 0.5) / (after.sum() + 0.5 * len(after))
            likelihoods[start] = before @ np.log(p) + after @ np.log(q)
    return int(np.argmax(likelihoods))
