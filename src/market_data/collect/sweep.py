"""The sweeper: looks through the universe at every tick and queues a job for the bars that are due."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from time import perf_counter

from market_data.calendar import with_hours
from market_data.collect.cadence import Rhythm, due
from market_data.collect.plan import Planned, plan
from market_data.events import Skipped, Swept, Tell, UniverseEmpty
from market_data.loops import beside
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.noted import holds
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.queue import Job, Queue
from market_data.route.roster import Roster
from market_data.settings import InForce
from market_data.store import cursor as cursors
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.cursor import Cursor

EXPIRES_AFTER_TICKS = 4
"""A job that has waited for so many ticks is dropped: a newer sweep knows better."""
SLOT_SECONDS = 120.0
"""For how long it is remembered that a slot was swept, at least: clocks of replicas differ."""
AGAIN_SECONDS = 2.0
"""How soon it is looked again whether the sweep of another replica is over."""
EMPTY_SECONDS = 600.0
"""How often it is said, while the universe is empty, that nothing is collected."""
SLACK = 0.5
"""Share of a tick by which a series may be asked early, so that a cadence of n ticks is not kept at n + 1."""


def planned(roster: Roster, symbols: Mapping[Tier, int]) -> list[Planned]:
    """The plan for so many symbols of each tier, with the providers as they stand at this moment."""
    limits = {name: account.limits for name, account in roster.accounts.items()}
    able = {capability: roster.able(capability) for capability in Capability}
    unset = {capability: roster.unset(capability) for capability in Capability}
    quotes = {name: one.batch.most for name, one in roster.providers.items() if one.batch}
    return plan(symbols, roster.settings, able, limits, unset, at_once=quotes)


class Sweeper:
    """Makes fetch jobs for bars that are due. Every replica may sweep: a tick is claimed once."""

    def __init__(
        self,
        database: Database,
        queue: Queue,
        roster: Roster,
        tell: Tell,
    ) -> None:
        self._database = database
        self._queue = queue
        self._roster = roster
        self._tell = tell
        self._said_at = -math.inf

    async def sweep(self, now: float) -> int | None:
        """Queue what is due at `now`; how many jobs that made: 0 if it was swept, None if another is at it.

        A slot is swept once. Where the replica that sweeps it dies, another finds it unswept SWEEP_SECONDS
        later. Raises StoreUnavailable if database or queue cannot be reached.
        """
        tick = self._roster.settings.local_sweep_tick_sec
        slot = int(now / tick)
        read_at = await self._queue.claim_slot(slot)
        if read_at <= 0:
            return 0 if read_at == 0 else None
        started = perf_counter()
        instruments, jobs = await self.due(now)
        made = await self._queue.emit(jobs, read_at)
        await self._queue.swept(slot, max(tick, SLOT_SECONDS))
        self._tell(Swept(len(instruments), made, (perf_counter() - started) * 1000))
        return made

    def _say_if_empty(self, instruments: Sequence[Instrument], now: float) -> None:
        if not instruments and not holds(self._said_at, self._said_at + EMPTY_SECONDS, now):
            self._said_at = now
            self._tell(UniverseEmpty(universe.EMPTY))

    async def due(self, now: float) -> tuple[list[Instrument], list[Job]]:
        """The universe, and a job for each of its series that is due at `now`; StoreUnavailable."""
        instruments = await universe.load(self._database)
        self._say_if_empty(instruments, now)
        known = await cursors.all_cursors(self._database)
        # beside the event loop: a large universe takes a while, in which clients would wait for their bars;
        # what is known of the providers is read on it, since their answers change that
        placed, wrong = await beside(lambda: with_hours(instruments))
        for row in wrong:
            self._tell(Skipped(row.instrument.symbol, row.why))
        rhythms = self._rhythms(Counter(instrument.tier for instrument in instruments), placed)
        life = self._roster.settings.local_sweep_tick_sec * EXPIRES_AFTER_TICKS
        return instruments, await beside(lambda: list(_jobs(placed, rhythms, known, now, life)))

    def _rhythms(self, symbols: Mapping[Tier, int], placed: "_Placed") -> "_Rhythms":
        """By tier and calendar, how often and how late each kind of bars is asked for, as budgets allow."""
        cadences = self._cadences(symbols)
        return {
            (tier, calendar): [self._rhythm(*line, calendar) for line in cadences[tier]]
            for tier, calendar in {(member.tier, hours.regular.name) for member, hours in placed}
        }

    def _cadences(self, symbols: Mapping[Tier, int]) -> dict[Tier, list[tuple[Capability, Interval, float]]]:
        slack = self._roster.settings.local_sweep_tick_sec * SLACK
        cadences: dict[Tier, list[tuple[Capability, Interval, float]]] = {tier: [] for tier in Tier}
        for line in planned(self._roster, symbols):
            interval = line.capability.interval
            if interval is not None and line.achievable is not None:
                cadence = max(line.achievable - slack, slack)
                cadences[line.tier].append((line.capability, interval, cadence))
        return cadences

    def _rhythm(
        self, capability: Capability, interval: Interval, cadence: float, calendar: str
    ) -> tuple[Capability, Interval, Rhythm]:
        """The rhythm of a calendar's bars: a bar is due when the fastest provider is known to have it."""
        return capability, interval, Rhythm(cadence, self._roster.settled_after(capability, calendar))


_Placed = Sequence[tuple[Instrument, MarketHours]]
_Rhythms = Mapping[tuple[Tier, str], Sequence[tuple[Capability, Interval, Rhythm]]]
"""By tier and calendar."""


def _jobs(
    placed: _Placed,
    rhythms: _Rhythms,
    known: Mapping[tuple[str, str], Cursor],
    now: float,
    life: float,
) -> Iterator[Job]:
    """A job for each series that is due at `now`; it expires `life` seconds later."""
    for member, hours in placed:
        for capability, interval, rhythm in rhythms[member.tier, hours.regular.name]:
            span = due(interval, hours, known.get((member.symbol, interval.value)), rhythm, now)
            if span is not None:
                yield _job(member, capability, span, now, life)


def _job(one: Instrument, capability: Capability, span: Span, now: float, life: float) -> Job:
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


class Sweeps:
    """When this replica sweeps; `at` is when it last went through a sweep, its own or another's (None:
    never)."""

    def __init__(self, in_force: InForce, clock: Callable[[], float]) -> None:
        self._in_force = in_force
        self._clock = clock
        self.at: float | None = None

    async def run(self, sweep: Callable[[float], Awaitable[int | None]], tick: Callable[[], float]) -> None:
        """Sweep at once, then at every tick (its seconds), while the local sweeper makes the jobs."""
        while True:
            now, swept = self._clock(), True
            if self._in_force.settings.sweeps:
                swept = await sweep(now) is not None
                if swept:
                    self.at = now  # not before: one that hangs must be seen to be late
            # from the tick just swept, not from the clock: a timer that fires a little early would skip one
            following = (now // tick() + 1) * tick()
            pause = min(following - self._clock(), tick())  # the clock may have been set back meanwhile
            await asyncio.sleep(max(pause if swept else min(pause, AGAIN_SECONDS), 0.0))
