"""Who violates the service level of continuity: late by two cadences, never because nobody was to ask yet."""

from datetime import datetime

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import epoch, moment
from market_data.settings import read
from market_data.store import universe
from market_data.store.connect import Database
from market_data.telemetry.slo import violation_rates
from rostered import roster

pytestmark = pytest.mark.anyio

SETTINGS = read({"CADENCE_T0": "bars_1m=60", "CADENCE_T1": "bars_1m=300"}, dotenv=None).settings
DAYS = """
INSERT INTO candles_daily (symbol, ts, open, high, low, close, volume, provider, adjustment)
SELECT $1, $2, 1, 1, 1, 1, 1, 'yahoo', adjustment FROM unnest($3::text[]) AS adjustment
"""
MINUTES = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
SELECT $1, '1m', minute, 1, 1, 1, 1, 1, 'yahoo'
FROM generate_series($2::timestamptz, $3::timestamptz, interval '1 minute') AS minute
WHERE minute <> ALL ($4::timestamptz[])
"""


def at(text: str) -> int:
    """Epoch seconds of a time of 2 July 2024, UTC: New York is open from 13:30 to 20:00."""
    return epoch(datetime.fromisoformat(f"2024-07-02 {text}+00:00"))


async def violating(database: Database, now: str, interval: Interval = Interval.M1) -> dict[str, float]:
    instruments = await universe.load(database)
    rates = await violation_rates(database, roster(at(now)), instruments, SETTINGS, at(now))
    return {tier.value: rate for (tier, of), rate in rates.items() if of is interval}


async def one_of_each(database: Database, newest: str, without: tuple[str, ...] = ()) -> None:
    """A symbol of T0 and one of T1 with bars since the open."""
    members = [Instrument(f"X{tier}", "NYSE", AssetType.EQUITY, tier) for tier in (Tier.T0, Tier.T1)]
    await universe.put(database, members)
    for one in members:
        gaps = [moment(at(minute)) for minute in without]
        await database.run(MINUTES, one.symbol, moment(at("13:30")), moment(at(newest)), gaps)


@pytest.mark.parametrize(
    ("now", "rates"),
    [
        ("15:02:00", {"T0": 0, "T1": 0}),
        ("15:03:00", {"T0": 0, "T1": 0}),
        ("15:03:01", {"T0": 1, "T1": 0}),  # the bar of 15:00 was over two minutes ago
        ("15:11:00", {"T0": 1, "T1": 0}),
        ("15:11:01", {"T0": 1, "T1": 1}),
    ],
)
async def test_a_tier_is_late_when_two_of_its_cadences_have_passed(
    database: Database, now: str, rates: dict[str, float]
) -> None:
    await one_of_each(database, "15:00")
    assert await violating(database, now) == rates


async def test_a_hole_of_two_minutes_is_allowed_and_longer_ones_by_cadence(database: Database) -> None:
    await one_of_each(database, "15:00", ("14:00", "14:01"))
    assert await violating(database, "15:01:30") == {"T0": 0, "T1": 0}
    await database.run("DELETE FROM candles_intraday WHERE ts = $1", moment(at("14:02")))
    assert await violating(database, "15:01:30") == {"T0": 1, "T1": 0}
    await database.run(
        "DELETE FROM candles_intraday WHERE ts BETWEEN $1 AND $2", moment(at("14:00")), moment(at("14:10"))
    )
    assert await violating(database, "15:01:30") == {"T0": 1, "T1": 1}


async def test_just_after_the_open_nobody_is_late(database: Database) -> None:
    await one_of_each(database, "13:30", ("13:30",))
    assert await violating(database, "13:32:00") == {"T0": 0, "T1": 0}
    assert await violating(database, "13:32:01") == {"T0": 1, "T1": 0}
    assert await violating(database, "13:40:01") == {"T0": 1, "T1": 1}


async def test_of_the_last_two_days_one_is_enough(database: Database) -> None:
    await one_of_each(database, "15:00")
    day = moment(at("00:00") - 86_400)  # Monday; Tuesday is running, and on Friday nothing was there
    await database.run(DAYS, "XT0", day, ["raw"])
    await database.run(DAYS, "XT1", moment(at("00:00") - 10 * 86_400), ["raw", "split"])
    assert await violating(database, "15:01:00", Interval.D1) == {"T0": 0, "T1": 1}
