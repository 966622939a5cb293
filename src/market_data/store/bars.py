"""Bars and their revisions as they are read."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import asyncpg
import numpy as np

from market_data.market.bar import BarStatus, KnownBar, Times
from market_data.market.daily import NEWEST_DAYS, PREFERRED, one_level
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store import heads
from market_data.store.connect import Database, sql

EVER, RECENT = "'-infinity'", "now() - interval '7 days'"
"""Since when the newest bars are looked for: recently first, else TimescaleDB opens all chunks there are."""


class Table(Enum):
    """The two tables of bars and the columns that make a row of each unique."""

    INTRADAY = ("candles_intraday", "symbol, interval, ts", "true")
    DAILY = ("candles_daily", "symbol, interval, ts, adjustment", "known.adjustment = $5")

    @classmethod
    def of(cls, interval: Interval) -> "Table":
        """The table that holds bars of `interval`."""
        return cls.DAILY if interval is Interval.D1 else cls.INTRADAY

    @property
    def looks(self) -> tuple[str, ...]:
        """Since when its newest bars are looked for, one after another; that of days has no chunks."""
        return (RECENT, EVER) if self is Table.INTRADAY else (EVER,)

    @property
    def level(self) -> str:
        """A condition on minutes that 0.1.0 labelled `split`: those before a known split are not raw."""
        return sql("bars_at_level") if self is Table.INTRADAY else ""

    def sql(self, name: str, since: str = EVER, *, quarantined: bool = False) -> str:
        """The named query on this table; `since` is EVER or RECENT."""
        table, key, same = self.value
        table = self._with_quarantined if quarantined else table
        return sql(name, table=table, key=key, same=same, since=since)

    def writing(self, name: str, **asked: str) -> str:
        """The named query that writes bars; `asked` names its parameters for bars_asked.sql."""
        table, key, same = self.value
        newer = sql("bars_asked", **asked)
        return sql(name, newer=newer, table=table, key=key, same=same)

    def reading(self, name: str, *, within: str = "", quarantined: bool = False) -> str:
        """The named query that reads bars; `within` is a further condition on them."""
        table, key, _ = self.value
        table = self._with_quarantined if quarantined else table
        order = key.removeprefix("symbol, interval, ")
        sorted_ = "" if within else f"ORDER BY {order}"
        return sql(
            name,
            known=sql("bars_as_known", level=self.level),
            table=table,
            order=order,
            sorted=sorted_,
            within=within,
        )

    @property
    def _with_quarantined(self) -> str:
        return sql("bars_or_quarantined", table=self.value[0])


BEYOND_TIME = "delete that row"
"""What to do about a bar at a time that is none."""


async def last(database: Database, symbol: str, interval: Interval, count: int) -> list[KnownBar]:
    """The newest `count` stored bars of a series, oldest first; days all of one level."""
    wanted, count = count, _rows_of(interval, count)
    rows: Sequence[asyncpg.Record] = ()
    for since in Table.of(interval).looks:
        query = Table.of(interval).sql("bars_last", since)
        rows = await database.fetch(query, symbol, interval.value, count)
        if len(rows) >= count:
            break
    return _one_level(interval, [_known(row.items()) for row in reversed(rows)], wanted)


async def newest(
    database: Database, symbol: str, interval: Interval, count: int
) -> tuple[list[KnownBar], datetime]:
    """Like `last`, with the `as_of` of the series' newest change at that same moment (EPOCH: none)."""
    wanted, count = count, _rows_of(interval, count)
    rows: Sequence[asyncpg.Record] = ()
    for since in Table.of(interval).looks:
        query = Table.of(interval).sql("bars_newest", since)
        rows = await database.fetch(query, symbol, interval.value, count)
        if len(rows) >= max(count, 2):  # a single row may say that there is none
            break
    head = rows[0]["head"] or heads.EPOCH
    found = [_known(list(row.items())[1:]) for row in reversed(rows) if row["ts"] is not None]
    return _one_level(interval, found, wanted), head


