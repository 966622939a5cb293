"""What is missing: found by the database, where the bars are, over whole tiers at once."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

import numpy as np
from asyncpg import Record

from market_data.loops import beside
from market_data.market.bar import Times
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment
from market_data.store.connect import Connection, Database, sql

Places = list[tuple[str, Span]]
"""Symbols, each with a span."""
PLACES_AT_ONCE = 500
"""Places that one statement looks at: to encode those of a whole market would hold the event loop."""


async def short(database: Database, symbols: Sequence[str], span: Span, expected: int) -> list[str]:
    """The symbols with fewer than `expected` final 1m bars in `span`: one pass over the bars of the span."""
    ends = moment(span.start), moment(span.end)
    async with database.transaction() as connection:
        await connection.execute(sql("plan_anew"))
        rows = await connection.fetch(sql("gaps_short"), list(symbols), *ends, expected)
    return [row["symbol"] for row in rows]


async def short_of_days(database: Database, symbols: Sequence[str], span: Span, expected: int) -> list[str]:
    """The symbols that may have fewer than `expected` days in `span`; no other has."""
    rows = await database.fetch(
        sql("gaps_short_days"), list(symbols), moment(span.start), moment(span.end), expected
    )
    return [row["symbol"] for row in rows]


async def minutes(connection: Connection | Database, places: Places, now: float | None) -> Places:
    """What is missing of each place, adjoining minutes together.

    That is a minute without a final or quarantined 1m bar or a vacancy. With `now` (epoch seconds) a vacancy
    counts until it is to be looked at again; with None, if it is proven.
    """
    if not places:
        return []
    found = Places()
    for first in range(0, len(places), PLACES_AT_ONCE):
        some = places[first : first + PLACES_AT_ONCE]
        starts, ends = zip(*((moment(span.start), moment(span.end)) for _, span in some), strict=True)
        rows = await connection.fetch(
            sql("gaps_minutes"),
            [symbol for symbol, _ in some],
            starts,
            ends,
            min(starts),
            max(ends),
            _at(now),
        )
        found += await beside(partial(_spans, rows))
    return found


def _spans(rows: Iterable[Record]) -> Places:
    return [(row["symbol"], Span(epoch(row["start"]), epoch(row["end"]))) for row in rows]


async def days(
    connection: Connection | Database, places: Sequence[tuple[str, int]], now: float | None
) -> list[tuple[str, int]]:
    """Of symbols, each with the label of a day, those that are missing; `now` as of `minutes`."""
    found: list[tuple[str, int]] = []
    for first in range(0, len(places), PLACES_AT_ONCE):
        symbols, labels = zip(*places[first : first + PLACES_AT_ONCE], strict=True)
        wanted = [moment(day) for day in labels]
        rows = await connection.fetch(sql("gaps_days"), symbols, wanted, _at(now))
        found += await beside(partial(_labels, rows))
    return found


def _labels(rows: Iterable[Record]) -> list[tuple[str, int]]:
    return [(row["symbol"], epoch(row["day"])) for row in rows]


async def days_of(
    connection: Connection | Database, places: Places, labels: Sequence[int], now: float | None
) -> list[tuple[str, int]]:
    """Of each place, the labels of its days that are missing, of those in `labels`; `now` as of `minutes`."""
    found: list[tuple[str, int]] = []
    for first in range(0, len(places), PLACES_AT_ONCE):
        some = places[first : first + PLACES_AT_ONCE]
        rows = await connection.fetch(
            sql("gaps_days_of"),
            [symbol for symbol, _ in some],
            [moment(span.start) for _, span in some],
            [moment(span.end) for _, span in some],
            [moment(label) for label in labels],
            _at(now),
        )
        found += await beside(partial(_labels, rows))
    return found


async def firsts(database: Database, symbols: Sequence[str], interval: Interval) -> dict[str, int | None]:
    """By symbol the label of its first bar (epoch seconds); None where it has none."""
    query = "gaps_first_days" if interval is Interval.D1 else "gaps_first_minutes"
    rows = await database.fetch(sql(query), list(symbols))
    return {row["symbol"]: row["first"] for row in rows}


async def quarantined(database: Database, symbol: str, interval: Interval, span: Span) -> Times:
    """When the quarantined bars of a series open in `span` (epoch seconds): shape (n,), in no order."""
    bounds = moment(span.start), moment(span.end)
    rows = await database.fetch(sql("gaps_quarantined"), symbol, interval.value, *bounds)
    return np.fromiter((row["ts"] for row in rows), np.int64, len(rows))


def _at(now: float | None) -> datetime | None:
    return None if now is None else moment(now)


async def fresh(database: Database, symbols: Sequence[str], span: Span) -> set[str]:
    """The symbols that have a 1m bar in `span`, final or not."""
    rows = await database.fetch(sql("gaps_fresh"), list(symbols), moment(span.start), moment(span.end))
    return {row["symbol"] for row in rows}
