"""Where a series should be full by now, and what a scan makes of what is not."""

import asyncio
import itertools
from datetime import date

import pytest

from market_data.backfill import find as find_module
from market_data.backfill.completeness import expected
from market_data.backfill.find import Finder
from market_data.events import BackfillsQueued, Event
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.settings import InForce, read
from market_data.store import cursor, ledger, universe
from market_data.store.connect import Database, open_database
from rostered import roster

from .moments import at

pytestmark = pytest.mark.anyio

AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
BITCOIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)
LATER = at("2024-12-31 00:00")


def day(text: str) -> Span:
    return Span(at(f"{text} 00:00"), at(f"{text} 00:00") + 86_400)


@pytest.mark.parametrize(
    ("what", "window", "start", "end"),
    [
        ("a day in summer", day("2024-07-02"), "2024-07-02 13:30", "2024-07-02 20:00"),
        ("a day in winter", day("2024-11-04"), "2024-11-04 14:30", "2024-11-04 21:00"),
        ("a half day", day("2024-07-03"), "2024-07-03 13:30", "2024-07-03 17:00"),
    ],
)
def test_a_session_is_expected_in_full(what: str, window: Span, start: str, end: str) -> None:
    assert expected(AAPL, Interval.M1, window, LATER) == [Span(at(start), at(end))], what


def test_early_and_late_trading_is_expected_only_where_a_setting_asks_for_it() -> None:
    assert expected(AAPL, Interval.M1, day("2024-07-02"), LATER, extended=True) == [
        Span(at("2024-07-02 08:00"), at("2024-07-03 00:00"))
    ]


@pytest.mark.parametrize("text", ["2024-07-04", "2024-07-06", "2024-07-07"])
def test_nothing_is_expected_on_a_holiday_or_a_weekend(text: str) -> None:
    assert expected(AAPL, Interval.M1, day(text), LATER) == []
    assert expected(AAPL, Interval.D1, day(text), LATER) == []
    assert expected(BITCOIN, Interval.M1, day(text), LATER) == [day(text)]


def test_the_running_minute_and_what_is_not_settled_are_not_expected() -> None:
    now = at("2024-07-02 14:00") + 59.0
    assert expected(AAPL, Interval.M1, day("2024-07-02"), now) == [
        Span(at("2024-07-02 13:30"), at("2024-07-02 13:58"))
    ]


def test_a_day_is_expected_five_hours_after_its_close() -> None:
    window = Span(at("2024-07-01 00:00"), at("2024-07-04 00:00"))
    assert expected(AAPL, Interval.D1, window, at("2024-07-03 21:59")) == [
        day("2024-07-01"),
        day("2024-07-02"),
    ]
    assert expected(AAPL, Interval.D1, window, at("2024-07-03 22:00"))[-1] == day("2024-07-03")


def test_before_its_listing_and_after_its_delisting_nothing_is_expected() -> None:
    listed = Instrument(
        "NEW",
        "NYSE",
        AssetType.EQUITY,
        Tier.T0,
        listed=at("2024-07-02 00:00"),
        delisted=at("2024-07-03 00:00"),
    )
    week = Span(at("2024-07-01 00:00"), at("2024-07-06 00:00"))
    assert expected(listed, Interval.M1, week, LATER) == [
        Span(at("2024-07-02 13:30"), at("2024-07-02 20:00"))
    ]
    assert expected(listed, Interval.D1, week, LATER) == [day("2024-07-02")]


def test_of_what_is_listed_today_or_later_nothing_is_expected_yet() -> None:
    for first in ("2024-07-02 00:00", "2024-07-09 00:00"):
        soon = Instrument("NEW", "NYSE", AssetType.EQUITY, Tier.T0, listed=at(first))
        now = at("2024-07-02 13:31")
        assert expected(soon, Interval.M1, day("2024-07-01"), now) == []
        assert expected(soon, Interval.D1, day("2024-07-01"), now) == []


async def test_the_dates_of_the_universe_are_read(database: Database) -> None:
    await universe.put(database, [AAPL])
    await database.run(
        "UPDATE symbol_universe SET listed = $1, delisted = $2", date(2024, 7, 2), date(2024, 7, 3)
    )
    found = await universe.find(database, "AAPL")
    assert found is not None
    assert (found.listed, found.delisted) == (at("2024-07-02 00:00"), at("2024-07-04 00:00"))


async def collected(database: Database, *members: Instrument) -> None:
    """A universe that has been asked for before, without an answer that is still there."""
    await universe.put(database, members)
    async with database.transaction() as connection:
        for one, interval in itertools.product(members, (Interval.M1, Interval.D1)):
            await cursor.advance(
                connection,
                symbol=one.symbol,
                interval=interval,
                source="yahoo",
                through=at("2024-06-01 00:00"),
                last_bar=at("2024-05-31 19:59"),
                asked_at=0.0,
            )


def finder(database: Database, now: float, events: list[Event], **settings: str) -> Finder:
    values = {"EOD_TIERS": "T2", **settings}
    in_force = InForce(read(values, dotenv=None))
    return Finder(database, roster(now, **values), in_force, events.append, lambda: now)


async def test_what_was_never_asked_for_is_the_sweeps_and_no_gap_yet(database: Database) -> None:
    await universe.put(database, [AAPL])
    now = at("2024-07-01 15:00") + 0.0
    assert await finder(database, now, []).scan() == 0
    assert await finder(database, now, []).series(AAPL, Interval.M1, day("2024-06-28")), (
        "whoever asks gets it"
    )
    await collected(database, AAPL)
    assert await finder(database, now, []).scan() > 0


