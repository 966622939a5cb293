"""What was read at a moment reads the same with `as_of` that moment, whatever was written since.

Random histories of answers from two providers: late, partial, corrected, empty and asked for again. At each
step bars of several lengths and sessions are read; after the last step all is read again with `as_of`.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.calendar import hours_of
from market_data.market.anchor import Anchor
from market_data.market.bar import Adjustment, Bars, KnownBar, VolumeScope
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval, Length
from market_data.market.session import Hours, MarketHours
from market_data.market.span import Span, moment
from market_data.store import read, write
from market_data.store.change import Told
from market_data.store.connect import Database, open_database
from market_data.store.cursor import Mark

OPEN = int(datetime(2024, 7, 3, 13, 30, tzinfo=UTC).timestamp())
"""The open of a half day of New York: it closes at 17:00 UTC."""
CLOSE = OPEN + 210 * 60
STOCK = hours_of("XNYS", AssetType.EQUITY)
CRYPTO = hours_of("CRYPTO", AssetType.CRYPTO)
DAY = 86_400


DAYS = Span(OPEN - 3600, OPEN + 3 * DAY)


@dataclass(frozen=True)
class Reading:
    """A question that is asked at each step."""

    minutes: int
    hours: Hours | None
    market: MarketHours = STOCK
    anchor: Anchor = Anchor.SESSION
    span: Span = DAYS

    def question(self, as_of: datetime | None) -> read.Question:
        length = Length(60 * self.minutes)
        return read.Question("AAPL", length, self.span, self.market, self.hours, as_of, anchor=self.anchor)


READINGS = (
    Reading(1, None),
    Reading(5, Hours.REGULAR),
    Reading(7, Hours.ALL),
    Reading(60, Hours.EXTENDED),
    Reading(60, Hours.ALL, anchor=Anchor.CLOCK),
    Reading(30, Hours.ALL, CRYPTO),
    Reading(1440, Hours.REGULAR, span=Span(OPEN // DAY * DAY, OPEN // DAY * DAY + DAY)),
    Reading(5, Hours.REGULAR, span=Span(OPEN + 600, OPEN + 1200)),  # a window in the middle
)


@dataclass(frozen=True)
class Answer:
    """What a provider sends at a step: bars that open so many minutes after the open, of these closes."""

    wait: float  # seconds since the step before
    provider: str
    bars: dict[int, int]
    partial: bool  # the newest of them is running
    quiet: int  # minutes after the newest bar that had no trade
    fetch: float  # seconds that the answer took
    marked: bool  # whether it moves the cursor


ANSWERS = st.builds(
    Answer,
    wait=st.one_of(st.sampled_from([0.0, 1.0, 60.0, 300.0, DAY]), st.floats(0.0, 4000.0)),
    provider=st.sampled_from(["alpaca", "yahoo"]),
    bars=st.dictionaries(st.integers(-20, 240), st.integers(0, 3), max_size=6),
    partial=st.booleans(),
    quiet=st.integers(0, 30),
    fetch=st.floats(0.0, 90.0),
    marked=st.booleans(),
)


def _told(answer: Answer, now: float, through: int, *, keeps: bool) -> Told:
    closes = {OPEN + 60 * minute: 100.0 + close for minute, close in sorted(answer.bars.items())}
    closes = {at: close for at, close in closes.items() if at < now - 59}
    bars = Bars.of([(at, close, close + 1, close - 1, close, 10.0 * close) for at, close in closes.items()])
    partial = np.zeros(len(bars), np.bool_)
    partial[-1:] = answer.partial
    final = bars.ts[~partial]
    last = int(final[-1]) if len(final) else None
    end = min(
        int(now) // 60 * 60, max(last + 60 if last is not None else through, through) + 60 * answer.quiet
    )
    if answer.partial and len(bars):
        end = min(end, int(bars.ts[-1]))
    scope = VolumeScope.VENUE if answer.provider == "alpaca" else VolumeScope.UNKNOWN
    return Told(
        symbol="AAPL",
        interval=Interval.M1,
        provider=answer.provider,
        adjustment=Adjustment.RAW,
        volume_scope=scope,
        as_of=now,
        bars=bars,
        partial=partial,
        mark=Mark(end, last, now - answer.fetch) if answer.marked else None,
        keeps_partials=keeps,
    )


async def _read(database: Database, now: float, as_of: datetime | None) -> list[list[KnownBar]]:
    return [(await read.page(database, reading.question(as_of), now)).rows() for reading in READINGS]


def _final(answers: list[list[KnownBar]]) -> list[dict[datetime, str]]:
    """Of each answer the bars that were final, by when they open."""
    return [{bar.ts: repr(bar) for bar in bars if bar.status != "partial"} for bars in answers]


async def _play(database: Database, answers: list[Answer], start: float, *, keeps: bool) -> None:
    await database.run(
        "TRUNCATE candles_intraday, candle_revisions, series_heads, ingestion_cursor, cursor_history"
    )
    now, through, then = start, OPEN, []
    for answer in answers:
        now += answer.wait + 0.001  # later than the reads before
        told = _told(answer, now, through, keeps=keeps)
        change = await write.keep(database, told)
        if told.mark is not None:
            through = max(through, told.mark.through)
        now = max(now, change.as_of.timestamp()) + 0.001  # no read has the moment of a write
        then.append((now, await _read(database, now, None)))
    for at, was in then:
        found = await _read(database, now + 30 * DAY, moment(at))
        if keeps:
            assert found == was, f"at {moment(at)}"
        else:
            for now_final, was_final in zip(_final(found), _final(was), strict=True):
                assert was_final.items() <= now_final.items(), f"at {moment(at)}"


# one database for all examples: each begins with empty tables
CHECKS = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
HISTORIES = given(answers=st.lists(ANSWERS, min_size=1, max_size=8), start=st.integers(OPEN, CLOSE + 3600))
KEEPS = pytest.mark.parametrize("keeps", [True, False], ids=["partial values kept", "not kept"])


@KEEPS
@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS)
@HISTORIES
def test_what_was_read_at_a_moment_reads_the_same_with_as_of(
    postgres_url: str, keeps: bool, answers: list[Answer], start: int
) -> None:
    _replayed(postgres_url, answers, start, keeps=keeps)


@pytest.mark.soak
@KEEPS
@settings(max_examples=1000, deadline=None, suppress_health_check=CHECKS)
@HISTORIES
def test_it_does_so_in_a_thousand_histories(
    postgres_url: str, keeps: bool, answers: list[Answer], start: int
) -> None:
    _replayed(postgres_url, answers, start, keeps=keeps)


def _replayed(postgres_url: str, answers: list[Answer], start: int, *, keeps: bool) -> None:
    async def play() -> None:
        async with open_database(postgres_url, 1) as database:
            await _play(database, answers, float(start), keeps=keeps)

    asyncio.run(play())


def test_a_series_that_is_quiet_for_weeks_reads_the_same(postgres_url: str) -> None:
    """Further than the minutes are looked for: the first answer of each day is kept."""
    late = [
        Answer(12 * 3600.0, "alpaca", {}, partial=False, quiet=720, fetch=1.0, marked=True) for _ in range(40)
    ]
    trade = Answer(0.0, "alpaca", {0: 1, 7: 2}, partial=False, quiet=0, fetch=1.0, marked=True)

    async def play() -> None:
        async with open_database(postgres_url, 1) as database:
            await _play(database, [trade, *late, trade], float(OPEN + 900), keeps=False)

    asyncio.run(play())
