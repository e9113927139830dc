"""The parts that golden rows fall into, and what was measured in each, whichever engine measured it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fearless.gate.findings import Estimate
from fearless.gate.intervals import Array, t_quantiles
from fearless.gate.metrics import Metric
from fearless.gate.policy import Slices


@dataclass(frozen=True)
class Parts:
    """The L parts of one column, or of two: for each its name and how many rows it has.

    `positives` (L,) counts the rows of class 1, None where there are no two classes; `groups` (L,) the groups, None
    where rows stand alone.
    """

    column: str
    names: tuple[str, ...]
    rows: NDArray[np.intp]
    positives: NDArray[np.intp] | None
    groups: NDArray[np.intp] | None = None

    @property
    def measurable(self) -> NDArray[np.bool_]:
        """(L,) where a variance exists: two rows, and of each class two where there are classes."""
        if self.positives is None:
            return np.asarray(self.rows >= 2)
        return np.asarray(np.minimum(self.positives, self.rows - self.positives) >= 2)

    def enough(self, asked: Slices) -> NDArray[np.bool_]:
        """(L,) where there are as many rows, and of the rarer class as many, as gate.yaml asks for."""
        found: NDArray[np.bool_] = self.measurable & (self.rows >= asked.min_rows)
        if self.groups is not None:
            found &= self.groups >= asked.min_positives
        if self.positives is None:
            return found
        found &= np.minimum(self.positives, self.rows - self.positives) >= asked.min_positives
        return found


@dataclass(frozen=True)
class Sliced:
    """A metric, or a difference, in each of L parts: values, standard errors and degrees of freedom, each (L,).

    The exact value is within `value_errors` of the value, the exact standard error within `error_errors`.
    """

    values: Array
    errors: Array
    degrees: NDArray[np.intp]
    value_errors: Array | float = 0.0
    error_errors: Array | float = 0.0

    def estimate(self, at: int, confidence: float) -> Estimate:
        """One part, with bounds between which the exact ones lie."""
        quantile = self._quantiles(confidence)
        reach = float((quantile * self.errors + self._slack(quantile))[at])
        value = float(self.values[at])
        return Estimate(value, float(self.errors[at]), value - reach, value + reach)

    def upper(self, confidence: float) -> Array:
        """(L,) the highest that the exact upper bounds may be."""
        quantile = self._quantiles(confidence)
        found: Array = self.values + quantile * self.errors + self._slack(quantile)
        return found

    def least_upper(self, confidence: float) -> Array:
        """(L,) the lowest that the exact upper bounds may be."""
        quantile = self._quantiles(confidence)
        found: Array = self.values + quantile * self.errors - self._slack(quantile)
        return found

    def surprise(self) -> Array:
        """How many standard errors each value is from 0; a value without error is as far as it has a sign."""
        known = np.where(self.errors > 0, self.errors, 1.0)
        far: Array = np.where(self.errors > 0, self.values / known, np.sign(self.values) * math.inf)
        return np.where(self.values == 0, 0.0, far)

    def minus(self, other: Sliced, errors: Array, sign: float) -> Sliced:
        """This minus the other, turned by `sign`, with the standard errors of the paired difference."""
        return Sliced(
            sign * (self.values - other.values),
            errors,
            np.minimum(self.degrees, other.degrees),
            self.value_errors + other.value_errors,
            self.error_errors + other.error_errors,
        )

    def _quantiles(self, confidence: float) -> Array:
        return t_quantiles(confidence, np.maximum(self.degrees, 1))

    def _slack(self, quantile: Array) -> Array:
        return np.asarray(self.value_errors + quantile * self.error_errors)


@dataclass(frozen=True)
class Compared:
    """One metric in the parts of one column."""

    parts: Parts
    metric: Metric
    candidate: Sliced
    champion: Sliced | None
    difference: Sliced | None


class Parted(Protocol):
    """The columns to slice by, measured by one of the two engines."""

    def compare(self, names: Sequence[str]) -> list[Compared]:
        """Each of the metrics in the parts of each column, column by column."""
        ...

    def pairs(self, name: str) -> Iterator[Compared]:
        """One metric in each single column, and then in each pair of them."""
        ...
