"""Budgets: the two models take turns, the ratio of their slow calls has bounds, and a size is exact."""

from __future__ import annotations

import numpy as np
import pytest

from fearless.gate.budgets import BLOCKS, CALLS, Times, measure, size_check, time_check
from fearless.gate.findings import Verdict
from fearless.gate.intervals import Array


class Bench:
    """A clock that only the calls move, so that nothing depends on the machine."""

    def __init__(self) -> None:
        self.now = 0.0
        self.turns: list[str] = []

    def clock(self) -> float:
        return self.now

    def takes(self, name: str, seconds: float, pace: float = 0.0) -> object:
        def call(at: int) -> None:
            self.turns.append(name)
            self.now += seconds * (1 + pace * (len(self.turns) // 100 % 2))

        return call


def timed(candidate: float, champion: float, pace: float = 0.0) -> tuple[Times, Bench]:
    bench = Bench()
    times = measure(
        bench.takes("candidate", candidate, pace),  # type: ignore[arg-type]
        bench.takes("champion", champion, pace),  # type: ignore[arg-type]
        rows=7,
        clock=bench.clock,
    )
    return times, bench


def drawn(slower: float, seed: int, blocks: int = 250) -> Times:
    """Calls with a long tail, on a machine whose pace changes from block to block."""
    draw = np.random.default_rng(seed)
    pace = draw.lognormal(0, 0.4, size=(blocks, 1))

    def calls() -> Array:
        return np.asarray(pace * draw.lognormal(0, 0.5, size=(blocks, CALLS)))

    return Times(slower * calls(), calls())


def test_the_models_take_turns_and_each_is_first_as_often_as_the_other() -> None:
    times, bench = timed(0.001, 0.001)
    counted = bench.turns[6:]  # after the calls that warm up
    assert times.candidate.shape == times.champion.shape
    assert {counted[at : at + 2].count("candidate") for at in range(0, len(counted), 2)} == {1}
    firsts = counted[::2]
    assert firsts.count("candidate") == firsts.count("champion")


@pytest.mark.parametrize(("seconds", "blocks"), [(0.0001, BLOCKS), (0.001, 125), (10.0, 2)])
def test_it_ends_after_a_second_or_two_blocks(seconds: float, blocks: int) -> None:
    times, _ = timed(seconds, seconds)
    assert len(times.candidate) == pytest.approx(blocks, abs=1)


def test_a_change_of_pace_that_both_suffer_leaves_the_ratio_alone() -> None:
    times, _ = timed(0.0011, 0.001, pace=3.0)
    check = time_check(times, 1.2, 0.95)
    assert check.estimate is not None
    assert check.estimate.value == pytest.approx(1.1, rel=1e-6)
    assert check.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("slower", "verdict"), [(0.8, Verdict.PASS), (1.2, Verdict.INCONCLUSIVE), (1.9, Verdict.FAIL)]
)
def test_a_ratio_passes_fails_or_stays_open_by_its_bounds(slower: float, verdict: Verdict) -> None:
    check = time_check(drawn(slower, 0), 1.2, 0.95)
    assert check.verdict is verdict
    assert (check.id, check.kind, check.rule) == ("latency.p95_ms_ratio", "budget", "p95_ms_ratio")
    assert check.sentence.startswith("95 of 100 single rows are scored within")


def test_a_model_that_is_slower_by_the_limit_rarely_passes_and_rarely_fails() -> None:
    found = [time_check(drawn(1.2, seed), 1.2, 0.95).verdict for seed in range(150)]
    # 5 % is promised of each; 10.5 % is three standard errors of 150 runs above it.
    assert found.count(Verdict.PASS) <= 0.105 * 150
    assert found.count(Verdict.FAIL) <= 0.105 * 150


def test_few_blocks_never_pass() -> None:
    assert time_check(Times(*[np.ones((3, CALLS))] * 2), 1.2, 0.95).verdict is Verdict.INCONCLUSIVE
    assert time_check(Times(*[np.ones((10, CALLS))] * 2), 1.2, 0.95).verdict is Verdict.PASS


def test_the_size_is_exact() -> None:
    assert size_check(50_000_000, 50).verdict is Verdict.PASS
    over = size_check(50_000_001, 50)
    assert over.verdict is Verdict.FAIL
    assert over.sentence == "models/candidate has 50.000001 MB; it may have at most 50 MB."
