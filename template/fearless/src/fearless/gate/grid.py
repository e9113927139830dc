"""Sums in every part of the golden rows at once: the columns of the slices crossed into one table of cells.

What a part of one column, or of two, adds up to is a sum over cells, so that each row is counted once for all of them.
Where the columns make too many cells together they are crossed two by two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.gate.intervals import Array
from fearless.gate.rank_pass import Column

MOST_CELLS = 50_000


class Grid:
    """Some columns crossed: how many rows, positives, sums and products of losses there are in each cell."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = list(columns)
        self.sizes = tuple(len(column.names) for column in columns)
        self.cells = math.prod(self.sizes)
        self.rows = np.zeros(self.cells, dtype=np.intp)
        self.positives: NDArray[np.intp] | None = None
        self.sums: dict[str, Array] = {}
        self.products: dict[str, Array] = {}
        self.shifts: dict[str, Array] = {}
        self.tables: dict[float, NDArray[np.intp]] = {}
        self._at = np.zeros(0, dtype=np.intp)

    @classmethod
    def of(cls, columns: Sequence[Column]) -> list[Grid]:
        """One grid of all columns, or one of each two."""
        if len(columns) <= 2 or math.prod(len(column.names) for column in columns) <= MOST_CELLS:
            return [cls(columns)]
        return [cls(pair) for pair in combinations(columns, 2)]

    def enter(self, codes: Mapping[str, NDArray[np.uint8]], y: Array | None) -> None:
        """Begin with the rows of a block; `y` is 0/1 where there are two classes."""
        at = codes[self.columns[0].name].astype(np.intp)
        for column, size in zip(self.columns[1:], self.sizes[1:], strict=True):
            at *= size
            at += codes[column.name]
        self._at = at
        self.rows += np.bincount(at, minlength=self.cells)
        if y is not None:
            if self.positives is None:
                self.positives = np.zeros(self.cells, dtype=np.intp)
            self.positives += np.bincount(at, y, self.cells).astype(np.intp)

    def add(self, metric: str, columns: Sequence[Array], shift: Array) -> None:
        """Add up k columns of losses, which are less the shift, and their products."""
        k = len(columns)
        if metric not in self.sums:
            self.sums[metric], self.products[metric] = np.zeros((k, self.cells)), np.zeros((k, k, self.cells))
            self.shifts[metric] = shift
        sums, products = self.sums[metric], self.products[metric]
        for i, column in enumerate(columns):
            sums[i] += np.bincount(self._at, column, self.cells)
            for j in range(i + 1):
                products[i, j] += np.bincount(self._at, column * columns[j], self.cells)
                products[j, i] = products[i, j]

    def count(self, threshold: float, cells: NDArray[np.intp]) -> None:
        """Count the rows in the eight cells of (target, candidate's yes, champion's yes)."""
        if threshold not in self.tables:
            self.tables[threshold] = np.zeros((self.cells, 8), dtype=np.intp)
        at = 8 * self._at + cells
        self.tables[threshold] += np.bincount(at, minlength=8 * self.cells).reshape(self.cells, 8)

    def has(self, columns: Sequence[Column]) -> bool:
        return all(column in self.columns for column in columns)

    def rows_of(self, columns: Sequence[Column]) -> NDArray[np.intp]:
        """(parts,) rows, for one or two of the columns, in the order of their sorted names."""
        return self._over(self.rows, columns)

    def positives_of(self, columns: Sequence[Column]) -> NDArray[np.intp] | None:
        return None if self.positives is None else self._over(self.positives, columns)

    def table_of(self, threshold: float, columns: Sequence[Column]) -> NDArray[np.intp]:
        """(parts, 8)"""
        found: NDArray[np.intp] = np.stack(
            [self._over(each, columns) for each in self.tables[threshold].T], axis=1
        )
        return found

    def moments_of(self, metric: str, columns: Sequence[Column]) -> tuple[Array, Array]:
        """Sums (k, parts) and products (k, k, parts) of the losses, about the shift."""
        sums, products = self.sums[metric], self.products[metric]
        return (
            np.stack([self._over(each, columns) for each in sums]),
            np.stack([np.stack([self._over(each, columns) for each in line]) for line in products]),
        )

    def _over(self, cells: NDArray[Any], columns: Sequence[Column]) -> NDArray[Any]:
        """What cells add up to in each part of one or two columns."""
        kept = [self.columns.index(column) for column in columns]
        whole = cells.reshape(self.sizes)
        summed = whole.sum(axis=tuple(at for at in range(len(self.sizes)) if at not in kept))
        if kept != sorted(kept):
            summed = summed.T
        for axis, column in enumerate(columns):
            summed = np.take(summed, column.order, axis=axis)
        return np.asarray(summed.reshape(-1))
