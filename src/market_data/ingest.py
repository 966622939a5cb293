"""The one way in for bars: judge, write, publish."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from market_data.calendar import MarketHours
from market_data.errors import StoreUnavailable
from market_data.events import BarsWritten, Tell, Unpublished
from market_data.market.bar import Bars, KnownBar, Mask, Times
from market_data.market.interval import Interval
from market_data.market.quality import Verdict, judge
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import bars as bars_table
from market_data.store import cursor
from market_data.store.bars import Change, Told
from market_data.store.connect import Database
from market_data.stream import Series


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


@dataclass(frozen=True, slots=True)
class Ingested:
    """What came of a delivery: the bars that are new or changed, and the share of those expected."""

    changed: list[KnownBar]
    rejected: int
    completeness: float | None  # None: the calendar expected none


class Ingest:
    """Takes deliveries in: each is judged, written in one transaction with its cursor, then published."""

    def __init__(
        self, database: Database, publish: Publisher, tell: Tell, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._publish = publish
        self._tell = tell
        self._clock = clock

    async def __call__(self, delivery: Delivery) -> Ingested:
        """Take one delivery in.

        Raises StoreUnavailable if it could not be written: then nothing is. What could not be published is
        published later, by whoever writes the series next, or repairs.
        """
        now = self._clock()
        verdict = _judged(delivery, now)
        final_before = _final_before(delivery)
        partial = _ends(delivery, verdict.good) + delivery.reach.delay > delivery.asked_at
        started = perf_counter()
        change = await self._write(delivery, verdict, partial, final_before, now)
        elapsed = (perf_counter() - started) * 1000
        self._tell(  # now, not at the end: it is written even if it cannot be published
            BarsWritten(
                symbol=delivery.symbol,
                interval=delivery.interval,
                source=delivery.provider,
                told=len(delivery.bars),
                changed=len(change.bars),
                rejected=len(verdict.rejected),
                milliseconds=elapsed,
            )
        )
        try:
            await self._publish(Series(delivery.symbol, delivery.interval), change)
        except StoreUnavailable as error:
            self._tell(Unpublished(delivery.symbol, delivery.interval, len(change.bars), str(error)))
        return Ingested(
            change.bars, len(verdict.rejected), _completeness(delivery, verdict.good, final_before)
        )

    async def _write(
        self, delivery: Delivery, verdict: Verdict, partial: Mask, final_before: int, now: float
    ) -> Change:
        told = Told(
            symbol=delivery.symbol,
            interval=delivery.interval,
            provider=delivery.provider,
            adjustment=delivery.reach.adjustment,
            volume_scope=delivery.reach.volume_scope,
            as_of=now,
            bars=verdict.good,
            partial=partial,
            rejected=verdict.rejected,
        )
        final = verdict.good.ts[~partial]
        async with self._database.transaction() as connection:
            change = await bars_table.write(connection, told)
            await cursor.advance(
                connection,
                symbol=delivery.symbol,
                interval=delivery.interval,
                source=delivery.provider,
                through=max(final_before, delivery.span.start),
                last_bar=int(final[-1]) if len(final) else None,
                asked_at=delivery.asked_at,
            )
        return change


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
    settled_at, grid = delivery.asked_at - delivery.reach.delay, delivery.hours.regular
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
