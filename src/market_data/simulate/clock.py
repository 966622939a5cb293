"""The simulator's clock: it may begin at any moment and run faster than the wall's."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Epoch seconds, read anew at each call."""


def paced(start: float | None = None, speed: float = 1.0) -> Clock:
    """A clock that begins at `start` (None: now) and runs `speed` times as fast as time.

    Speed 0 stands still. Raises ValueError for a negative speed: bars do not un-happen.
    """
    if speed < 0:
        raise ValueError(f"speed {speed:g} would run backwards: use 0 (stand still) or more")
    if start is None and speed == 1.0:
        return time.time
    begin, born = time.time() if start is None else start, time.monotonic()
    return lambda: begin + (time.monotonic() - born) * speed
