"""The one way in for bars: judge, write, publish."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter
from typing import TypeVar

import numpy as np

from market_data import believe
from market_data.believe import Ask, Believer
from market_data.errors import StoreUnavailable
from market_data.events import BarsWritten, Tell, Unpublished
from market_data.market.bar import Bars, Mask, Times
from market_data.market.interval import Interval
from market_data.market.quality import Verdict, judge
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import write
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
    rows: int = LIVE_ROWS  # written at once, at most
    restates: bool = False  # its values count before those of other providers too
    delay: float = 0.0  # seconds after a bar's end before its provider has it, as learned


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of a delivery: the bars that are new or changed, and the share of those expected."""

    changed: int  # bars that are new or changed
    rejected: int
    held: int  # bars that are doubted, and waited for
    completeness: float | None  # None: the calendar expected none


class Ingest:
    """Takes deliveries in: each is judged, believed or not, written with its cursor, then published."""

    def __init__(
        self, database: Database, publish: Publisher, tell: Tell, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._publish = publish
        self._tell = tell
        self._clock = clock
        self._believe = Believer(database, tell)

    async def __call__(self, delivery: Delivery, ask: Ask | None = None) -> Ingested:
        """Take one delivery in; `ask` is asked what others tell where something in it is strange.

        While the database is out it waits, OUTAGE_SECONDS at most. Raises StoreUnavailable if it could not be
        written: then nothing is. What could not be published is published later, by whoever writes the series
        next, or repairs.
        """
        now = self._clock()
        believed = await _patiently(lambda: self._believe(_told(delivery, now), ask))
        verdict = believed.verdict
        final_before = min((_final_before(delivery), *believed.held[:1]))
        changed = 0
        for told in _writes(delivery, verdict, final_before, now):
            started = perf_counter()
            change = await _patiently(partial(write.keep, self._database, told))
            self._say(delivery, told, change, (perf_counter() - started) * 1000)
            try:
                await self._publish(Series(delivery.symbol, delivery.interval), change)
            except StoreUnavailable as error:
                self._tell(Unpublished(delivery.symbol, delivery.interval, len(change), str(error)))
            changed += len(change)
        share = _completeness(delivery, verdict.good, final_before)
        return Ingested(changed, len(verdict.rejected), len(believed.held), share)

    def _say(self, delivery: Delivery, told: Told, change: Change, elapsed: float) -> None:
        """Tell of a write as soon as it is done: it is written even if it cannot be published."""
        self._tell(
            BarsWritten(
                symbol=delivery.symbol,
                interval=delivery.interval,
                source=delivery.provider,
                told=len(told.bars) + len(told.rejected),
                changed=len(change),
                rejected=len(told.rejected),
                milliseconds=elapsed,
                reasons=tuple(sorted(Counter(one.reason.value for one in told.rejected).items())),
            )
        )


def _writes(delivery: Delivery, verdict: Verdict, final_before: int, now: float) -> Iterator[Told]:
    """The writes of a delivery, oldest bars first, each of at most `rows` bars.

    Each moves the cursor to where it ends: if the service stops between two, the rest is asked for again.
    """
    good, end = verdict.good, max(final_before, delivery.span.start)
    partial = _ends(delivery, good) + delivery.reach.delay > delivery.asked_at
    for at in range(0, max(len(good), 1), delivery.rows):
        these = slice(at, at + delivery.rows)
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
            mark=Mark(
                through=min(int(after[0]), end) if len(after) else end,
                last_bar=int(final[-1]) if len(final) else None,
                asked_at=delivery.asked_at,
            ),
            restates=delivery.restates,
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
        anew=delivery.restates,
    )


def _judged(delivery: Delivery, now: float) -> Verdict:
    bars, hours = delivery.bars, delivery.hours
    if delivery.interval is Interval.D1:
        days = hours.regular.labels(delivery.span, Interval.D1)
        known: Mask = np.isin(bars.ts, days)
    else:
        known = hours.extended.holds(bars.ts)
    return judge(bars, interval=delivery.interval, in_session=known, now=now)


def _ends(delivery: Delivery, bars: Bars) -> Times:
    grid = delivery.hours.regular if delivery.interval is Interval.D1 else delivery.hours.extended
    return grid.ends(bars.ts, delivery.interval)


def _final_before(delivery: Delivery) -> int:
    """The end of what was final when it was asked: bars that open before it are settled at this provider."""
    delay = max(delivery.reach.delay, delivery.delay)
    settled_at, grid = delivery.asked_at - delay, delivery.hours.regular
    if delivery.interval is Interval.D1:
        labels = grid.last_labels(settled_at, Interval.D1, 2)  # the last of them may be of a running session
        over = labels[grid.ends(labels, Interval.D1) <= settled_at]
        settled = int(over[-1]) + Interval.D1.seconds if len(over) else delivery.span.start
    else:
        settled = delivery.interval.floor(settled_at)
    return min(delivery.span.end, settled)


def _completeness(delivery: Delivery, good: Bars, final_before: int) -> float | None:
    if final_before <= delivery.span.start:
        return None
    expected = delivery.hours.regular.labels(Span(delivery.span.start, final_before), delivery.interval)
    if not len(expected):
        return None
    place = np.minimum(np.searchsorted(good.ts, expected), len(good) - 1)  # both are in order
    return float((good.ts[place] == expected).mean()) if len(good) else 0.0
