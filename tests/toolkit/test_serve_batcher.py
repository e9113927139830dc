"""What arrives while a batch is worked on is the next batch, and nobody gets another one's answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from fearless.serve.batcher import Batcher


class Gate:
    """Work that notes its batches and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def work(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.entered.set()
        assert self.open.wait(20)
        if -1 in items:
            raise ValueError("a bad batch")
        return [item * 10 for item in items]


def size(item: int) -> int:
    return 1 if item < 100 else item


async def busy(gate: Gate, batcher: Batcher[int, int]) -> asyncio.Task[int]:
    """A batch of one that is under way until the gate opens."""
    gate.open.clear()
    gate.entered.clear()
    first = asyncio.ensure_future(batcher.submit(0))
    await asyncio.to_thread(gate.entered.wait, 20)
    return first


def test_requests_that_arrive_together_are_one_batch() -> None:
    gate = Gate()

    async def scenario() -> list[int]:
        batcher: Batcher[int, int] = Batcher(gate.work, size, 100)
        answers = await asyncio.gather(*(batcher.submit(item) for item in range(30)))
        assert batcher.rows_waiting == 0
        batcher.close()
        return answers

    assert asyncio.run(scenario()) == [item * 10 for item in range(30)]
    assert gate.batches == [list(range(30))]


def test_what_arrives_meanwhile_waits_for_no_timer_and_is_cut_at_the_most_rows() -> None:
    gate = Gate()

    async def scenario() -> list[int]:
        batcher: Batcher[int, int] = Batcher(gate.work, size, 100)
        first = await busy(gate, batcher)
        others = [asyncio.ensure_future(batcher.submit(item)) for item in (1, 2, 500, 3, 4)]
        await asyncio.sleep(0)
        assert batcher.rows_waiting == 505
        gate.open.set()
        answers = [await first, *await asyncio.gather(*others)]
        batcher.close()
        return answers

    assert asyncio.run(scenario()) == [0, 10, 20, 5000, 30, 40]
    assert gate.batches == [[0], [1, 2], [500], [3, 4]]


def test_a_client_that_goes_away_takes_no_other_answer_with_it() -> None:
    gate = Gate()

    async def scenario() -> int:
        batcher: Batcher[int, int] = Batcher(gate.work, size, 100)
        first = await busy(gate, batcher)
        first.cancel()
        other = asyncio.ensure_future(batcher.submit(7))
        gate.open.set()
        answer = await other
        batcher.close()
        return answer

    assert asyncio.run(scenario()) == 70


def test_a_batch_that_fails_fails_its_requests_and_not_the_next_ones() -> None:
    gate = Gate()

    async def scenario() -> int:
        batcher: Batcher[int, int] = Batcher(gate.work, size, 100)
        with pytest.raises(ValueError, match="a bad batch"):
            await batcher.submit(-1)
        answer = await batcher.submit(3)
        batcher.close()
        return answer

    assert asyncio.run(scenario()) == 30


def test_a_call_runs_between_two_batches_and_never_beside_one() -> None:
    gate = Gate()

    async def scenario() -> list[list[int]]:
        batcher: Batcher[int, int] = Batcher(gate.work, size, 100)
        first = await busy(gate, batcher)
        called = asyncio.ensure_future(batcher.between(lambda: list(gate.batches)))
        second = asyncio.ensure_future(batcher.submit(1))
        await asyncio.sleep(0)
        gate.open.set()
        seen = await called
        await asyncio.gather(first, second)
        batcher.close()
        return seen

    assert asyncio.run(scenario()) == [[0]]
    assert gate.batches == [[0], [1]]
