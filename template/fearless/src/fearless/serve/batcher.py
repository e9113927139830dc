"""One batch at a time: what arrives while a batch is worked on becomes the next one.

Nothing waits for a timer. An idle service takes a single request at once; a busy one takes all that came meanwhile, so
features, scores and the one synced commit are paid for once a batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Given = TypeVar("Given")


class Batcher(Generic[Item, Result]):
    """Hands items to `work` in batches, on a thread of its own: the one thread that touches model and ledger.

    `size` says how many rows an item has; a batch holds at most `most_rows` of them, or one item that has more.
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], size: Callable[[Item], int], most_rows: int
    ) -> None:
        self._work = work
        self._size = size
        self._most_rows = most_rows
        self._thread = ThreadPoolExecutor(1, "batches")
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._busy = False
        self._called = False
        self.rows_waiting = 0

    async def submit(self, item: Item) -> Result:
        """What `work` gives for `item`; raises what it raised for the batch."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, answer))
        self.rows_waiting += self._size(item)
        if not self._called:  # at the end of this turn, when all that has arrived is read
            self._called = True
            loop.call_soon(self._start)
        return await answer

    async def between(self, call: Callable[[], Given]) -> Given:
        """The result of `call`, made on the thread of the batches between two of them."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def close(self) -> None:
        """Wait for the batch that is under way, and end the thread."""
        self._thread.shutdown()

    def _start(self) -> None:
        self._called = False
        if self._busy or not self._waiting:
            return
        batch = self._next()
        self._busy = True
        done = asyncio.get_running_loop().run_in_executor(
            self._thread, self._work, [item for item, _ in batch]
        )
        done.add_done_callback(partial(self._deliver, batch))

    def _next(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        rows = count = 0
        for item, _ in self._waiting:
            rows += self._size(item)
            if count and rows > self._most_rows:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    def _deliver(
        self, batch: list[tuple[Item, asyncio.Future[Result]]], done: asyncio.Future[Sequence[Result]]
    ) -> None:
        self._busy = False
        self.rows_waiting -= sum(self._size(item) for item, _ in batch)
        error = done.exception()
        results = [] if error else done.result()
        for place, (_, answer) in enumerate(batch):
            if answer.done():  # the client went away
                continue
            if error:
                answer.set_exception(error)
            else:
                answer.set_result(results[place])
        self._start()
