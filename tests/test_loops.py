"""Loops: one that fails starts again, and all end when the service stops."""

import asyncio

import pytest

from market_data import loops as module
from market_data.errors import StoreUnavailable
from market_data.events import Event, LoopFailed
from market_data.loops import Loops

pytestmark = pytest.mark.anyio


async def test_a_loop_that_fails_is_told_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    events, runs, third = list[Event](), 0, asyncio.Event()

    async def fails() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise StoreUnavailable("it is out")
        if runs == 2:
            raise KeyError("a bug")
        third.set()
        await asyncio.Event().wait()

    loops = Loops({"one": fails}, {}, events.append)
    loops.start()
    await asyncio.wait_for(third.wait(), 10)
    await loops.stop()
    assert events == [LoopFailed("one", "it is out"), LoopFailed("one", "KeyError: 'a bug'")]


async def test_work_ends_first_and_what_serves_goes_on_until_the_end() -> None:
    ended = list[str]()

    async def loop(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    loops = Loops({"work": lambda: loop("work")}, {"serve": lambda: loop("serve")}, lambda _: None)
    loops.start()
    await asyncio.sleep(0)
    before = loops.stopping
    await loops.finish_work()
    assert (before, loops.stopping) == (False, True)
    assert ended == ["work"]
    await loops.stop()
    assert ended == ["work", "serve"]
