"""Bars and their revisions: the one write, and the reads."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import numpy as np

from market_data.market.bar import Adjustment, Bars, BarStatus, KnownBar, Mask, Times, VolumeScope
from market_data.market.interval import Interval
from market_data.market.quality import Rejected
from market_data.market.span import Span, moment
from market_data.store import heads
from market_data.store.connect import Connection, Database, sql


class Table(Enum):
    """The two tables of bars and the columns that make a row of each unique."""

    INTRADAY = ("candles_intraday", "symbol, interval, ts")
    DAILY = ("candles_daily", "symbol, interval, ts, adjustment")

    @classmethod
    def of(cls, interval: Interval) -> "Table":
        """The table that holds bars of `interval`."""
        return cls.DAILY if interval is Interval.D1 else cls.INTRADAY

    def sql(self, name: str) -> str:
        """The named query on this table."""
        table, key = self.value
        return sql(name, table=table, key=key)


@dataclass(frozen=True, slots=True)
class Told:
    """Judged bars of one series from one provider; `partial` marks those not final yet, shape (n,)."""

    symbol: str
    interval: Interval
    provider: str
    adjustment: Adjustment
    volume_scope: VolumeScope
    as_of: float  # epoch seconds at which they were told
    bars: Bars
    partial: Mask
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What one write changed of a series: `bars` as they now stand, oldest first.

    `as_of` is when it was learned, `before` the `as_of` of the change before it (EPOCH: there is none). No
    two changes of a series have the same.
    """

    bars: list[KnownBar]
    before: datetime
    as_of: datetime


async def write(connection: Connection, told: Told) -> Change:
    """Write within the caller's transaction; the bars that are new or changed.

    A bar that says nothing new writes nothing. The old value of one that changes goes to `candle_revisions`.
    """
    before = await heads.lock(connection, told.symbol, told.interval.value)
    as_of = max(moment(told.as_of), before + heads.TICK)
    if told.rejected:
        await _keep_rejected(connection, told, as_of)
    if not len(told.bars):
        return Change([], before, as_of)
    rows = await connection.fetch(
        Table.of(told.interval).sql("bars_write"),
        told.symbol,
        told.interval.value,
        told.provider,
        as_of,
        told.adjustment.value,
        told.volume_scope.value,
        [moment(ts) for ts in told.bars.ts.tolist()],
        *(column.tolist() for column in told.bars.columns()[1:]),
        told.partial.tolist(),
    )
    origin = {
        "provider": told.provider,
        "adjustment": told.adjustment.value,
        "volume_scope": told.volume_scope.value,
    }
    return Change([_known(row.items(), **origin) for row in rows], before, as_of)


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


async def window(
    database: Database, symbol: str, interval: Interval, span: Span, *, limit: int, as_of: datetime | None
) -> list[KnownBar]:
    """The first `limit` stored bars that open within `span`, oldest first; as they were known at `as_of`."""
    start, end = moment(span.start), moment(span.end)
    query = Table.of(interval).sql("bars_window")
    rows = await database.fetch(query, symbol, interval.value, start, end, limit, as_of)
    return [_known(row.items()) for row in rows]


async def final_labels(database: Database, symbol: str, interval: Interval, span: Span) -> Times:
    """When the final bars of a series open in `span` (epoch seconds): shape (n,), in no order."""
    query, bounds = Table.of(interval).sql("bars_final"), (moment(span.start), moment(span.end))
    rows = await database.fetch(query, symbol, interval.value, *bounds)
    return np.fromiter((row["ts"] for row in rows), np.int64, len(rows))


async def built(
    database: Database,
    symbol: str,
    interval: Interval,
    span: Span,
    *,
    anchor: int,
    limit: int,
    as_of: datetime | None,
) -> list[KnownBar]:
    """Like `window`, built from 1m bars; opening at `anchor` (epoch seconds) plus multiples of it."""
    first = span.start - (span.start - anchor) % interval.seconds
    rows = await database.fetch(
        sql("bars_built"),
        symbol,
        moment(first),
        moment(span.end),
        limit,
        as_of,
        timedelta(seconds=interval.seconds),
        moment(anchor),
    )
    return [_known(row.items()) for row in rows]


def _known(row: Iterable[tuple[str, Any]], **origin: object) -> KnownBar:
    values = dict(row, **origin)
    values["status"] = BarStatus(values["status"])
    return KnownBar(**values)


async def _keep_rejected(connection: Connection, told: Told, as_of: datetime) -> None:
    ts, *numbers = zip(*(one.row for one in told.rejected), strict=True)
    finite: Sequence[list[float | None]] = [
        [value if np.isfinite(value) else None for value in column] for column in numbers
    ]
    await connection.execute(
        sql("bars_reject"),
        told.symbol,
        told.interval.value,
        told.provider,
        as_of,
        [moment(at) for at in ts],
        [one.reason.value for one in told.rejected],
        *finite,
    )
