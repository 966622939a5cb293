"""The closes of a series: what tells whether a bar is strange, or history re-based."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from market_data.market.bar import Adjustment, Bars, Numbers, Times
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store.bars import Table
from market_data.store.connect import Database


class Closes(NamedTuple):
    """Final bars in order: label (epoch seconds) and close, shape (n,) each."""

    ts: Times
    close: Numbers
    first: int | None
    """When the oldest bar of the series opens, within the span or before it; None: the span holds none."""


async def load(
    database: Database, symbol: str, interval: Interval, adjustment: Adjustment, span: Span
) -> Closes:
    """The closes of the bars of one adjustment that open in `span`."""
    query, bounds = Table.of(interval).sql("bars_closes"), (moment(span.start), moment(span.end))
    rows = await database.fetch(query, symbol, interval.value, adjustment.value, *bounds)
    ts = np.fromiter((row["ts"] for row in rows), np.int64, len(rows))
    close = np.fromiter((row["close"] for row in rows), np.float64, len(rows))
    return Closes(ts, close, rows[0]["first"] if rows else None)


async def raw_bars(database: Database, symbol: str, interval: Interval, span: Span) -> Bars:
    """The final bars of a series at the raw level that open in `span`, in order."""
    query, bounds = Table.of(interval).sql("bars_of_span"), (moment(span.start), moment(span.end))
    rows = await database.fetch(query, symbol, interval.value, *bounds)
    return Bars.of(tuple(row) for row in rows)


class Beside(NamedTuple):
    """What is stored of a stretch of a series: the close right before it (None: none is near), and whether
    another provider has bars within it."""

    before: float | None
    others: bool


async def beside(
    database: Database,
    symbol: str,
    interval: Interval,
    adjustment: Adjustment,
    span: Span,
    *,
    provider: str,
    within: int,
) -> Beside:
    """The close before `span`, at most `within` seconds from it, and whether others have bars in the span."""
    query, bounds = Table.of(interval).sql("bars_beside"), (moment(span.start), moment(span.end))
    reach = timedelta(seconds=within)
    row = await database.fetch_one(query, symbol, interval.value, *bounds, adjustment.value, reach, provider)
    return Beside(row["before"], row["others"]) if row else Beside(None, False)


class Stored(NamedTuple):
    """Final bars in order of time, and the provider of each."""

    bars: Bars
    providers: Sequence[str]


async def around(
    database: Database,
    symbol: str,
    interval: Interval,
    adjustment: Adjustment,
    span: Span,
    *,
    bars: int,
    within: int,
) -> Stored:
    """The final bars in `span` and up to so many before and after it, at most `within` seconds from it."""
    query, bounds = Table.of(interval).sql("bars_around"), (moment(span.start), moment(span.end))
    reach = timedelta(seconds=within)
    rows = await database.fetch(query, symbol, interval.value, *bounds, adjustment.value, bars, reach)
    return Stored(Bars.of(tuple(row)[:6] for row in rows), [row["provider"] for row in rows])
