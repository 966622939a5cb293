"""The one way in for bars: judge, write, publish."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise
from time import monotonic, perf_counter
from typing import TypeVar

import numpy as np

from market_data import believe
from market_data.believe import Ask, Believed, Believer
from market_data.errors import StoreUnavailable
from market_data.events import BarsWritten, Tell, Unpublished
from market_data.level import Leveler, Sent, raw_reach
from market_data.market.bar import Bars, Mask, Numbers, Times
from market_data.market.interval import Interval
from market_data.market.level import Level, Leveled
from market_data.market.quality import Verdict, judge
from market_data.market.quarantined import NO_CHANGE
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.settings import InForce
from market_data.store import volumes, write
from market_data.store.change import Change, Told
from market_data.store.connect import Database
from market_data.store.cursor import Mark
from market_data.stream import Series

LIVE_ROWS = 500
"""Bars of one write where nobody says otherwise: LIVE_BATCH_SIZE's default."""


OUTAGE_SECONDS = 300.0
"""How long a delivery waits for the database. Of fetch jobs at most FETCH_CONCURRENCY wait at once."""
AGAIN_SECONDS = 1.0
"""How often it is tried meanwhile."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Bars as one provider told them, in answer to a question for `span` that was asked at `asked_at`."""

    symbol: str
    interval: Interval
    span: Span
    hours: MarketHours
    provider: str
    reach: Reach
    bars: Bars
    asked_at: float  # epoch seconds
    vendor_time: float | None = None  # epoch seconds by its clock when it answered; None: it did not say
    rows: int = LIVE_ROWS  # written at once, at most
    restates: bool = False  # its values count before those of other providers too
    delay: float = 0.0  # seconds after a bar's end before its provider has it, as learned

    @property
    def known_at(self) -> float:
        """The moment whose bars it returns: nothing that ends later is final, whatever our clock says."""
        return self.asked_at if self.vendor_time is None else min(self.asked_at, self.vendor_time)

    @property
    def sent(self) -> Sent:
        """What of it says at which price level it is."""
        series = self.symbol, self.interval, self.provider
        return Sent(*series, self.reach, self.hours, self.bars, self.asked_at)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of a delivery: the bars that are new or changed, and the share of those expected."""

    changed: int  # bars that are new or changed
    rejected: int
    quarantined: int  # bars that are doubted and that nobody contradicts
    completeness: float | None  # None: the calendar expected none
    refused: tuple[int, ...] = ()  # the labels (epoch seconds) of the rejected ones


class Ingest:
    """Takes deliveries in: each is judged, believed or not, written with its cursor, then published."""

    def __init__(
        self,
        database: Database,
        publish: Publisher,
        tell: Tell,
        clock: Callable[[], float],
        in_force: InForce | None = None,
    ) -> None:
        self.database = database
        self._publish = publish
        self._tell = tell
        self._clock = clock
        self._in_force = in_force
        self._believe = Believer(database, tell)
        self._level = Leveler(database)

    async def __call__(self, delivery: Delivery, ask: Ask | None = None) -> Ingested:
        """Take one delivery in; `ask` is asked what others tell where something in it is strange.

        While the database is out it waits, OUTAGE_SECONDS at most. Raises StoreUnavailable if it could not be
        written: then nothing is. What could not be published is published later, by whoever writes the series
        next, or repairs.
        """
        now = self._clock()
        leveled = await _patiently(lambda: self._level(delivery.sent, now))
        delivery = _at_level(delivery, leveled)
        believed = await _patiently(lambda: self._believe(_told(delivery, now), ask))
        verdict = believed.verdict
        final_before = _final_before(delivery)
        changed = 0
        for batch in chain(
            _writes(delivery, believed, final_before, now, level=leveled.level),
            _instead(delivery, believed, now),
        ):
            told = await self._with_volumes(delivery, batch)
            started = perf_counter()
            change = await _patiently(partial(self._keep, told))
            self._say(change.told, change, (perf_counter() - started) * 1000)
            try:
                await self._publish(Series(change.told.symbol, delivery.interval), change)
            except StoreUnavailable as error:
                self._tell(Unpublished(delivery.symbol, delivery.interval, len(change), str(error)))
            changed += len(change)
        had = verdict.good.ts
        if believed.doubted:
            had = np.union1d(had, np.array(believed.doubted, np.int64))
        share = _completeness(delivery, had, final_before)
        doubted = len(believed.doubted) + len(leveled.left_out)
        refused = tuple(sorted({one.row[0] for one in verdict.rejected}))
        return Ingested(changed, len(verdict.rejected), doubted, share, refused)

    async def _with_volumes(self, delivery: Delivery, told: Told) -> Told:
        if not delivery.reach.zero_is_unknown:
            return told
        return await _patiently(partial(volumes.kept, self.database, told))

    async def _keep(self, told: Told) -> Change:
        """Write; it is known from now on, not since it was asked for: until now nobody could read it."""
        keeps = self._in_force is not None and self._in_force.settings.keep_partial_revisions
        return await write.keep(self.database, replace(told, as_of=self._clock(), keeps_partials=keeps))

    def _say(self, told: Told, change: Change, elapsed: float) -> None:
        """Tell of a write as soon as it is done: it is written even if it cannot be published."""
        self._tell(
            BarsWritten(
                symbol=told.symbol,
                interval=told.interval,
                source=told.provider,
                told=len(told.bars) + len(told.rejected) + len(told.quarantine.put),
                changed=len(change),
                rejected=len(told.rejected),
                milliseconds=elapsed,
                reasons=tuple(sorted(Counter(one.reason.value for one in told.rejected).items())),
            )
        )


def _writes(
    delivery: Delivery, believed: Believed, final_before: int, now: float, *, level: Level
) -> Iterator[Told]:
    """The writes of a delivery, oldest bars first, each of at most `rows` bars.

    Each moves the cursor to where it ends: if the service stops between two, the rest is asked for again.
    """
    verdict = believed.verdict
    good, end = verdict.good, max(final_before, delivery.span.start)
    partial = _ends(delivery, good) + delivery.reach.delay > delivery.known_at
    factors = level.factors(good.ts)
    for these in _pieces(factors, delivery.rows):
        at = these.start
        final = good.ts[these][~partial[these]]
        after = good.ts[these.stop :]
        yield Told(
            symbol=delivery.symbol,
            interval=delivery.interval,
            provider=delivery.provider,
            adjustment=delivery.reach.adjustment,
            volume_scope=delivery.reach.volume_scope,
            as_of=now,
            bars=good.take(these),
            partial=partial[these],
            rejected=verdict.rejected if at == 0 else (),
            quarantine=believed.change if at == 0 else NO_CHANGE,
            mark=Mark(
                through=min(int(after[0]), end) if len(after) else end,
                last_bar=int(final[-1]) if len(final) else None,
                asked_at=delivery.known_at,
            ),
            restates=delivery.restates,
            asked_at=delivery.asked_at,
            factor=float(factors[at]) if len(good) and factors[at] != 1 else None,
        )


def _pieces(factors: Numbers, rows: int) -> Iterator[slice]:
    """Where to cut bars into writes: each of at most `rows` bars that were converted by one factor."""
    edges = [0, *(np.flatnonzero(np.diff(factors)) + 1).tolist(), len(factors)]
    for start, end in pairwise(edges):
        for at in range(start, max(end, start + 1), rows):
            yield slice(at, min(at + rows, end))


def _at_level(delivery: Delivery, leveled: Leveled) -> Delivery:
    """The delivery with its bars at the level of their series."""
    if delivery.interval is Interval.D1:
        return delivery
    return replace(delivery, bars=leveled.bars, reach=raw_reach(delivery.reach))


def _instead(delivery: Delivery, believed: Believed, now: float) -> Iterator[Told]:
    """The writes of final bars that other providers sent in the place of contradicted ones."""
    for one in believed.instead:
        yield Told(
            symbol=delivery.symbol,
            interval=delivery.interval,
            provider=one.provider,
            adjustment=one.adjustment,
            volume_scope=one.volume_scope,
            as_of=now,
            bars=one.bars,
            partial=np.zeros(len(one.bars), np.bool_),
            asked_at=min(one.settled_before, now),
        )


async def _patiently(call: Callable[[], Awaitable[_T]]) -> _T:
    """Do something as soon as the database is there: what a provider gave is not asked for again."""
    until = monotonic() + OUTAGE_SECONDS
    while True:
        try:
            return await call()
        except StoreUnavailable:
            if monotonic() >= until:
                raise
            await asyncio.sleep(AGAIN_SECONDS)


def _told(delivery: Delivery, now: float) -> believe.Told:
    return believe.Told(
        symbol=delivery.symbol,
        interval=delivery.interval,
        provider=delivery.provider,
        reach=delivery.reach,
        hours=delivery.hours,
        verdict=_judged(delivery, now),
        asked_at=delivery.asked_at,
        anew=delivery.restates,
    )


def _judged(delivery: Delivery, now: float) -> Verdict:
    bars, hours = delivery.bars, delivery.hours
    if delivery.interval is Interval.D1:
        days = hours.regular.labels(delivery.span, Interval.D1)
        known: Mask = np.isin(bars.ts, days)
    else:
        known = hours.kept.holds(bars.ts)
    return judge(bars, interval=delivery.interval, in_session=known, now=now)


def _ends(delivery: Delivery, bars: Bars) -> Times:
    grid = delivery.hours.regular if delivery.interval is Interval.D1 else delivery.hours.kept
    return grid.ends(bars.ts, delivery.interval)


def _final_before(delivery: Delivery) -> int:
    """The end of what was final when it was asked: bars that open before it are settled at this provider."""
    delay = max(delivery.reach.delay, delivery.delay)
    settled_at, grid = delivery.known_at - delay, delivery.hours.regular
    if delivery.interval is Interval.D1:
        labels = grid.last_labels(settled_at, Interval.D1, 2)  # the last of them may be of a running session
        over = labels[grid.ends(labels, Interval.D1) <= settled_at]
        settled = int(over[-1]) + Interval.D1.seconds if len(over) else delivery.span.start
    else:
        settled = delivery.interval.floor(settled_at)
    return min(delivery.span.end, settled)


def _completeness(delivery: Delivery, had: Times, final_before: int) -> float | None:
    """The share of the expected bars that are among those `had`, which are in order."""
    if final_before <= delivery.span.start:
        return None
    expected = delivery.hours.regular.labels(Span(delivery.span.start, final_before), delivery.interval)
    if not len(expected):
        return None
    place = np.minimum(np.searchsorted(had, expected), len(had) - 1)  # both are in order
    return float((had[place] == expected).mean()) if len(had) else 0.0
