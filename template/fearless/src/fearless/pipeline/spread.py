"""Some of many rows, spread evenly over all of them, taken while they go by block by block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fearless.gate.intervals import Array

# Rows that say where scores lie; the more there are, the more alike are the bins.
SAMPLE = 1 << 17


class Spread:
    """Every so many-th row of the arrays `names`, of `rows` rows: at least SAMPLE of them, where there are as many."""

    def __init__(self, names: Sequence[str], rows: int) -> None:
        self._step = max(rows // SAMPLE, 1)
        self._taken: dict[str, list[Array]] = {name: [] for name in names}

    def take(self, start: int, block: Mapping[str, NDArray[np.generic]]) -> None:
        """Take from a block whose first row is number `start` of all."""
        for name, taken in self._taken.items():
            taken.append(np.array(block[name][-start % self._step :: self._step], dtype=np.float64))

    def sample(self) -> dict[str, Array]:
        """What was taken, by name."""
        return {name: np.concatenate(taken) for name, taken in self._taken.items()}
