"""Reading bars: the newest, windows, and intervals built from minutes against a plain model."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.market.bar import Adjustment, KnownBar, Row, VolumeScope
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment
from market_data.store import bars
from market_data.store.connect import Database, open_database

from .conftest import TEN, Saying, closes, row, tell

pytestmark = pytest.mark.anyio

TENTHS = [(TEN + 60 * i, 100.0 + i) for i in range(10)]
"""Label and close of ten minutes."""


@pytest.fixture
async def filled(database: Database) -> Database:
    """With ten minutes of AAPL, three of MSFT, and some 5m bars that are not minutes."""
    await tell(database, [row(*one) for one in TENTHS])
    await tell(database, [row(*one) for one in TENTHS[:3]], Saying(symbol="MSFT"))
    await tell(database, [row(TEN, 7.0)], Saying(interval=Interval.M5))
    return database


@pytest.mark.parametrize("count", [1, 3, 10, 50])
async def test_the_newest_bars_come_oldest_first(filled: Database, count: int) -> None:
    assert closes(await bars.last(filled, "AAPL", Interval.M1, count)) == TENTHS[-count:]


async def test_the_newest_bars_of_many_leave_out_whom_nobody_knows(filled: Database) -> None:
    found = await bars.last_of_many(filled, ["MSFT", "NONE", "AAPL"], Interval.M1, 2)
    assert {symbol: closes(its) for symbol, its in found.items()} == {
        "AAPL": TENTHS[-2:],
        "MSFT": TENTHS[1:3],
    }


async def test_the_newest_bars_of_none_are_none(filled: Database) -> None:
    assert await bars.last_of_many(filled, [], Interval.M1, 2) == {}


@pytest.mark.parametrize(
    ("start", "end", "limit", "expected"),
    [
        (TEN, TEN + 600, 100, TENTHS),
        (TEN + 60, TEN + 180, 100, TENTHS[1:3]),
        (TEN + 1, TEN + 121, 100, TENTHS[1:3]),
        (TEN - 3600, TEN, 100, []),
        (TEN + 600, TEN + 1200, 100, []),
        (TEN + 120, TEN + 600, 3, TENTHS[2:5]),
    ],
    ids=["all", "half-open", "between labels", "before", "after", "limit"],
)
async def test_a_window_holds_the_first_bars_that_open_in_it(
    filled: Database, start: int, end: int, limit: int, expected: list[tuple[int, float]]
) -> None:
    found = await bars.window(filled, "AAPL", Interval.M1, Span(start, end), limit=limit, as_of=None)
    assert closes(found) == expected


async def test_the_limit_of_a_window_counts_each_bar_once_however_often_it_changed(filled: Database) -> None:
    said = Saying()
    for later in range(1, 4):
        await tell(filled, [row(TEN, 200.0 + later)], replace(said, at=said.at + later))
    for later in range(4):
        found = await bars.window(
            filled, "AAPL", Interval.M1, Span(TEN, TEN + 600), limit=2, as_of=moment(said.at + later)
        )
        assert closes(found) == [(TEN, 200.0 + later if later else 100.0), TENTHS[1]]


async def test_a_built_bar_joins_what_is_known_of_its_minutes(database: Database) -> None:
    early = Saying(volume_scope=VolumeScope.VENUE, at=TEN + 100)
    late = Saying(provider="finnhub", at=TEN + 200, adjustment=Adjustment.SPLIT)
    await tell(database, [row(TEN, 50.0), row(TEN + 60, 51.0)], early)
    await tell(database, [row(TEN + 60, 52.0)], replace(early, at=TEN + 150))
    await tell(database, [row(TEN + 120, 49.0)], late)
    (bar,) = await _built(database, "AAPL", Interval.M5, Span(TEN, TEN + 300), TEN)
    assert bar == KnownBar(
        ts=moment(TEN),
        open=50.0,
        high=52.5,
        low=48.5,
        close=49.0,
        volume=1510.0,
        provider="finnhub+yahoo",
        as_of=moment(TEN + 200),
        status=bar.status,
        revision=1,
        adjustment="raw+split",
        volume_scope="unknown+venue",
    )
    assert bar.status == "corrected"
    (then,) = await _built(database, "AAPL", Interval.M5, Span(TEN, TEN + 300), TEN, at=TEN + 149)
    assert (then.close, then.high, then.status, then.revision) == (51.0, 51.5, "final", 0)


async def test_a_built_bar_with_a_partial_minute_is_partial(database: Database) -> None:
    await tell(database, [row(TEN), row(TEN + 60)], Saying(partial=[False, True]))
    (bar,) = await _built(database, "AAPL", Interval.M5, Span(TEN, TEN + 300), TEN)
    assert bar.status == "partial"


async def test_the_limit_of_built_bars_counts_built_bars(filled: Database) -> None:
    found = await _built(filled, "AAPL", Interval.M5, Span(TEN, TEN + 600), TEN, limit=1)
    assert closes(found) == [(TEN, 104.0)]


async def _built(
    database: Database,
    symbol: str,
    interval: Interval,
    span: Span,
    anchor: int,
    *,
    limit: int = 1000,
    at: float | None = None,
) -> list[KnownBar]:
    as_of = None if at is None else moment(at)
    return await bars.built(database, symbol, interval, span, anchor=anchor, limit=limit, as_of=as_of)


@dataclass(frozen=True)
class Question:
    interval: Interval
    span: Span
    anchor: int


def _model(rows: Sequence[Row], question: Question) -> list[Row]:
    """The same built by hand: bars from the one that holds the span's start to its end."""
    width = question.interval.seconds
    grouped: dict[int, list[Row]] = {}
    first = question.anchor + (question.span.start - question.anchor) // width * width
    for one in sorted(rows):
        if first <= one[0] < question.span.end:
            grouped.setdefault(question.anchor + (one[0] - question.anchor) // width * width, []).append(one)
    return [
        (
            label,
            its[0][1],
            max(one[2] for one in its),
            min(one[3] for one in its),
            its[-1][4],
            sum(one[5] for one in its),
        )
        for label, its in sorted(grouped.items())
    ]


_MINUTES = st.integers(0, 180).map(lambda minute: TEN + 60 * minute)
_QUESTIONS = st.builds(
    Question,
    interval=st.sampled_from([Interval.M5, Interval.M15, Interval.H1]),
    span=st.tuples(_MINUTES, st.integers(1, 180)).map(lambda one: Span(one[0], one[0] + 60 * one[1])),
    anchor=st.sampled_from([TEN - 86_400 - 1800, TEN - 1740, TEN, TEN + 1800, TEN + 86_400]),
)


@settings(
    max_examples=30,
    deadline=None,
    # one database for all examples: each begins with an empty table
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    minutes=st.dictionaries(_MINUTES, st.integers(10, 30), min_size=1, max_size=60),
    questions=st.lists(_QUESTIONS, min_size=1, max_size=5),
)
def test_built_bars_are_those_that_the_minutes_make(
    postgres_url: str, minutes: dict[int, int], questions: list[Question]
) -> None:
    rows = [row(ts, float(close)) for ts, close in minutes.items()]

    async def ask() -> None:
        async with open_database(postgres_url, 1) as database:
            await database.run("TRUNCATE candles_intraday")
            await tell(database, rows)
            for one in questions:
                found = await _built(database, "AAPL", one.interval, one.span, one.anchor)
                assert [
                    (epoch(bar.ts), bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found
                ] == _model(rows, one)

    asyncio.run(ask())
