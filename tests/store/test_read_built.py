"""Bars built from minutes, held against a plain model that has New York's clock and not our calendar."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.calendar import hours_of
from market_data.market.bar import Adjustment, KnownBar, Row, VolumeScope
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval, Length
from market_data.market.session import Hours
from market_data.market.span import Span, epoch, moment
from market_data.store import cursor, read
from market_data.store.connect import Database, open_database

from .conftest import TEN, Saying, row, tell

pytestmark = pytest.mark.anyio

NEW_YORK = ZoneInfo("America/New_York")
STOCK = hours_of("XNYS", AssetType.EQUITY)
CRYPTO = hours_of("CRYPTO", AssetType.CRYPTO)
MINUTE = 60
DAY = 86_400
CLOSED = {date(2024, 11, 28), date(2025, 7, 4)}
HALF = {date(2024, 11, 29), date(2025, 7, 3)}
WEEKS = (date(2024, 10, 31), date(2024, 11, 27), date(2025, 3, 6), date(2025, 7, 2))
"""First days: the clock changes on 2024-11-03 and on 2025-03-09; the others have a holiday and a half day."""
LATER = 1_900_000_000.0


@dataclass(frozen=True)
class Day:
    """A session as New York's clock tells it, in epoch seconds."""

    label: int
    opens: int
    closes: int
    starts: int  # of early trading
    ends: int  # of late trading


def new_york(first: date, last: date) -> list[Day]:
    def at(day: date, hour: int, minute: int) -> int:
        return int(datetime.combine(day, time(hour, minute), NEW_YORK).timestamp())

    days = (first + timedelta(one) for one in range((last - first).days + 1))
    return [
        Day(
            label=int(datetime.combine(day, time(), UTC).timestamp()),
            opens=at(day, 9, 30),
            closes=at(day, 13 if day in HALF else 16, 0),
            starts=at(day, 4, 0),
            ends=at(day, 17 if day in HALF else 20, 0),
        )
        for day in days
        if day.weekday() < 5 and day not in CLOSED
    ]


SESSIONS = new_york(date(2024, 10, 1), date(2025, 8, 31))


def always(first: date, last: date) -> list[Day]:
    labels = (
        int(datetime.combine(first, time(), UTC).timestamp()) + DAY * one
        for one in range((last - first).days)
    )
    return [Day(at, at, at + DAY, at, at + DAY) for at in labels]


ROUND_THE_CLOCK = always(date(2024, 7, 1), date(2025, 8, 31))


@dataclass(frozen=True)
class Asked:
    stock: bool
    minutes: int  # length of a bar; 1440: a day
    hours: Hours
    start: int
    seconds: int
    limit: int
    now: float = LATER

    @property
    def span(self) -> Span:
        return Span(self.start, self.start + self.seconds)

    @property
    def length(self) -> Length:
        return Length(MINUTE * self.minutes)


@dataclass(frozen=True)
class Built:
    label: int
    ends: int
    due: int  # by when all that counts has traded
    rows: list[Row]

    def values(self) -> Row:
        first, last = self.rows[0], self.rows[-1]
        volume = 0.0
        for one in self.rows:
            volume += one[5]
        high, low = max(one[2] for one in self.rows), min(one[3] for one in self.rows)
        return (self.label, first[1], high, low, last[4], volume)


def model(rows: Iterable[Row], asked: Asked) -> list[Built]:
    """The same, minute by minute."""
    built: dict[tuple[int, int], Built] = {}
    days = SESSIONS if asked.stock else ROUND_THE_CLOCK
    for one in sorted(rows):
        for number, day in enumerate(days):
            first, last = {
                Hours.REGULAR: (day.opens, day.closes),
                Hours.EXTENDED: (day.starts, day.ends),
                Hours.ALL: (day.opens, days[number + 1].opens if number + 1 < len(days) else day.closes),
            }[asked.hours]
            if not first <= one[0] < last:
                continue
            step = MINUTE * asked.minutes
            opens = first + (one[0] - first) // step * step
            ends = min(opens + step, last)
            label = day.label if asked.minutes == 1440 else opens
            bar = built.setdefault((number, opens), Built(label, ends, min(ends, day.closes), []))
            bar.rows.append(one)
    return [bar for _, bar in sorted(built.items()) if bar.label in asked.span][: asked.limit]


