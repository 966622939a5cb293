"""Publishes what has been written: each change of a series once, in order, whoever dies in between."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from market_data.loops import beside, task_group
from market_data.market.bar import KnownBar
from market_data.market.interval import Interval
from market_data.market.noted import CLOCKS_DIFFER
from market_data.market.span import moment
from market_data.store import bars as bars_table
from market_data.store import heads
from market_data.store.change import Change
from market_data.store.connect import Database
from market_data.stream import ENCODED_AT_ONCE, Series, Stream, stamp

UNPUBLISHED_SECONDS = 60.0
"""Where Redis has forgotten a series, what was written in this time before a change is published with it."""
MOST_NEWS = 20_000
"""Bars that are published at once, but for those of one change, which are not torn apart."""
MOST_TRIES = 8
"""Somebody else has published of the series meanwhile, so many times in a row."""
REPAIR_SECONDS = 10.0
"""How often the heads of the series are compared with what has been published."""
SETTLED_SECONDS = 3.0
"""A change that was written so long ago and is not published yet will not be by its writer."""
LOOKED_BACK_SECONDS = 3600.0
"""Changes that are older are not looked for."""
AT_ONCE = 4
"""Series that are caught up at the same time."""


class Publisher:
    """Brings the changes of series onto the stream.

    A change is written to PostgreSQL first, with the `as_of` of the one before it. It is published only right
    after that one: where that is missing, since its writer died or could not reach Redis, it is read from the
    tables and published first. So what was written is published once, in the order in which it was written.
    """

    def __init__(self, database: Database, stream: Stream, clock: Callable[[], float]) -> None:
        self._database = database
        self._stream = stream
        self._clock = clock

    async def __call__(self, series: Series, change: Change) -> None:
        """Publish a change; StoreUnavailable if it cannot be: then whoever comes next does."""
        if len(change):
            made = change.bars if len(change) <= ENCODED_AT_ONCE else await beside(lambda: change.bars)
            bars = await self._level(series, made)
            await self._publish(series, bars, before=stamp(change.before), head=stamp(change.as_of))

    async def catch_up(self, series: Series, head: datetime) -> None:
        """Publish what has been written of a series up to `head` and is not published yet."""
        published, _ = await self._stream.head(series)
        await self._from(series, published, stamp(head))

    async def repair(self) -> int:
        """Publish what writers who died have left unpublished; returns in how many series."""
        now = self._clock()
        written = await heads.since(self._database, moment(now - LOOKED_BACK_SECONDS))
        published = await self._stream.heads()
        settled, future = stamp(moment(now - SETTLED_SECONDS)), stamp(moment(now + CLOCKS_DIFFER))
        behind = [
            (series, head)
            for series, head in ((Series(*name), stamp(at)) for name, at in written.items())
            if published.get(str(series), 0) < head
            and not settled < head <= future  # later: the clock was set back
        ]
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(series: Series, head: int) -> None:
            async with gate:
                await self._from(series, published.get(str(series), 0), head)

        async with task_group() as group:
            for series, head in behind:
                group.create_task(one(series, head))
        return len(behind)

    async def run(self) -> None:
        """Repair again and again, until cancelled."""
        while True:
            await self.repair()
            await asyncio.sleep(REPAIR_SECONDS)

    async def _publish(self, series: Series, bars: list[KnownBar], *, before: int, head: int) -> None:
        published = await self._stream.publish(series, bars, before=before, head=head, at=self._clock())
        if published is not None:
            await self._from(series, published, head)

    async def _from(self, series: Series, published: int, head: int) -> None:
        """Publish what was learned after `published`, up to `head`."""
        for _ in range(MOST_TRIES):
            if published >= head:
                return  # somebody else has
            after = published or max(head - int(UNPUBLISHED_SECONDS * 1e6), 0)
            bars, through = await self._news(series, after, head)
            told = await self._stream.publish(series, bars, before=published, head=through, at=self._clock())
            published = through if told is None else told

    async def _news(self, series: Series, after: int, head: int) -> tuple[list[KnownBar], int]:
        """Bars learned in (after, head], in that order, whole changes only; and the head that they end at."""
        most = MOST_NEWS
        while True:
            learned, interval = (_moment(after), _moment(head)), Interval(series.interval)
            bars = await bars_table.news(self._database, series.symbol, interval, learned, most)
            if len(bars) < most:
                return await self._level(series, bars), head
            whole = [one for one in bars if one.as_of < bars[-1].as_of]
            if whole:
                return await self._level(series, whole), stamp(whole[-1].as_of)
            most *= 2

    async def _level(self, series: Series, bars: list[KnownBar]) -> list[KnownBar]:
        """Those of the level at which the newest bars of the series are read: a day is published once."""
        interval = Interval(series.interval)
        if interval is not Interval.D1 or not bars:
            return bars
        newest = await bars_table.last(self._database, series.symbol, interval, 1)
        return [bar for bar in bars if not newest or bar.adjustment == newest[0].adjustment]


def _moment(microseconds: int) -> datetime:
    return heads.EPOCH + timedelta(microseconds=microseconds)
