"""What the judge asks of the golden rows, whichever engine measured them.

There are two. `Scored` holds every row in memory and is exact; `Streamed` goes through the rows block by block, in
memory that does not grow with them, and certifies how far it may be from the exact engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from fearless.gate.evidence import Evidence
from fearless.gate.intervals import Interval
from fearless.gate.metrics import Metric
from fearless.gate.policy import Policy


class Engine(Protocol):
    """Each metric of each model on the same golden rows, with what is known of it."""

    @property
    def policy(self) -> Policy: ...

    @property
    def task(self) -> str: ...

    @property
    def scores(self) -> Mapping[str, Any]:
        """The models, by name."""
        ...

    @property
    def rows(self) -> int: ...

    @property
    def positives(self) -> int | None:
        """How many rows are of class 1; None for a regression."""
        ...

    @property
    def groups(self) -> int | None:
        """How many groups the rows fall into; None where rows stand alone."""
        ...

    @property
    def primary(self) -> str:
        """The metric that baselines and `too_good` are judged by."""
        ...

    @property
    def calibration(self) -> Evidence:
        """How far the candidate's probabilities are from what happens."""
        ...

    @property
    def told(self) -> list[str]:
        """What a reader must know of how the figures were found."""
        ...

    def metric(self, name: str) -> Metric:
        """The metric of that name."""
        ...

    def value(self, model: str, metric: str) -> Evidence:
        """The metric of one model."""
        ...

    def skill(self, model: str, metric: str) -> Evidence:
        """The skill of one model."""
        ...

    def advantage(self, metric: str, other: str) -> Evidence:
        """How much better the candidate is than another model, paired by row."""
        ...

    def skill_advantage(self, metric: str, other: str) -> Evidence:
        """How much more skill the candidate has than another model, paired by row."""
        ...

    def interval(self, found: Evidence) -> Interval:
        """Its bounds at the policy's confidence."""
        ...
