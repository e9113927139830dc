"""Means of columns with all their covariances, added up block by block: what is left of rows that are gone.

A metric's interval needs the lengths and angles of the influences of the rows. Those of k columns lie in a space of k
dimensions, so that k coordinates each are as good as n: their inner products are the covariances, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fearless.gate.intervals import Array, Measured


class Moments:
    """The sums and the products of k columns, about a point near their means."""

    def __init__(self, shift: Array, rows: int, sums: Array, products: Array) -> None:
        self.shift, self.rows, self.sums, self.products = shift, rows, sums, products

    @classmethod
    def none(cls, shift: Array) -> Moments:
        """No row yet; `shift` (k,) is the point."""
        return cls(shift, 0, np.zeros(len(shift)), np.zeros((len(shift), len(shift))))

    def add(self, columns: Sequence[Array]) -> None:
        """Take in (n,) more rows of each column, which are already less the shift."""
        self.rows += len(columns[0])
        for i, column in enumerate(columns):
            self.sums[i] += column.sum()
            for j in range(i + 1):
                # einsum starts no threads, which cost more than they bring here.
                self.products[i, j] += np.einsum("n,n->", column, columns[j])
                self.products[j, i] = self.products[i, j]

    def measured(self) -> list[Measured]:
        """The mean of each column, its influence in k coordinates."""
        n = self.rows
        covariance = (self.products - np.outer(self.sums, self.sums) / n) / (n * (n - 1.0))
        root = root_of(covariance)
        return [
            Measured(float(self.shift[at] + self.sums[at] / n), root[at], n - 1)
            for at in range(len(self.sums))
        ]


def root_of(products: Array) -> Array:
    """k vectors of k coordinates with these inner products; NaN where those are too large for a number."""
    if not np.isfinite(products).all():
        return np.full_like(products, np.nan)
    # Each vector is brought to length 1 first: beside long ones a short one would be lost in their rounding.
    lengths = np.sqrt(np.maximum(np.diag(products), 0.0))
    lengths[lengths == 0.0] = 1.0
    values, vectors = np.linalg.eigh(products / lengths[:, None] / lengths)
    root: Array = lengths[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    return root
