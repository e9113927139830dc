"""Whole numbers from a seed that are the same on every platform and every Python."""

from __future__ import annotations

from random import Random
from typing import TypeVar

Level = TypeVar("Level")


class Draws:
    """A seeded stream of whole numbers.

    Python promises that `Random(seed).random()` keeps its sequence for a whole-number seed ("Notes on
    Reproducibility" of the module `random`). It makes no such promise for `randrange`, `choices`, `shuffle`
    or `gauss`, so only `random()` is called here. Its result is a whole multiple of 2**-53: the product with
    2**32 is exact, its whole part is 32 random bits, and everything after that is integer arithmetic.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1, each equally likely; `limit` is at least 1."""
        return int(self._random() * 4294967296.0) * limit >> 32

    def tent(self, spread: int) -> int:
        """A whole number from -`spread` to `spread`; 0 is the most likely, the ends are the least."""
        return self.below(spread + 1) + self.below(spread + 1) - spread

    def chance(self, per_mille: int) -> bool:
        """True in `per_mille` of 1,000 draws."""
        return self.below(1000) < per_mille

    def pick(self, levels: tuple[Level, ...]) -> Level:
        """One of `levels`; a level that stands in it twice is drawn twice as often."""
        return levels[self.below(len(levels))]
