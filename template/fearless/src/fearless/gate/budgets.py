"""What a model may cost to serve: how long its slowest requests take beside the champion's, and how large it is.

A machine in a pipeline is faster one day than the next, so that milliseconds alone say little. Candidate and
champion take turns in one run, block by block: what slows one slows the other, and their ratio stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fearless.gate import wording
from fearless.gate.evidence import Draws
from fearless.gate.findings import Check, Estimate, Verdict
from fearless.gate.intervals import Array

SECONDS = 1.0
# Calls of each model in a block, and the most blocks: the 95th percentile of 2,000 calls is known well enough.
CALLS, BLOCKS = 4, 500
FEWEST_BLOCKS = 10
WARM_UP = 3
SHARE = 0.95
DRAWS = 1000
SEED = 95
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Times:
    """Seconds of each one-row call, (blocks, CALLS) for each model."""

    candidate: Array
    champion: Array

    def ratio(self) -> Draws:
        """The ratio of the 95th percentiles, with a bootstrap over blocks: calls of one block resemble each other."""
        blocks = len(self.candidate)
        chosen = np.random.default_rng(SEED).integers(0, blocks, size=(DRAWS, blocks))
        draws = _slow(self.candidate[chosen].reshape(DRAWS, -1)) / _slow(
            self.champion[chosen].reshape(DRAWS, -1)
        )
        value = float(_slow(self.candidate.reshape(-1)) / _slow(self.champion.reshape(-1)))
        return Draws.of(value, draws, blocks - 1)


def measure(
    candidate: Callable[[int], object],
    champion: Callable[[int], object],
    rows: int,
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> Times:
    """Time one-row calls of both models, which take turns within `seconds`; `candidate(at)` scores row `at`.

    Whose turn is first alternates too. At least two blocks are timed, however long they take.
    """
    for at in range(WARM_UP):
        candidate(at % rows)
        champion(at % rows)
    taken: list[list[list[float]]] = []
    started = clock()
    while len(taken) < 2 or (clock() - started < seconds and len(taken) < BLOCKS):
        times: list[list[float]] = [[], []]
        for call in range(CALLS):
            at = (len(taken) * CALLS + call) % rows
            turns = ((0, candidate), (1, champion))
            for which, score in turns if call % 2 else reversed(turns):
                begun = clock()
                score(at)
                times[which].append(clock() - begun)
        taken.append(times)
    found = np.array(taken)
    return Times(found[:, 0], found[:, 1])


def time_check(times: Times, limit: float, confidence: float) -> Check:
    """PASS where the ratio of the slowest requests is proven within the limit, FAIL where it is proven beyond."""
    found = times.ratio().interval(confidence)
    if found.upper <= limit and found.degrees + 1 >= FEWEST_BLOCKS:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL if found.lower > limit else Verdict.INCONCLUSIVE
    slow = [1000 * float(_slow(each.reshape(-1))) for each in (times.candidate, times.champion)]
    return Check(
        id="latency.p95_ms_ratio",
        kind="budget",
        metric="p95_ms",
        of="value",
        against=None,
        rule="p95_ms_ratio",
        limit=limit,
        verdict=verdict,
        sentence=wording.latency(slow[0], slow[1], found.value, found.lower, found.upper, limit, verdict),
        estimate=Estimate(found.value, found.standard_error, found.lower, found.upper),
    )


def size_check(size: int, limit: float) -> Check:
    """Whether the artifact's `size` in bytes is within `limit` megabytes; exact."""
    megabytes = size / MEGABYTE
    return Check(
        id="size.model_mb",
        kind="budget",
        metric="model_mb",
        of="value",
        against=None,
        rule="model_mb",
        limit=limit,
        verdict=Verdict.PASS if megabytes <= limit else Verdict.FAIL,
        sentence=wording.size(megabytes, limit),
        estimate=Estimate(megabytes, 0.0, megabytes, megabytes),
    )


def _slow(times: Array) -> Array:
    return np.asarray(np.quantile(times, SHARE, axis=-1))
