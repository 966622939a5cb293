"""What is wanted within a moment is done together, and each gets its own result."""

import asyncio
from collections.abc import Sequence

import pytest

from market_data.together import Together

pytestmark = pytest.mark.anyio


class Work:
    def __init__(self, **options: float) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.together = Together(
            self._do, most=int(options.get("most", 100)), seconds=options.get("seconds", 0.0)
        )

    async def _do(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        await self.gate.wait()
        if 13 in items:
            raise ValueError("unlucky")
        return [2 * item for item in items]


async def test_each_gets_its_own_result_of_one_call() -> None:
    work = Work()
    work.gate.set()
    assert await asyncio.gather(*(work.together(one) for one in range(5))) == [0, 2, 4, 6, 8]
    assert work.batches == [[0, 1, 2, 3, 4]]
    assert await work.together(7) == 14


async def test_what_comes_meanwhile_is_done_next_and_no_more_than_the_most_at_once() -> None:
    work = Work(most=3)
    first = asyncio.create_task(work.together(1))
    while not work.batches:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    rest = asyncio.gather(*(work.together(one) for one in (2, 3, 4, 5)))
    await asyncio.sleep(0)
    work.gate.set()
    assert [await first, *await rest] == [2, 4, 6, 8, 10]
    assert work.batches == [[1], [2, 3, 4], [5]]


async def test_an_error_is_that_of_all_of_its_call_and_of_no_other() -> None:
    work = Work(most=2)
    work.gate.set()
    results = await asyncio.gather(*(work.together(one) for one in (12, 13, 14)), return_exceptions=True)
    assert [str(one) for one in results] == ["unlucky", "unlucky", "28"]


async def test_one_that_is_given_up_is_left_out_and_does_not_hold_up_the_others() -> None:
    work = Work()
    work.gate.set()
    given_up, kept = asyncio.create_task(work.together(1)), asyncio.create_task(work.together(2))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await kept == 4
    assert work.batches == [[2]]
