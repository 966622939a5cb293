"""The sweeper: looks through the universe at every tick and queues a job for what is due."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from time import perf_counter

from market_data.calendar import hours_of
from market_data.collect.cadence import Rhythm, due
from market_data.events import Skipped, Swept, Tell
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument, Tier
from market_data.market.span import Span
from market_data.provider import Provider
from market_data.queue import Job, Queue
from market_data.settings import Settings
from market_data.store import cursor as cursors
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.cursor import Cursor

EXPIRES_AFTER_TICKS = 4
"""A job that has waited for so many ticks is dropped: a newer sweep knows better."""
SLACK = 0.5
"""Share of a tick by which a series may be asked early, so that a cadence of n ticks is not kept at n + 1."""


class Sweeper:
    """Makes fetch jobs for what is due. Every replica may sweep: a tick is claimed once."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        settings: Settings,
        providers: Mapping[str, Provider],
        tell: Tell,
    ) -> None:
        self._database = database
        self._queue = queue
        self._settings = settings
        self._providers = providers
        self._tell = tell

    async def sweep(self, now: float) -> int:
        """Queue what is due at `now`; returns how many jobs that made, 0 if another replica swept this tick.

        Raises StoreUnavailable if database or queue cannot be reached.
        """
        tick = self._settings.local_sweep_tick_sec
        if not await self._queue.claim_tick(int(now / tick), tick):
            return 0
        started = perf_counter()
        instruments = await universe.load(self._database)
        known = await cursors.all_cursors(self._database)
        # beside the event loop: a large universe takes a while, in which clients would wait for their bars
        jobs = await asyncio.to_thread(lambda: list(self.jobs(instruments, known, now)))
        made = await self._queue.emit(jobs)
        self._tell(Swept(len(instruments), made, (perf_counter() - started) * 1000))
        return made

    def jobs(
        self, instruments: Iterable[Instrument], known: Mapping[tuple[str, str], Cursor], now: float
    ) -> Iterable[Job]:
        """A job for each series that is due at `now`."""
        rhythms = {tier: list(self._rhythms(tier)) for tier in Tier}
        for one in instruments:
            try:
                hours = hours_of(one.exchange, one.asset_type)
            except ValueError as error:
                self._tell(Skipped(one.symbol, str(error)))
                continue
            for capability, rhythm in rhythms[one.tier]:
                interval = capability.interval
                cursor = known.get((one.symbol, interval.value)) if interval else None
                span = due(capability, hours, cursor, rhythm, now)
                if span is not None:
                    yield self._job(one, capability, rhythm, span, now)

    def _rhythms(self, tier: Tier) -> Iterator[tuple[Capability, Rhythm]]:
        slack = self._settings.local_sweep_tick_sec * SLACK
        for capability, cadence in self._settings.cadence(tier).items():
            yield capability, Rhythm(max(cadence - slack, slack), self._delay(capability))

    def _job(self, one: Instrument, capability: Capability, rhythm: Rhythm, span: Span, now: float) -> Job:
        # a quote's life is its cadence: while it lasts no other is queued
        life = (
            self._settings.local_sweep_tick_sec * EXPIRES_AFTER_TICKS
            if capability.interval
            else rhythm.cadence
        )
        return Job(
            symbol=one.symbol,
            exchange=one.exchange,
            asset_type=one.asset_type,
            tier=one.tier,
            capability=capability,
            start=span.start,
            end=span.end,
            made_at=now,
            expires_at=now + life,
        )

    def _delay(self, capability: Capability) -> int:
        """The shortest delay of the providers that the policy names: no bar is settled earlier anywhere."""
        reaches = (
            self._providers[name].facts.reach.get(capability)
            for name in self._settings.policy(capability)
            if name in self._providers
        )
        return min((reach.delay for reach in reaches if reach is not None), default=0)
