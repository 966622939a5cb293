"""Volumes of one venue and of the whole market are not added up."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, equity
from .rows import minutes

pytestmark = pytest.mark.anyio

OPEN = "2024-06-12 13:30"


async def test_a_bar_built_of_minutes_of_different_scope_has_no_volume_and_says_mixed(lab: Lab) -> None:
    market = await lab("2024-06-12 14:31", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("VOL", minutes(OPEN, 60, 10.0, 2000.0))
    market.provider("alpaca").misses("VOL", "2024-06-12 13:50")
    market.provider("yahoo").has("VOL", minutes(OPEN, 60, 10.0, 100_000.0))
    await market.follows(equity("VOL"))
    await market.turn()
    await market.settle(60, 300)
    minute = (await market.stored("VOL", "2024-06-12 13:50", "2024-06-12 13:51")).values()
    assert [(one["provider"], one["volume"]) for one in minute] == [("yahoo", 100_000.0)]
    built = await market.bars("VOL", "5m", start=OPEN, end="2024-06-12 14:25", session="regular")
    told = {one["ts"][11:16]: (one["volume"], one["volume_scope"]) for one in built}
    assert told.pop("13:50") == (None, "mixed")
    assert set(told.values()) == {(10_000.0, "venue")}
    hour = await market.bars("VOL", "1h", start=OPEN, end="2024-06-12 14:29", session="regular")
    assert (hour[0]["volume"], hour[0]["volume_scope"]) == (None, "mixed")
    rows = await market.sql("SELECT ts, volume FROM candles_5m WHERE symbol = 'VOL' ORDER BY ts")
    assert {row["volume"] for row in rows} == {10_000.0, None}


async def test_once_one_scope_covers_a_bar_it_has_its_volume_again(lab: Lab) -> None:
    market = await lab("2024-06-12 14:31", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("VOL", minutes(OPEN, 60, 10.0, 2000.0))
    market.provider("alpaca").misses("VOL", "2024-06-12 13:50")
    await market.follows(equity("VOL"))
    await market.turn()
    await market.settle(60, 300)
    await market.sql("UPDATE candles_intraday SET volume_scope = 'venue'")
    built = await market.bars("VOL", "5m", start=OPEN, end="2024-06-12 14:25", session="regular")
    assert {(one["volume"], one["volume_scope"]) for one in built} == {(10_000.0, "venue")}


async def test_an_hour_on_the_clock_is_the_same_in_sql_and_in_the_api(lab: Lab) -> None:
    market = await lab("2024-06-12 16:31", only=("alpaca",), **MINUTES_ONLY)
    market.trades("HOUR", minutes(OPEN, 180, 10.0, 100.0, step=0.01))
    await market.follows(equity("HOUR"))
    await market.turn()
    rows = await market.sql(
        "SELECT ts, open, close, volume FROM candles_1h WHERE symbol = 'HOUR' ORDER BY ts"
    )
    told = await market.bars("HOUR", "1h", start="2024-06-12 13:00", end="2024-06-12 16:30", anchor="clock")
    assert [f"{row['ts']:%Y-%m-%dT%H:%M:%SZ}" for row in rows] == [one["ts"] for one in told]
    assert [(row["open"], row["close"], row["volume"]) for row in rows] == [
        (one["open"], one["close"], one["volume"]) for one in told
    ]
