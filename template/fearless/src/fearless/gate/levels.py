"""The parts of the golden rows that slices are made of: for each column its levels, for each row its level."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError
from fearless.gate.intervals import Array

MISSING = "(missing)"
# More levels than this are no parts that anybody looks at: a number, or a name for each row.
MOST_LEVELS = 200


@dataclass(frozen=True)
class Levels:
    """One column: `codes` (n,) in 0..len(names)-1, and the names of its levels."""

    column: str
    codes: NDArray[np.intp]
    names: tuple[str, ...]

    @classmethod
    def of(cls, column: str, values: NDArray[Any]) -> Levels:
        """The levels of an (n,) array of numbers, truth values or texts; missing values are a level of their own."""
        missing = np.not_equal(values, values)  # NaN alone differs from itself
        if values.dtype == object:
            missing |= np.equal(values, np.array(None, dtype=object))
        texts = np.where(missing, MISSING, values.astype(str))
        names, codes = np.unique(texts, return_inverse=True)
        return cls(column, codes.reshape(-1), tuple(str(name) for name in names)).checked()

    def checked(self) -> Levels:
        """Itself; raises FearlessError where there are too many levels to look at."""
        if len(self.names) > MOST_LEVELS:
            raise FearlessError(
                f"gate.yaml: slices.by: `{self.column}` has {len(self.names):,} levels in the golden data, and parts"
                f" that somebody can look at are at most {MOST_LEVELS}.",
                fix="Name a column with fewer levels, or make ranges of it in data.py.",
            )
        return self

    @property
    def count(self) -> int:
        return len(self.names)

    @cached_property
    def rows(self) -> NDArray[np.intp]:
        """(levels,) how many rows each has."""
        return np.bincount(self.codes, minlength=self.count)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """(n,) the rows, level by level."""
        return np.argsort(self.narrow, kind="stable")

    @cached_property
    def narrow(self) -> NDArray[Any]:
        """The codes in as few bytes as they need: sorting them takes a fraction of the time."""
        return self.codes.astype(np.uint8 if self.count <= 256 else np.uint32)

    def sums(self, values: Array) -> Array:
        """(levels,) the sum of (n,) values in each."""
        return np.bincount(self.codes, values, self.count).astype(np.float64)

    def segments(self) -> list[slice]:
        """Where each level lies in `order`."""
        ends = np.cumsum(self.rows)
        return [slice(int(end - size), int(end)) for size, end in zip(self.rows, ends, strict=True)]


def crossed(one: Levels, other: Levels) -> Levels:
    """The parts that two columns make together; only those that have rows."""
    both = one.codes * other.count + other.codes
    rows = np.bincount(both, minlength=one.count * other.count)
    there = np.flatnonzero(rows)
    renumbered = np.zeros(len(rows), dtype=np.intp)
    renumbered[there] = np.arange(len(there))
    names = tuple(f"{one.names[at // other.count]}, {other.names[at % other.count]}" for at in there)
    return Levels(f"{one.column}, {other.column}", renumbered[both], names)
