"""The loops that keep the service going: kept up while it runs, ended in order when it stops."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress

from market_data.errors import MarketDataError
from market_data.events import LoopFailed, Tell

PAUSE_SECONDS = 2.0
"""How long a loop that failed waits before it starts again."""

Loop = Callable[[], Coroutine[None, None, None]]


class Loops:
    """Loops by name: those that find and do `work`, and those that serve what is there."""

    def __init__(self, work: Mapping[str, Loop], serve: Mapping[str, Loop], tell: Tell) -> None:
        self._work = dict(work)
        self._serve = dict(serve)
        self._tell = tell
        self._working: list[asyncio.Task[None]] = []
        self._serving: list[asyncio.Task[None]] = []
        self.stopping = False
        """Whether no new work is begun: nothing should be sent here any more."""

    def start(self) -> None:
        """Start all of them."""
        self._serving = [self._started(name, loop) for name, loop in self._serve.items()]
        self._working = [self._started(name, loop) for name, loop in self._work.items()]

    async def finish_work(self) -> None:
        """Begin no new work, and end what is under way; each loop has a bound of its own for that."""
        self.stopping = True
        await _stopped(self._working)

    async def stop(self) -> None:
        """End all of them."""
        await self.finish_work()
        await _stopped(self._serving)

    def _started(self, name: str, loop: Loop) -> asyncio.Task[None]:
        return asyncio.create_task(self._kept_up(name, loop), name=name)

    async def _kept_up(self, name: str, loop: Loop) -> None:
        """Run a loop for ever: an error ends it, is told, and after a pause it starts again."""
        while True:
            try:
                await loop()
            except MarketDataError as error:
                self._tell(LoopFailed(name, str(error)))
            except Exception as error:  # noqa: BLE001 - a bug in one unit of work must not end collection
                self._tell(LoopFailed(name, f"{type(error).__name__}: {error}", error))
            await asyncio.sleep(PAUSE_SECONDS)


async def _stopped(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        with suppress(asyncio.CancelledError):
            task.result()
