"""Bars on the clock are those of the SQL views, and of a plain model where only some hours are wanted."""

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime, time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.market.anchor import Anchor
from market_data.market.bar import KnownBar, Row, VolumeScope
from market_data.market.interval import Length
from market_data.market.session import Hours
from market_data.market.span import Span, epoch
from market_data.store import read
from market_data.store.connect import Database, open_database

from .conftest import Saying, row, tell
from .test_read_built import CRYPTO, DAY, LATER, MINUTE, SESSIONS, STOCK, Day, weekly

pytestmark = pytest.mark.anyio

SQL = "SELECT ts, open, high, low, close, volume, volume_scope FROM {view} WHERE symbol = 'AAPL' ORDER BY ts"
FIELDS = ("ts", "open", "high", "low", "close", "volume", "volume_scope")
WEEKS = (date(2024, 10, 31), date(2024, 11, 27), date(2025, 3, 6))
"""The clock changes, a holiday and a half day, the clock changes."""


def _question(length: int, hours: Hours | None, span: Span, *, stock: bool = True) -> read.Question:
    market = STOCK if stock else CRYPTO
    return read.Question("AAPL", Length(length), span, market, hours, anchor=Anchor.CLOCK)


async def _read(database: Database, question: read.Question) -> list[KnownBar]:
    return (await read.page(database, question, LATER)).rows()


@pytest.mark.parametrize("first", WEEKS)
@pytest.mark.parametrize(("view", "seconds"), [("candles_5m", 300), ("candles_1h", 3600)])
@pytest.mark.parametrize("hours", [None, Hours.ALL])
async def test_the_views_have_the_same_bars(
    database: Database, first: date, view: str, seconds: int, hours: Hours | None
) -> None:
    begin = int(datetime.combine(first, time(), UTC).timestamp())
    rows = [row(at, 100.0 + at % 977) for at in range(begin, begin + 6 * DAY, 7 * MINUTE)]
    await tell(database, rows[::2], Saying(volume_scope=VolumeScope.VENUE))
    await tell(database, rows[1::2], Saying(volume_scope=VolumeScope.CONSOLIDATED))
    found = await _read(database, _question(seconds, hours, Span(begin - DAY, begin + 7 * DAY)))
    assert [tuple(getattr(bar, name) for name in FIELDS) for bar in found] == [
        tuple(one) for one in await database.fetch(SQL.format(view=view))
    ]
    assert len(found) > 140


def _hours(day: Day, hours: Hours) -> tuple[int, int]:
    return (day.opens, day.closes) if hours is Hours.REGULAR else (day.starts, day.ends)


def _model(rows: list[Row], step: int, hours: Hours, span: Span) -> list[Row]:
    bars: dict[int, list[Row]] = defaultdict(list)
    for one in sorted(rows):
        if hours is Hours.ALL or any(
            first <= one[0] < last for first, last in (_hours(day, hours) for day in SESSIONS)
        ):
            bars[one[0] // step * step].append(one)
    return [
        (
            at,
            these[0][1],
            max(one[2] for one in these),
            min(one[3] for one in these),
            these[-1][4],
            _sum(these),
        )
        for at, these in sorted(bars.items())
        if at in span
    ]


def _sum(rows: list[Row]) -> float:
    volume = 0.0
    for one in rows:
        volume += one[5]
    return volume


QUESTIONS = st.tuples(
    st.sampled_from([one for one in range(2, 1440) if 1440 % one == 0]),
    st.sampled_from(Hours),
    st.integers(0, 6 * 1440),
    st.integers(1, 6 * 1440),
)


@settings(
    max_examples=40,
    deadline=None,
    # one database for all examples: each begins with an empty table
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(week=weekly(), questions=st.lists(QUESTIONS, min_size=1, max_size=8))
def test_they_are_those_that_the_minutes_of_these_hours_make(
    postgres_url: str, week: tuple[int, list[Row]], questions: list[tuple[int, Hours, int, int]]
) -> None:
    begin, rows = week

    async def ask() -> None:
        async with open_database(postgres_url, 1) as database:
            await database.run("TRUNCATE candles_intraday, series_heads")
            await tell(database, rows)
            for minutes, hours, after, length in questions:
                start = begin + MINUTE * after
                span = Span(start, start + MINUTE * length)
                found = await _read(database, _question(MINUTE * minutes, hours, span))
                values = [
                    (epoch(one.ts), one.open, one.high, one.low, one.close, one.volume) for one in found
                ]
                assert values == _model(rows, MINUTE * minutes, hours, span)

    asyncio.run(ask())


async def test_the_last_bar_of_a_session_is_final_with_the_session(database: Database) -> None:
    half = next(day for day in SESSIONS if day.closes - day.opens < 6 * 3600)
    await tell(database, [row(half.opens), row(half.closes - MINUTE)])
    question = _question(4 * 3600, Hours.REGULAR, Span(half.opens - DAY, half.closes + DAY))
    (first, last) = (await read.page(database, question, half.closes)).rows()
    assert (first.status, last.status) == ("final", "final")
    assert epoch(last.ts) + 4 * 3600 > half.closes
