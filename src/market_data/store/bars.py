"""Bars and their revisions as they are read."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import numpy as np

from market_data.market.bar import BarStatus, KnownBar, Times
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store import heads
from market_data.store.connect import Database, sql


class Table(Enum):
    """The two tables of bars and the columns that make a row of each unique."""

    INTRADAY = ("candles_intraday", "symbol, interval, ts", "true")
    DAILY = ("candles_daily", "symbol, interval, ts, adjustment", "known.adjustment = $5")

    @classmethod
    def of(cls, interval: Interval) -> "Table":
        """The table that holds bars of `interval`."""
        return cls.DAILY if interval is Interval.D1 else cls.INTRADAY

    def sql(self, name: str) -> str:
        """The named query on this table."""
        table, key, same = self.value
        return sql(name, table=table, key=key, same=same)

    def reading(self, name: str, *, start: str, end: str) -> str:
        """The named query that reads the bars between two bounds, as they are named in it."""
        table, key, _ = self.value
        order = key.removeprefix("symbol, interval, ")
        return sql(name, known=sql("bars_known"), table=table, order=order, start=start, end=end)


async def last(database: Database, symbol: str, interval: Interval, count: int) -> list[KnownBar]:
    """The newest `count` stored bars of a series, oldest first."""
    rows = await database.fetch(Table.of(interval).sql("bars_last"), symbol, interval.value, count)
    return [_known(row.items()) for row in reversed(rows)]


async def newest(
    database: Database, symbol: str, interval: Interval, count: int
) -> tuple[list[KnownBar], datetime]:
    """Like `last`, with the `as_of` of the series' newest change at that same moment (EPOCH: none)."""
    rows = await database.fetch(Table.of(interval).sql("bars_newest"), symbol, interval.value, count)
    head = rows[0]["head"] or heads.EPOCH
    return [_known(list(row.items())[1:]) for row in reversed(rows) if row["ts"] is not None], head


async def news(
    database: Database, symbol: str, interval: Interval, learned: tuple[datetime, datetime], limit: int
) -> list[KnownBar]:
    """The first `limit` bars learned after a moment, up to another, in that order; also those superseded."""
    query = Table.of(interval).sql("bars_news")
    rows = await database.fetch(query, symbol, interval.value, *learned, limit)
    return [_known(row.items()) for row in rows]


async def last_of_many(
    database: Database, symbols: Sequence[str], interval: Interval, count: int
) -> dict[str, list[KnownBar]]:
    """By symbol, the newest `count` stored bars, oldest first; a symbol without bars is left out."""
    rows = await database.fetch(
        Table.of(interval).sql("bars_last_of_many"), list(symbols), interval.value, count
    )
    found: dict[str, list[KnownBar]] = {}
    for row in rows:
        symbol, *values = row.items()
        found.setdefault(symbol[1], []).append(_known(values))
    return found


async def final_labels(database: Database, symbol: str, interval: Interval, span: Span) -> Times:
    """When the final bars of a series open in `span` (epoch seconds): shape (n,), in no order."""
    query, bounds = Table.of(interval).sql("bars_final"), (moment(span.start), moment(span.end))
    rows = await database.fetch(query, symbol, interval.value, *bounds)
    return np.fromiter((row["ts"] for row in rows), np.int64, len(rows))


def _known(row: Iterable[tuple[str, Any]]) -> KnownBar:
    values = dict(row)
    values["status"] = BarStatus(values["status"])
    return KnownBar(**values)
