"""The only file here that knows the inside of the service: starts it, and takes one turn of a loop at a time.

Everything else drives the service by HTTP, SQL and the simulator. Where another build differs, this file
adapts.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from market_data.backfill.work import Worker
from market_data.collect.sweep import Sweeper
from market_data.hosting import Stores
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument
from market_data.serve.app import build
from market_data.serve.parts import Parts
from market_data.serve.server import address, answer, listen
from market_data.serve.socket import Sockets
from market_data.settings import Configuration, read
from market_data.simulate import Running
from market_data.simulate.tape import Listing, Tape
from market_data.store import universe
from market_data.store.connect import Database
from market_data.wiring import service

from . import older


def _module(name: str) -> Any:
    """A module of the service; None where an older build has none of this name."""
    return import_module(name) if find_spec(name) else None


change = _module("market_data.universe.change")
closures = _module("market_data.closures")
timekeeping = _module("market_data.timekeeping")

SIMULATOR_ADJUSTS = "splits" in Listing.__dataclass_fields__
"""Whether tapes name splits and the simulator adjusts what Yahoo sends; in older builds the tape does it."""
WORK_SECONDS = 300.0
"""How long backfills may wait in one turn."""
MOST_ROUNDS = 2000
"""Backfills in one turn; past it something makes them without end."""

Clock = Callable[[], float]
Pass = Callable[[float], Awaitable[None]]
"""Lets so many seconds of the service's time pass."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One fetch job of a sweep, and how it ended."""

    symbol: str
    capability: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class Inside:
    """A running service whose loops stand still: each turn is taken by hand."""

    url: str
    parts: Parts
    worker: Worker
    sweeper: Sweeper
    noted: dict[str, bool] = field(default_factory=dict)

    @property
    def database(self) -> Database:
        return self.parts.database

    def now(self) -> float:
        """What the service takes for the time."""
        return self.parts.clock()

    async def watch(self) -> None:
        """Look at our clock, and for what other processes have announced of the calendar."""
        if timekeeping is not None:
            wrong = self.noted.get("clock", False)
            vendor_time = self.parts.router.caller.vendor_time
            look = timekeeping.look(self.database, vendor_time, self.parts.tell, was_wrong=wrong)
            self.noted["clock"] = await look
        if closures is not None:
            await closures.load(self.database)

    async def sweep(self, only: Capability | None = None) -> list[Fetched]:
        """Make the fetch jobs that are due now, and do them."""
        _, jobs = await self.sweeper.due(self.parts.clock())
        done = []
        for job in jobs:
            if only is None or job.capability is only:
                outcome, detail = await self.parts.fetcher.do(job)
                done.append(Fetched(job.symbol, job.capability.value, outcome, detail))
        return done

    async def scan(self) -> int:
        """Look for gaps once; returns how many backfills were queued."""
        return await self.parts.finder.scan()

    async def work(self) -> int:
        """Do backfills until none is due, or WORK_SECONDS have passed; returns how many were started."""
        started = self.parts.clock()
        for rounds in range(MOST_ROUNDS):
            if self.parts.clock() - started > WORK_SECONDS:
                return rounds  # providers that ask for rests let time pass: a scenario has its next turn
            pause = await self.worker._start_some()
            if self.worker._running:
                while self.worker._running:
                    await self.worker._running.wait_for_one()
            elif pause >= 1.0:
                return rounds
        raise AssertionError(f"after {MOST_ROUNDS} backfills more are due at the same moment")

    async def follow(self, *instruments: Instrument) -> None:
        await universe.put(self.database, instruments)

    async def rename(self, former: str, symbol: str) -> None:
        """What `market-data universe rename` does. Raises BadQuestion where it is refused."""
        await change.rename(self.database, former, symbol)


@asynccontextmanager
async def running(
    stores: Stores, clock: Clock, settings: Mapping[str, str], *, steady: Clock, wait: Pass
) -> AsyncIterator[Inside]:
    """The service over `stores`, its clock being `clock`; where it would sleep, `wait` lets time pass.

    `steady` is the clock of the machine that nobody sets.
    """

    def reread(over: Mapping[str, str]) -> Configuration:
        return read({**settings, **over}, dotenv=None)

    async with service(reread({}), stores, reread=reread, clock=clock) as parts:
        worker, alone = (_owner(parts.loops._work[name]) for name in ("backfill", "alone"))
        await parts.loops.finish_work()  # the lab takes their turns
        parts.loops.stopping = False
        parts.router._sleep = wait
        if timekeeping is not None:
            parts.router.caller.vendor_time.steady = steady
        listener = listen("127.0.0.1", 0)
        server = asyncio.create_task(answer(build(parts), Sockets(parts), listener, parts.loops.finish_work))
        try:
            yield Inside(address(listener), parts, worker, alone._sweeper)
        finally:
            server.cancel()
            with suppress(asyncio.CancelledError):
                await server
            listener.close()


def with_splits(listing: Listing, splits: Iterable[tuple[int, float]]) -> Listing:
    """The listing with its splits (00:00 UTC of the day, ratio), where the simulator knows of them."""
    if not SIMULATOR_ADJUSTS:
        return listing
    kind = import_module("market_data.market.bar").Split
    named: dict[str, Any] = {"splits": tuple(kind(effective, ratio) for effective, ratio in splits)}
    return replace(listing, **named)


def play(simulator: Running, tapes: Mapping[str, Tape]) -> None:
    """Let each provider of the simulator play a tape of its own."""
    if hasattr(simulator.simulator, "tapes"):
        simulator.simulator.tapes.update(tapes)
    else:
        older.play(simulator, tapes)


def _owner(loop: object) -> Any:
    return getattr(loop, "__self__", None)