async def news(
    database: Database, symbol: str, interval: Interval, learned: tuple[datetime, datetime], limit: int
) -> list[KnownBar]:
    """The first `limit` bars learned after a moment, up to another, in that order; also those superseded."""
    query = Table.of(interval).sql("bars_news")
    async with database.transaction() as connection:
        await connection.execute(sql("plan_once"))
        rows = await connection.fetch(query, symbol, interval.value, *learned, limit)
    return [_known(row.items()) for row in rows]


async def last_of_many(
    database: Database, symbols: Sequence[str], interval: Interval, count: int, *, quarantined: bool = False
) -> dict[str, list[KnownBar]]:
    """By symbol, the newest `count` stored bars, oldest first; a symbol without bars is left out.

    `quarantined`: with those that are doubted, where no bar is stored. Days of a symbol are all of one level.
    """
    most, count = count, _rows_of(interval, count)
    found: dict[str, list[KnownBar]] = {}
    for since in Table.of(interval).looks:
        wanting = [one for one in symbols if len(found.get(one, ())) < count]
        found = {one: bars for one, bars in found.items() if len(bars) >= count}
        query = Table.of(interval).sql("bars_last_of_many", since, quarantined=quarantined)
        for row in await database.fetch(query, wanting, interval.value, count) if wanting else ():
            symbol, *values = row.items()
            found.setdefault(symbol[1], []).append(_known(values))
    return {symbol: _one_level(interval, bars, most) for symbol, bars in found.items()}


async def levels(database: Database, symbol: str, span: Span, as_of: datetime | None) -> dict[str, int]:
    """At how many days of `span` there are daily bars of each adjustment; of any at all, by the key ""."""
    bounds = moment(span.start), moment(span.end)
    rows = await database.fetch(Table.DAILY.reading("bars_levels"), symbol, Interval.D1.value, as_of, *bounds)
    return {row["adjustment"] or "": row["days"] for row in rows}


async def levels_held(database: Database, symbol: str) -> list[str]:
    """The adjustments that a symbol has any daily bars of."""
    rows = await database.fetch(Table.DAILY.sql("bars_has_level"), symbol, Interval.D1.value)
    return [row["adjustment"] for row in rows]


async def beyond_time(database: Database, symbols: Sequence[str], interval: Interval) -> dict[str, str]:
    """By symbol, what is wrong where it has a bar before 1900 or after 2099, or at infinity.

    Such a bar was written by SQL; all reads leave it out. BEYOND_TIME is the remedy.
    """
    table = Table.of(interval)
    rows = await database.fetch(table.sql("bars_beyond_time"), symbols, interval.value)
    held = f"{table.value[0]} holds a {interval} bar at"
    return {row["symbol"]: f"{held} {row['ts']}, which is no time of a bar" for row in rows}


def _rows_of(interval: Interval, count: int) -> int:
    """Rows in which the newest `count` bars of one level are found: a day may have one of each."""
    return count if interval is not Interval.D1 else len(PREFERRED) * max(count, NEWEST_DAYS)


def _one_level(interval: Interval, bars: list[KnownBar], count: int) -> list[KnownBar]:
    return bars if interval is not Interval.D1 else one_level(bars, count)


async def final_labels(database: Database, symbol: str, interval: Interval, span: Span) -> Times:
    """When the final bars of a series open in `span` (epoch seconds): shape (n,), in no order."""
    query, bounds = Table.of(interval).sql("bars_final"), (moment(span.start), moment(span.end))
    rows = await database.fetch(query, symbol, interval.value, *bounds)
    return np.fromiter((row["ts"] for row in rows), np.int64, len(rows))


def _known(row: Iterable[tuple[str, Any]]) -> KnownBar:
    values = dict(row)
    values["status"] = BarStatus(values["status"])
    return KnownBar(**values)