def weekly() -> st.SearchStrategy[tuple[int, list[Row]]]:
    """A first moment, and minutes of the six days after it: prices in cents, some minutes missing."""

    def of(first: date) -> st.SearchStrategy[tuple[int, list[Row]]]:
        begin = int(datetime.combine(first, time(), UTC).timestamp())
        near = [at for day in SESSIONS for at in (day.starts, day.opens, day.closes, day.ends)]
        near = [at for at in near if begin <= at < begin + 6 * DAY]
        times = st.one_of(
            st.integers(0, 6 * 1440 - 1).map(lambda minute: begin + MINUTE * minute),
            st.tuples(st.sampled_from(near), st.integers(-9, 9)).map(lambda one: one[0] + MINUTE * one[1]),
        )
        prices = st.tuples(st.integers(9000, 9999), st.integers(0, 99), st.integers(0, 10**7))
        return st.dictionaries(times, prices, min_size=1, max_size=80).map(
            lambda found: (begin, [_bar(ts, *values) for ts, values in found.items()])
        )

    return st.sampled_from(WEEKS).flatmap(of)


def _bar(ts: int, close: int, spread: int, volume: int) -> Row:
    return (
        ts,
        (close - spread % 7) / 100,
        (close + spread) / 100,
        (close - spread) / 100,
        close / 100,
        volume / 7,
    )


QUESTIONS = st.tuples(
    st.booleans(),
    st.one_of(st.sampled_from([2, 3, 5, 7, 15, 60, 90, 120, 240, 390, 1440]), st.integers(2, 1439)),
    st.sampled_from(Hours),
    st.integers(0, 6 * 1440),
    st.integers(1, 6 * 1440),
    st.integers(1, 200),
).filter(lambda one: not (one[1] == 1440 and one[2] is Hours.ALL))


