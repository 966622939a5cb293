"""One client's buffer: bounded; a slow client loses old news of a series, not the newest."""

import asyncio
from collections import deque

from market_data.stream import Publication


class Outbox:
    """Publications that wait for one client, at most `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[Publication] = deque()
        self._filled = asyncio.Event()

    def put(self, publication: Publication) -> int:
        """Add a publication without waiting; returns how many older ones were dropped for it.

        A full buffer is conflated to the newest publication of each series.
        """
        self._waiting.append(publication)
        self._filled.set()
        before = len(self._waiting)
        if before > self._size:
            newest: dict[tuple[str, str], Publication] = {}
            for one in reversed(self._waiting):
                newest.setdefault((one.symbol, one.interval), one)
            kept = list(newest.values())[: self._size]  # newest first
            self._waiting = deque(reversed(kept))
        return before - len(self._waiting)

    async def take(self) -> list[Publication]:
        """All that waits, oldest first; waits until there is something."""
        await self._filled.wait()
        self._filled.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken

    def __len__(self) -> int:
        return len(self._waiting)
