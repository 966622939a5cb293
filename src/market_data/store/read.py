"""Reads the bars of one series, stored or built from minutes: a page at once, or any number in blocks."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from market_data.market.interval import Interval, Length
from market_data.market.known import KnownBars
from market_data.market.session import Hours, MarketHours, SessionGrid
from market_data.market.span import Span, moment
from market_data.store.bars import Table
from market_data.store.connect import Database
from market_data.store.copied import Reader
from market_data.store.outflow import blocks

AHEAD_SECONDS = 7 * 86_400
"""How far after the last bar a minute is looked for which says that no earlier one has to come."""

_WITHIN = "AND ts >= session.opens AND ts < session.closes"


@dataclass(frozen=True, slots=True)
class Question:
    """Which bars of one series: those that open in `span`, oldest first.

    Bars of one minute, and those of a day without `hours`, are read as they are stored; all others are built
    from minutes, anchored at the session's open. With `as_of`, as they were known then.
    """

    symbol: str
    length: Length
    span: Span
    market: MarketHours = field(repr=False)
    hours: Hours | None = None  # None: all, and days as providers tell them
    as_of: datetime | None = None
    limit: int | None = None  # None: all of them
    adjustment: str = ""  # of bars that open at the span's start, from this one on
    quarantined: bool = False  # with those that are doubted, where no bar is stored

    @property
    def built(self) -> bool:
        """Whether the bars are built from minutes."""
        stored = self.length.stored
        return stored is None or (stored is Interval.D1 and self.hours is not None)


async def page(database: Database, question: Question, now: float) -> KnownBars:
    """All the bars at once: for questions with a limit. `now`, in epoch seconds, tells which are not over."""
    data, reader = bytearray(), Reader()

    async def keep(piece: bytes) -> None:
        data.extend(piece)

    if (asked := _asked(question, now)) is None:
        return reader.bars(b"")
    await database.copied(keep, *asked)
    bars = reader.bars(bytes(data))
    reader.end()
    return bars


async def stream(database: Database, question: Question, now: float) -> AsyncGenerator[KnownBars, None]:
    """Like `page`, in blocks as they are taken; whoever does not take them waits alone: see outflow."""
    if (asked := _asked(question, now)) is None:
        return
    reader = Reader()
    async with aclosing(blocks(database, *asked)) as found:
        async for block in found:
            if len(bars := reader.bars(block)):
                yield bars
    reader.end()


def _asked(question: Question, now: float) -> tuple[str, *tuple[object, ...]] | None:
    """The query and its values; None where no bar can be."""
    return (_built if question.built else _stored)(question, now)


def _stored(question: Question, _: float) -> tuple[str, *tuple[object, ...]]:
    interval, span = question.length.stored, question.span
    assert interval is not None  # noqa: S101 - it is not built
    table = Table.of(interval)
    sessions: tuple[object, object] = (None, None)
    if question.hours in (Hours.REGULAR, Hours.EXTENDED):
        found = question.market.of(question.hours).sessions(span)
        sessions = [moment(one.start) for one in found], [moment(one.end) for one in found]
    bounds = moment(span.start), moment(span.end)
    series = question.symbol, interval.value, question.as_of
    query = table.reading("bars_stored", quarantined=question.quarantined)
    return query, *series, *bounds, question.adjustment, question.limit, *sessions


def _built(question: Question, now: float) -> tuple[str, *tuple[object, ...]] | None:
    grid, length = question.market.of(question.hours or Hours.ALL), question.length
    if length.stored is Interval.D1:
        first, last = (
            int(one) for one in np.searchsorted(grid.days, (question.span.start, question.span.end))
        )
        span = Span(int(grid.opens[first]), int(grid.closes[last - 1])) if first < last else None
    else:
        span = _whole(grid, question.span, length.seconds)
        if span is not None:
            first, last = grid.places(span)
    if span is None:
        return None
    opens, closes, due, days = (
        [moment(at) for at in column[first:last].tolist()]
        for column in (grid.opens, grid.closes, question.market.regular.closes, grid.days)
    )
    as_of = question.as_of
    return (
        Table.INTRADAY.reading("bars_built", within=_WITHIN),
        *(question.symbol, Interval.M1.value, as_of, moment(span.start), moment(span.end), question.limit),
        *(timedelta(seconds=length.seconds), opens, closes, due, days if length.stored else None),
        min(as_of, moment(now)) if as_of else moment(now),
        moment(span.end + AHEAD_SECONDS),
    )


def _whole(grid: SessionGrid, span: Span, step: int) -> Span | None:
    """From the first bar that opens in `span` to the end of the last one."""
    first, last = (grid.next_label(at, step) for at in (span.start, span.end))
    if first is None or first == last:
        return None
    return Span(first, last if last is not None else int(grid.closes[-1]))