@settings(
    max_examples=60,
    deadline=None,
    # one database for all examples: each begins with an empty table
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(week=weekly(), questions=st.lists(QUESTIONS, min_size=1, max_size=8))
def test_built_bars_are_those_that_the_minutes_make(
    postgres_url: str, week: tuple[int, list[Row]], questions: list[tuple[bool, int, Hours, int, int, int]]
) -> None:
    begin, rows = week

    async def ask() -> None:
        async with open_database(postgres_url, 1) as database:
            await database.run("TRUNCATE candles_intraday, series_heads")
            await tell(database, rows)
            through = max(one[0] for one in rows) + MINUTE
            for stock, minutes, hours, after, length, limit in questions:
                asked = Asked(stock, minutes, hours, begin + MINUTE * after, MINUTE * length, limit)
                found = await _built(database, asked)
                expected = model(rows, asked)
                assert [_values(bar) for bar in found] == [one.values() for one in expected], asked
                assert [bar.status == "partial" for bar in found] == [one.due > through for one in expected]

    asyncio.run(ask())


async def _built(database: Database, asked: Asked, *, as_of: datetime | None = None) -> list[KnownBar]:
    market = STOCK if asked.stock else CRYPTO
    question = read.Question("AAPL", asked.length, asked.span, market, asked.hours, as_of, asked.limit)
    return (await read.page(database, question, asked.now)).rows()


def _values(bar: KnownBar) -> Row:
    assert bar.volume is not None
    return (epoch(bar.ts), bar.open, bar.high, bar.low, bar.close, bar.volume)


def _asked(minutes: int = 5, *, now: float = LATER, limit: int = 1000) -> Asked:
    return Asked(stock=False, minutes=minutes, hours=Hours.ALL, start=TEN, seconds=3600, limit=limit, now=now)


async def test_a_built_bar_joins_what_is_known_of_its_minutes(database: Database) -> None:
    early = Saying(volume_scope=VolumeScope.VENUE, at=TEN + 100)
    late = Saying(provider="finnhub", at=TEN + 400, adjustment=Adjustment.SPLIT)
    await tell(database, [row(TEN, 50.0), row(TEN + 60, 51.0)], early)
    await tell(database, [row(TEN + 60, 52.0)], Saying(volume_scope=VolumeScope.VENUE, at=TEN + 150))
    await tell(database, [row(TEN + 120, 49.0), row(TEN + 300, 60.0)], late)
    bar, _ = await _built(database, _asked())
    assert bar == KnownBar(
        ts=moment(TEN),
        open=50.0,
        high=52.5,
        low=48.5,
        close=49.0,
        volume=None,
        provider="finnhub+yahoo",
        as_of=moment(TEN + 400),
        status=bar.status,
        revision=1,
        adjustment="raw+split",
        volume_scope="mixed",
    )
    assert bar.status == "corrected"
    (then,) = await _built(database, _asked(), as_of=moment(TEN + 149))
    assert (then.close, then.high, then.status, then.revision) == (51.0, 51.5, "partial", 0)


async def test_volumes_of_different_scopes_are_not_added_up(database: Database) -> None:
    venue, tape = (Saying(volume_scope=one) for one in (VolumeScope.VENUE, VolumeScope.CONSOLIDATED))
    await tell(database, [row(TEN + 60 * minute) for minute in range(15) if minute != 7], venue)
    await tell(database, [row(TEN + 420)], tape)
    fives = await _built(database, _asked())
    assert [(bar.volume, bar.volume_scope) for bar in fives] == [
        (5000.0, "venue"),
        (None, "mixed"),
        (5000.0, "venue"),
    ]
    (hour,) = await _built(database, _asked(60))
    assert (hour.volume, hour.volume_scope) == (None, "mixed")
    assert (hour.open, hour.high, hour.low, hour.close) == (100.0, 100.5, 99.5, 100.0)
    query = "SELECT ts, volume, volume_scope FROM candles_5m ORDER BY ts"
    assert [tuple(one) for one in await database.fetch(query)] == [
        (bar.ts, bar.volume, bar.volume_scope) for bar in fives
    ]


async def test_a_built_bar_with_a_partial_minute_is_partial(database: Database) -> None:
    await tell(database, [row(TEN), row(TEN + 60), row(TEN + 300)], Saying(partial=[False, True, False]))
    bars = await _built(database, _asked())
    assert [bar.status for bar in bars] == ["partial", "partial"]


async def test_a_built_bar_is_final_once_a_later_minute_is_known(database: Database) -> None:
    await tell(database, [row(TEN), row(TEN + 240), row(TEN + 300)])
    assert [bar.status for bar in await _built(database, _asked())] == ["final", "partial"]
    early = _asked(now=TEN + 299)  # the clock of whoever asks is behind
    assert [bar.status for bar in await _built(database, early)] == ["partial", "partial"]


async def test_a_built_bar_whose_last_minutes_had_no_trade_is_final_once_they_were_asked_for(
    database: Database,
) -> None:
    await tell(database, [row(TEN)])
    assert [bar.status for bar in await _built(database, _asked())] == ["partial"]
    async with database.connection() as connection:
        await cursor.advance(
            connection,
            symbol="AAPL",
            interval="1m",
            source="yahoo",
            through=TEN + 300,
            last_bar=TEN,
            asked_at=TEN + 700.0,
        )
    assert [bar.status for bar in await _built(database, _asked())] == ["final"]
    before = await _built(database, _asked(), as_of=moment(TEN + 699))
    assert [bar.status for bar in before] == ["partial"]
    after = await _built(database, _asked(), as_of=moment(TEN + 700))
    assert [bar.status for bar in after] == ["final"]


async def test_late_trading_does_not_hold_back_a_bar_that_reaches_past_the_close(database: Database) -> None:
    day = SESSIONS[0]
    await tell(database, [row(day.closes - 60)], Saying(at=day.closes + 60.0))
    asked = Asked(True, 60, Hours.ALL, day.closes - 3600, 7200, 10)
    assert [bar.status for bar in await _built(database, asked)] == ["final"]
    running = Asked(True, 60, Hours.ALL, day.closes - 3600, 7200, 10, now=day.closes + 1799.0)
    assert [bar.status for bar in await _built(database, running)] == ["partial"]


async def test_the_limit_of_built_bars_counts_built_bars(database: Database) -> None:
    await tell(database, [row(TEN + 60 * one, 100.0 + one) for one in range(10)])
    found = await _built(database, _asked(limit=1))
    assert [(epoch(bar.ts), bar.close) for bar in found] == [(TEN, 104.0)]


@pytest.mark.parametrize("back", [0.0, 150.0, 250.0, 350.0, 450.0])
async def test_built_bars_are_made_of_what_was_known_then(database: Database, back: float) -> None:
    changes: Sequence[tuple[float, Row]] = [
        (TEN + 100.0, row(TEN, 10.0)),
        (TEN + 200.0, row(TEN, 20.0)),
        (TEN + 300.0, row(TEN + 60, 30.0)),
        (TEN + 400.0, row(TEN + 60, 5.0)),
    ]
    for at, one in changes:
        await tell(database, [one], Saying(at=at))
    known: dict[int, Row] = {one[0]: one for at, one in changes if at <= TEN + back}
    found = await _built(database, _asked(), as_of=moment(TEN + back))
    assert [_values(bar) for bar in found] == [one.values() for one in model(known.values(), _asked())]


async def test_days_without_hours_are_as_providers_tell_them(database: Database) -> None:
    day = SESSIONS[0]
    await tell(database, [row(day.label, 7.0)], Saying(interval=Interval.D1))
    await tell(database, [row(day.opens, 9.0)])
    span = Span(day.label, day.label + DAY)
    for hours, close in ((None, 7.0), (Hours.REGULAR, 9.0)):
        question = read.Question("AAPL", Length(DAY), span, STOCK, hours, None, 10)
        (bar,) = (await read.page(database, question, LATER)).rows()
        assert (epoch(bar.ts), bar.close) == (day.label, close)
