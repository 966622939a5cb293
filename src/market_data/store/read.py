"""Reads the bars of one series, stored or built from minutes: a page at once, or any number in blocks."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from market_data.market.anchor import Anchor, Pieces, of_clock, of_days, of_session
from market_data.market.interval import Interval, Length
from market_data.market.known import KnownBars
from market_data.market.session import Hours, MarketHours
from market_data.market.span import Span, moment
from market_data.store.bars import Table
from market_data.store.connect import Database
from market_data.store.copied import Reader
from market_data.store.outflow import blocks

AHEAD_SECONDS = 7 * 86_400
"""How far after the last bar a minute is looked for which says that no earlier one has to come."""

_WITHIN = "AND ts >= session.opens AND ts < session.until"
_WITHIN_SESSIONS = f"{_WITHIN} AND ts < ($16::timestamptz[])[width_bucket(ts, $15::timestamptz[])]"


@dataclass(frozen=True, slots=True)
class Question:
    """Which bars of one series: those that open in `span`, oldest first.

    Bars of one minute, and those of a day without `hours`, are read as they are stored; all others are built
    from minutes, anchored at the session's open or on the clock. With `as_of`, as they were known then.
    """

    symbol: str
    length: Length
    span: Span
    market: MarketHours = field(repr=False)
    hours: Hours | None = None  # None: all, and days as providers tell them
    as_of: datetime | None = None
    limit: int | None = None  # None: all of them
    adjustment: str = ""  # of days as they are stored, the level of all of them; "": whatever there is
    anchor: Anchor = Anchor.SESSION  # of bars that are built
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
        sessions = _ends(found)
    bounds = moment(span.start), moment(span.end)
    series = question.symbol, interval.value, question.as_of
    query = table.reading("bars_stored", quarantined=question.quarantined)
    level = question.adjustment if table is Table.DAILY else ""
    return query, *series, *bounds, level, question.limit, *sessions


def _built(question: Question, now: float) -> tuple[str, *tuple[object, ...]] | None:
    if (pieces := _pieces(question)) is None:
        return None
    columns = pieces.opens, pieces.closes, pieces.due, pieces.days, pieces.until
    opens, closes, due, days, until = ([moment(at) for at in column.tolist()] for column in columns)
    as_of, length, within = question.as_of, question.length, pieces.within
    return (
        Table.INTRADAY.reading("bars_built", within=_WITHIN if within is None else _WITHIN_SESSIONS),
        *(question.symbol, Interval.M1.value, as_of),
        *(moment(pieces.span.start), moment(pieces.span.end), question.limit),
        *(timedelta(seconds=length.seconds), opens, closes, due, days if length.stored else None),
        min(as_of, moment(now)) if as_of else moment(now),
        moment(pieces.span.end + AHEAD_SECONDS),
        until,
        *(() if within is None else _ends(within)),
    )


def _ends(sessions: Sequence[Span]) -> tuple[list[datetime], list[datetime]]:
    """When sessions open, and when they close."""
    return [moment(session.start) for session in sessions], [moment(session.end) for session in sessions]


def _pieces(question: Question) -> Pieces | None:
    market, span, step = question.market, question.span, question.length.seconds
    grid, due = market.of(question.hours or Hours.ALL), market.regular.closes
    if question.length.stored is Interval.D1:
        return of_days(grid, due, span)
    if question.anchor is Anchor.CLOCK:
        only = question.hours in (Hours.REGULAR, Hours.EXTENDED)
        return of_clock(grid, due, span, step, only_sessions=only)
    return of_session(grid, due, span, step)
