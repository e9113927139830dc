"""Rows that do not fit into memory: arrays on disk, block by block, of which memory holds one at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class _Place:
    start: int
    count: int
    dtype: np.dtype[Any]
    width: int


class Blocks:
    """Named arrays of the same rows, one of each in a block, in one file in `folder` that has no name and outlives no
    process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._end = 0
        self._places: list[dict[str, _Place]] = []

    def __enter__(self) -> Blocks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def rows(self, block: int, name: str) -> int:
        """How many rows an array of a block has."""
        place = self._places[block][name]
        return place.count // max(place.width, 1)

    def append(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep the next rows: arrays (rows,) or (rows, k)."""
        self._places.append({})
        for name, array in arrays.items():
            self.add(len(self) - 1, name, array)

    def add(self, block: int, name: str, array: NDArray[Any]) -> None:
        """Keep one array more of the rows of a block."""
        whole = np.ascontiguousarray(array)
        width = whole.shape[1] if whole.ndim == 2 else 0
        self._file.seek(self._end)
        left = whole.reshape(-1).view(np.uint8).data
        while left:
            left = left[self._file.write(left) :]
        self._places[block][name] = _Place(self._end, whole.size, whole.dtype, width)
        self._end += whole.nbytes

    def read(self, block: int, name: str) -> NDArray[Any]:
        """One array of a block."""
        place = self._places[block][name]
        found = np.empty(place.count, dtype=place.dtype)
        self._file.seek(place.start)
        left = found.view(np.uint8).data
        while left:
            got = self._file.readinto(left)
            if not got:
                raise OSError("the rows on disk ended early")
            left = left[got:]
        return found.reshape(-1, place.width) if place.width else found
