"""Watches the event loop: how long it is held up by one turn, and by what.

A timer is due every LOOK_SECONDS. How late it runs is how long the running turn went on after that moment: a
turn of d ms is seen as d - 5 to d ms. It works with every loop, which need not be wrapped.

The time in which the loop's thread was ready but had no CPU is subtracted. Linux counts it, in ns, in the
second field of `/proc/thread-self/schedstat` (Documentation/scheduler/sched-stats.rst). Where that file does
not exist, the time is part of the stall.

Once a stall has lasted for BOUND_MS, a thread of its own notes the names of what runs in the loop's thread.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter, thread_time
from types import FrameType

from market_data.events import LoopStalled, Tell

BOUND_MS = 20.0
"""Longer than this nothing may hold the event loop: all clients wait meanwhile."""
LOOK_SECONDS = 0.005
"""How often it is looked; by so much a stall may be longer than it is seen to be."""
TELL_SECONDS = 1.0
"""Stalls within this time are reported together."""
MOST_FRAMES = 25
"""Maximum number of function names reported, the innermost first."""
END_SECONDS = 1.0
"""How long the thread may take to end."""

_SCHEDSTAT = "/proc/thread-self/schedstat"

Observe = Callable[[float], None]


@contextmanager
def watched(observe: Observe, tell: Tell, together: float = TELL_SECONDS) -> Iterator[None]:
    """Watch the running loop within the block: `observe` gets the ms of each look, `tell` the stalls."""
    watch = _Watch(observe, tell, together)
    try:
        yield
    finally:
        watch.end()


@dataclass(slots=True)
class _Untold:
    """Stalls that have not been reported yet."""

    count: int = 0
    longest: float = 0.0  # ms
    cpu: float = 0.0  # ms
    running: str = ""
    since: float = field(default_factory=perf_counter)

    def add(self, milliseconds: float, cpu: float, running: str) -> None:
        self.count += 1
        if milliseconds > self.longest:
            self.longest, self.cpu, self.running = milliseconds, cpu, running


class _Watch:
    """Of the loop that runs where it is made."""

    def __init__(self, observe: Observe, tell: Tell, together: float) -> None:
        self._observe = observe
        self._tell = tell
        self._together = together
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._file: int | None = None
        with suppress(OSError):  # no Linux, or no CONFIG_SCHED_INFO
            self._file = os.open(_SCHEDSTAT, os.O_RDONLY | os.O_CLOEXEC)
        self._untold = _Untold()
        self._seen: tuple[float, str] = (0.0, "")  # which look was late, and what ran then
        self._ended = threading.Event()
        self._used, self._waited = self._times()
        self._set()
        self._thread = threading.Thread(target=self._sample, name="stalls", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._timer.cancel()
        self._ended.set()
        self._thread.join(END_SECONDS)
        if self._untold.count:
            self._tell_stalls()
        if self._file is not None:
            os.close(self._file)

    def _set(self) -> None:
        self._due = perf_counter() + LOOK_SECONDS
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        now, (used, waited) = perf_counter(), self._times()
        late = max((now - self._due - (waited - self._waited)) * 1000, 0.0)
        cpu = (used - self._used) * 1000
        self._used, self._waited = used, waited
        self._observe(late)
        if late > BOUND_MS:
            due, running = self._seen
            self._untold.add(late, cpu, running if due == self._due else "")
        if self._untold.count and now - self._untold.since > self._together:
            self._tell_stalls()
        self._set()

    def _tell_stalls(self) -> None:
        untold, self._untold = self._untold, _Untold()
        self._tell(LoopStalled(untold.count, untold.longest, untold.cpu, untold.running))

    def _times(self) -> tuple[float, float]:
        """Seconds that the thread has used a CPU, and been ready to run without one, so far."""
        if self._file is None:
            return thread_time(), 0.0
        used, waited, _ = os.pread(self._file, 64, 0).split()
        return int(used) / 1e9, int(waited) / 1e9

    def _sample(self) -> None:
        """Note what runs in the loop's thread whenever a look is late by the bound."""
        bound, looked_at = BOUND_MS / 1000, 0.0
        while True:
            due = self._due
            left = due + bound - perf_counter()
            if left <= 0 and due != looked_at:
                looked_at = due
                frame = sys._current_frames().get(self._watched)
                if due == self._due and frame is not None:
                    self._seen = due, f"{self._task()}{' < '.join(_names(frame))}"
            if self._ended.wait(left if left > 0 else bound):
                return

    def _task(self) -> str:
        """The task that runs, with its coroutine; "" in a callback."""
        task = asyncio.current_task(self._loop)
        coroutine = getattr(task.get_coro(), "__qualname__", "") if task is not None else ""
        return "" if task is None else f"{task.get_name()} ({coroutine}): "


def _names(frame: FrameType | None) -> Iterator[str]:
    """Functions with their modules and lines, the innermost first; no arguments and no values."""
    for _ in range(MOST_FRAMES):
        if frame is None:
            return
        code, module = frame.f_code, frame.f_globals.get("__name__", "?")
        yield f"{module}.{code.co_qualname}:{frame.f_lineno}"
        frame = frame.f_back
