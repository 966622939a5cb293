"""Stalls of the event loop: seen, named, and distinguished from waiting for a CPU."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from market_data.events import Event, LoopStalled
from market_data.telemetry import stalls

SECRET = "hunter2"  # noqa: S105 - it must not leak


def run(work: Callable[[], object], *, loop: Callable[[], asyncio.AbstractEventLoop]) -> list[LoopStalled]:
    """The stalls that are seen while the loop does `work` in one turn."""
    events, looks = list[Event](), list[float]()

    async def main() -> None:
        with stalls.watched(looks.append, events.append):
            await asyncio.sleep(0.05)
            work()
            await asyncio.sleep(0.05)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    assert len(looks) > 5
    return [one for one in events if isinstance(one, LoopStalled)]


def holds(seconds: float, password: str = SECRET) -> None:
    """Use the CPU for so long, with a secret among the arguments: the machine may be busy with others."""
    until = time.thread_time() + seconds
    while time.thread_time() < until and password:
        pass


LOOPS = pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop])


@LOOPS
def test_a_turn_that_takes_long_is_told_with_what_ran(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    (stall,) = run(lambda: holds(0.2), loop=loop)
    assert stall.stalls == 1
    assert stall.milliseconds >= 190
    assert stall.cpu >= 190, "it computed"
    assert "test_stalls.holds:" in stall.running
    assert "run.<locals>.main" in stall.running, "the coroutine"
    assert SECRET not in stall.running


@LOOPS
def test_short_turns_are_not_told(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    assert run(lambda: time.sleep(0.002), loop=loop) == []


@LOOPS
def test_a_sleep_in_one_turn_is_a_stall_too(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    (stall,) = run(lambda: time.sleep(0.1), loop=loop)
    assert stall.milliseconds >= 90
    assert stall.cpu < 50, "it did not compute"


def test_stalls_within_a_second_are_told_together_with_the_longest() -> None:
    events = list[Event]()

    async def main() -> None:
        with stalls.watched(lambda _: None, events.append):
            for seconds in (0.04, 0.15, 0.04):
                await asyncio.sleep(0.02)
                holds(seconds)
            await asyncio.sleep(0.02)

    asyncio.run(main())
    (one,) = events
    assert isinstance(one, LoopStalled)
    assert one.stalls == 3
    assert one.milliseconds >= 140


BUSY = "import os; os.sched_setaffinity(0, {%d})\nwhile True: pass"


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="only Linux counts it")
def test_waiting_for_a_cpu_is_no_stall() -> None:
    before = os.sched_getaffinity(0)
    cpu = min(before)
    looks, raw = list[float](), list[float]()

    async def main() -> None:
        with stalls.watched(looks.append, lambda _: None):
            for _ in range(100):
                started = time.perf_counter()
                await asyncio.sleep(0.005)
                holds(0.003)  # long enough for the others to have their turn
                raw.append((time.perf_counter() - started) * 1000 - 8)

    children = [subprocess.Popen([sys.executable, "-c", BUSY % cpu]) for _ in range(6)]
    try:
        os.sched_setaffinity(0, {cpu})
        asyncio.run(main())
    finally:
        os.sched_setaffinity(0, before)
        for child in children:
            child.kill()
            child.wait()
    assert max(raw) > 5, "the others have used the CPU"
    assert sum(looks) < sum(raw) / 2