async def test_past_the_cap_gaps_wait_and_are_queued_once_there_is_room(database: Database) -> None:
    symbols = [Instrument(f"X{letter}", "NYSE", AssetType.EQUITY, Tier.T0) for letter in "ABCDE"]
    await collected(database, *symbols)
    now, events = at("2024-07-01 15:00") + 0.0, list[Event]()
    capped = finder(database, now, events, BACKFILL_MAX_QUEUE_T0="3")
    assert await capped.scan() == 3
    assert await capped.scan() == 0
    await database.run("UPDATE backfill_jobs SET status = 'done'")
    await database.run("DELETE FROM backfill_jobs WHERE status = 'done'")
    assert await capped.scan() == 3


async def test_two_replicas_that_scan_at_once_queue_nothing_twice(postgres_url: str) -> None:
    async with open_database(postgres_url, 4) as database:
        await collected(database, AAPL, BITCOIN)
        now = at("2024-07-01 15:00") + 0.0
        made = await asyncio.gather(*(finder(database, now, []).scan() for _ in range(4)))
        unfinished = await ledger.unfinished(database, ["AAPL", "BTC-USD"], Interval.M1)
    assert sum(made) == sum(len(jobs) for jobs in unfinished.values())
    for jobs in unfinished.values():
        spans = sorted(one.span for one in jobs)
        assert all(one.end <= other.start for one, other in itertools.pairwise(spans))


BARS = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
SELECT symbol, '1m', minute, 1, 1, 1, 1, 1, 'yahoo'
FROM symbol_universe, generate_series($1::timestamptz, $2::timestamptz, interval '1 minute') AS minute
"""


async def test_what_a_tier_was_not_to_be_asked_for_yet_is_no_gap(database: Database) -> None:
    members = [Instrument(f"X{tier}", "NYSE", AssetType.EQUITY, tier) for tier in (Tier.T0, Tier.T1)]
    await collected(database, *members)
    opened = at("2024-07-01 13:30")
    await database.run(BARS, moment(opened), moment(at("2024-07-01 14:59")))

    async def queued(now: int) -> list[str]:
        settings = {"CADENCE_T1": "bars_1m=300", "EOD_TIERS": "none"}
        await finder(database, now + 0.0, [], **settings).scan()
        rows = await database.fetch(
            "SELECT DISTINCT symbol FROM backfill_jobs WHERE start_ts >= $1 ORDER BY 1", moment(opened)
        )
        return [row["symbol"] for row in rows]

    assert await queued(at("2024-07-01 15:02")) == []
    assert await queued(at("2024-07-01 15:03")) == ["XT0"], "its minute of 15:00 was to be asked for"
    assert await queued(at("2024-07-01 15:06")) == ["XT0"]
    assert await queued(at("2024-07-01 15:07")) == ["XT0", "XT1"]


DAYS = """
INSERT INTO candles_daily (symbol, ts, open, high, low, close, volume, provider, adjustment)
SELECT symbol, day, 1, 1, 1, 1, 1, 'yahoo', adjustment
FROM symbol_universe, unnest($1::timestamptz[]) AS day, unnest(ARRAY['raw', 'split']) AS adjustment
"""


async def test_days_that_are_missing_are_queued_for_each_series_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find_module, "SERIES_AT_ONCE", 2)
    symbols = [Instrument(f"X{letter}", "NYSE", AssetType.EQUITY, Tier.T2) for letter in "ABCDE"]
    await collected(database, *symbols)
    now = at("2024-07-01 15:00")
    back = Span(now - 120 * 86_400, now)
    days = [one.start for one in expected(symbols[0], Interval.D1, back, now)]
    await database.run(DAYS, [moment(one) for one in days])
    assert await finder(database, now + 0.0, []).scan() == 0
    await database.run("DELETE FROM candles_daily WHERE symbol <> 'XA' AND ts = $1", moment(days[-3]))
    await database.run("DELETE FROM candles_daily WHERE symbol = 'XB' AND ts = $1", moment(days[-30]))
    events: list[Event] = []
    assert await finder(database, now + 0.0, events).scan() == 4
    assert await finder(database, now + 0.0, []).scan() == 0
    jobs = await ledger.unfinished(database, [one.symbol for one in symbols], Interval.D1)
    assert {symbol: [one.span for one in found] for symbol, found in jobs.items()} == {
        "XB": [Span(days[-30], days[-3] + 86_400)],
        **{f"X{letter}": [Span(days[-3], days[-3] + 86_400)] for letter in "CDE"},
    }
    assert sum(one.count for one in events if isinstance(one, BackfillsQueued)) == 4


async def test_a_backfill_is_claimed_by_one_of_many_workers(postgres_url: str) -> None:
    async with open_database(postgres_url, 8) as database:
        await collected(database, AAPL)
        await finder(database, at("2024-07-01 15:00") + 0.0, []).scan()
        waiting = (await ledger.depths(database))[Tier.T0].queued
        claims = await asyncio.gather(
            *(ledger.claim(database, f"worker {i}", Tier.T0, 1, 60.0) for i in range(8))
        )
        found = [claimed for some in claims for claimed in some]  # of whichever workers came first
        assert len(found) == len({claimed.id for claimed in found}) == waiting > 0
        assert not await ledger.settle(database, found[0], "somebody else", status="done")
