"""Takes jobs from a coordinator: each is checked, and becomes a fetch job or backfills, or a dead letter."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from market_data.calendar import hours_of
from market_data.collect.cadence import Rhythm, due
from market_data.events import JobDropped, Tell
from market_data.market.capability import CAPABILITIES, Capability
from market_data.market.instrument import Instrument, Tier, read_symbol
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.queue import Job, Queue
from market_data.queue.group import TAKEN_OVER_SECONDS, Entry
from market_data.queue.intake import BackfillOrder, BarsFetch, Order, Orders, QuotesFetch, read_order, seconds
from market_data.settings import InForce
from market_data.store import cursor as cursors
from market_data.store import universe
from market_data.store.connect import Database

AT_ONCE = 200
"""Orders that are read at once."""
IDLE_SECONDS = 1.0
"""How often it is looked whether jobs come from outside now."""
LIFE_SECONDS = 120.0
"""An order that does not say when it expires is worth so much time."""

Backfill = Callable[[Instrument, Interval, Span, Tier | None], Awaitable[object]]
"""Queues what is missing of a series in a span, as if it were of a tier."""


class Intake:
    """Reads the stream of orders while USE_RLC is set."""

    def __init__(
        self,
        *,
        orders: Orders,
        queue: Queue,
        database: Database,
        backfill: Backfill,
        in_force: InForce,
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self.orders = orders
        self._queue = queue
        self._database = database
        self._backfill = backfill
        self._in_force = in_force
        self._tell = tell
        self._clock = clock

    async def run(self) -> None:
        """Take orders in until cancelled; StoreUnavailable when a store cannot be reached."""
        looked = 0.0
        while True:
            if not self._in_force.settings.use_rlc:
                await asyncio.sleep(IDLE_SECONDS)
                continue
            now = asyncio.get_running_loop().time()
            if now - looked >= TAKEN_OVER_SECONDS:
                looked = now
                await self.take(await self.orders.take_over(AT_ONCE))
            await self.take(await self.orders.claim(AT_ONCE))

    async def take(self, entries: Sequence[Entry]) -> int:
        """Take orders in; returns how many fetch jobs that made. What is no order is a dead letter, with
        why."""
        now, jobs, good = self._clock(), list[Job](), list[Entry]()
        for entry in entries:
            try:
                job = await self._taken(read_order(entry.body), now)
            except ValueError as error:
                await self.orders.bury(entry, str(error), now)
                self._tell(JobDropped(f"{entry.stream} {entry.id}", str(error)))
                continue
            good.append(entry)
            if job is not None:
                jobs.append(job)
        made = await self._queue.emit(jobs) if jobs else 0
        await self.orders.done(good)
        return made

    async def _taken(self, order: Order, now: float) -> Job | None:
        """The fetch job of an order; None where it became backfills, or where nothing is due. ValueError."""
        if isinstance(order, QuotesFetch):
            return await self._quotes(order, now)
        one = await universe.named(self._database, read_symbol(order.symbol))
        if one is None:
            raise ValueError(f"{order.symbol} is not in the universe")
        match order:
            case BackfillOrder():
                if seconds(order.start) >= int(now):
                    raise ValueError("`start` is in the future: there is nothing to fill yet")
                span = Span(seconds(order.start), min(seconds(order.end), int(now)))
                await self._backfill(one, Interval.read(order.interval), span, order.priority)
                return None
            case BarsFetch():
                capability = CAPABILITIES.get(Interval.read(order.interval))
                if capability is None:
                    raise ValueError(f"{order.interval} bars are built, not fetched: ask for 1m or 1d")
                wanted = await self._span(one, order, now)
                return None if wanted is None else self._job(one, capability, wanted, order, now)

    async def _quotes(self, order: QuotesFetch, now: float) -> Job:
        symbols = [read_symbol(one) for one in order.wanted]
        held = await universe.all_named(self._database, symbols)
        if unknown := [one for one in symbols if one not in held]:
            raise ValueError(f"{', '.join(unknown)} is not in the universe")
        first, *others = (held[one] for one in dict.fromkeys(symbols))
        if other := [one.symbol for one in others if one.asset_type is not first.asset_type]:
            raise ValueError(f"{other[0]} is no {first.asset_type}: send one job for each kind of asset")
        return self._job(
            first,
            Capability.QUOTES_L1,
            Span(int(now), int(now) + 1),
            order,
            now,
            others=tuple(one.symbol for one in others),
        )

    async def _span(self, one: Instrument, order: BarsFetch, now: float) -> Span | None:
        if order.start is not None and order.end is not None:
            return Span(seconds(order.start), seconds(order.end))
        interval = Interval.read(order.interval)
        cursor = await cursors.of(self._database, one.symbol, interval)
        return due(interval, hours_of(one.exchange, one.asset_type), cursor, Rhythm(0.0, 0.0), now)

    def _job(
        self,
        one: Instrument,
        capability: Capability,
        span: Span,
        order: BarsFetch | QuotesFetch,
        now: float,
        *,
        others: tuple[str, ...] = (),
    ) -> Job:
        expires_at = now + LIFE_SECONDS if order.expires_at is None else float(seconds(order.expires_at))
        return Job(
            symbol=one.symbol,
            exchange=one.exchange,
            asset_type=one.asset_type,
            tier=one.tier,
            capability=capability,
            start=span.start,
            end=span.end,
            made_at=now,
            expires_at=expires_at,
            provider_hint=order.provider,
            others=others,
        )
