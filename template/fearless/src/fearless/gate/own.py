"""The team's own metric, `package.module:function`, called with the target and the scores of the golden rows.

A function that gives one number for each row is a mean of them: paired t. One that gives a single number is
repeated on rows drawn with replacement, the same for both models (a paired bootstrap). Where it is too slow
for that within the time budget, the rows are dealt into batches and the spread of the batches tells.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fearless.core.errors import FearlessError
from fearless.gate.evidence import Evidence, Rows, Spread
from fearless.gate.intervals import Array, Clusters, Measured, difference, mean

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
SECONDS = 10.0
# So many samples, or so many where more would take too long: two sizes, so that reports seldom differ.
SAMPLES, FEWER_SAMPLES = 400, 100
BATCHES = 30
SEED = 1979

Function = Callable[[Array, Array], Any]


@dataclass(frozen=True)
class Own:
    """What the team's metric says of up to two models: `value` of each, and of the first minus the second."""

    values: tuple[Evidence, ...]
    difference: Evidence | None
    how: str


def is_own(name: str) -> bool:
    """Whether a metric's name is an import path."""
    return NAME.fullmatch(name) is not None


def measured(
    name: str,
    function: Function,
    y: Array,
    scores: Sequence[Array],
    clusters: Clusters | None,
    seconds: float = SECONDS,
) -> Own:
    """Measure one or two models, each (n,) scores; raises FearlessError for what is neither a number nor n of them."""
    started = time.perf_counter()
    found = [_called(name, function, y, each) for each in scores]
    took = time.perf_counter() - started
    if all(isinstance(each, np.ndarray) for each in found):
        means = [mean(each) for each in found]
        rows = [Rows(each, clusters) for each in means]
        return Own(tuple(rows), _paired(means, clusters), "one number a row, paired t")
    if any(isinstance(each, np.ndarray) for each in found):
        raise FearlessError(f"The metric {name} gave a number for one model and rows for the other.")
    if took * FEWER_SAMPLES > seconds:
        drawn, how = _batches(name, function, y, scores, clusters)
        shrink, degrees = 1 / np.sqrt(len(drawn)), len(drawn) - 1
    else:
        samples = SAMPLES if took * SAMPLES <= seconds else FEWER_SAMPLES
        drawn = _resampled(name, function, y, scores, clusters, samples)
        how, shrink, degrees = f"{samples} paired bootstrap samples", 1.0, samples - 1
    spreads = [
        Spread(value, float(np.std(drawn[:, at], ddof=1) * shrink), degrees) for at, value in enumerate(found)
    ]
    apart = None
    if len(found) == 2:
        error = float(np.std(drawn[:, 0] - drawn[:, 1], ddof=1) * shrink)
        apart = Spread(found[0] - found[1], error, degrees)
    return Own(tuple(spreads), apart, how)


def _called(name: str, function: Function, y: Array, scores: Array) -> Any:
    """What the team's function says: (n,) float64 or a float."""
    given = function(y, scores)
    try:
        said = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise FearlessError(
            f"The metric {name} returned {type(given).__name__}, not a number.", fix=_PROMISE
        ) from None
    if said.shape not in ((), y.shape):
        raise FearlessError(
            f"The metric {name} returned an array of shape {said.shape} for {len(y):,} rows.", fix=_PROMISE
        )
    if bad := int(np.count_nonzero(~np.isfinite(said))):
        of = f" for {bad:,} of {len(y):,} rows" if said.shape else f" on {len(y):,} rows"
        raise FearlessError(f"The metric {name} gave NaN or infinity{of}.", fix=_PROMISE)
    return said if said.shape else float(said)


_PROMISE = "Return one finite number for any rows, or an array with one finite number for each row."


def _paired(means: list[Measured], clusters: Clusters | None) -> Evidence | None:
    return Rows(difference(*means), clusters) if len(means) == 2 else None


def _resampled(
    name: str, function: Function, y: Array, scores: Sequence[Array], clusters: Clusters | None, samples: int
) -> Array:
    """(samples, models) the metric on rows, or whole clusters, that are drawn with replacement."""
    draw = np.random.default_rng(SEED)
    found = np.empty((samples, len(scores)))
    members = None if clusters is None else _members(clusters)
    for sample in range(samples):
        if members is None:
            rows = draw.integers(0, len(y), size=len(y))
        else:
            rows = np.concatenate([members[at] for at in draw.integers(0, len(members), size=len(members))])
        found[sample] = _numbers(name, function, y, scores, rows)
    return found


def _batches(
    name: str, function: Function, y: Array, scores: Sequence[Array], clusters: Clusters | None
) -> tuple[Array, str]:
    """(batches, models) the metric on each of BATCHES parts of the rows, dealt at random; clusters stay together."""
    units = len(y) if clusters is None else clusters.count
    if units < 2 * BATCHES:
        raise FearlessError(
            f"The metric {name} is too slow to be repeated, and {units:,} rows or groups are too few for batches.",
            fix="Make it faster, or let it return one number for each row.",
        )
    dealt = np.random.default_rng(SEED).permutation(units) % BATCHES
    batch = dealt if clusters is None else dealt[clusters.codes]
    found = [_numbers(name, function, y, scores, np.flatnonzero(batch == at)) for at in range(BATCHES)]
    return np.array(found), f"{BATCHES} batches of the rows, since a call is slow"


def _numbers(
    name: str, function: Function, y: Array, scores: Sequence[Array], rows: NDArray[np.intp]
) -> list[float]:
    return [float(_called(name, function, y[rows], each[rows])) for each in scores]


def _members(clusters: Clusters) -> list[NDArray[np.intp]]:
    """The rows of each cluster."""
    order = np.argsort(clusters.codes, kind="stable")
    sizes = np.bincount(clusters.codes, minlength=clusters.count)
    return np.split(order, np.cumsum(sizes)[:-1])
