"""A 10:1 split on Monday 2024-06-10: minutes are raw, and each answer has one row per label and one level."""

from itertools import pairwise

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, Market, equity
from .rows import at, session, sessions

pytestmark = pytest.mark.anyio

THURSDAY, FRIDAY, MONDAY, TUESDAY = "2024-06-06", "2024-06-07", "2024-06-10", "2024-06-11"


def split_on_monday(market: Market) -> None:
    """1200 on Thursday, 1210 on Friday, 120 from Monday on; Yahoo adjusts, Alpaca does not."""
    before = [*session(THURSDAY, 1200.0, spread=1.0), *session(FRIDAY, 1210.0, spread=1.0)]
    market.trades("SPL", [*before, *sessions([MONDAY, TUESDAY], 120.0, volume=9000.0)])
    market.splits("SPL", 10, MONDAY)


async def levels(market: Market) -> dict[str, set[float]]:
    """The closes that are stored, by day."""
    found: dict[str, set[float]] = {}
    for row in await market.sql("SELECT ts, close FROM candles_intraday WHERE status <> 'partial'"):
        found.setdefault(f"{row['ts']:%Y-%m-%d}", set()).add(round(row["close"], 3))
    return found


RAW = {THURSDAY: {1200.0}, FRIDAY: {1210.0}, MONDAY: {120.0}}


async def lose_an_hour(market: Market) -> None:
    """The hour from 15:00 on of Friday is gone from the table; the window is asked for again."""
    await market.sql(
        "DELETE FROM candles_intraday WHERE ts >= '2024-06-07 15:00Z' AND ts < '2024-06-07 16:00Z'"
    )
    await market.backfill("SPL", f"{FRIDAY} 13:30", f"{FRIDAY} 19:59")


async def test_a_hole_from_before_the_split_is_filled_raw_by_a_provider_that_adjusts(lab: Lab) -> None:
    market = await lab(f"{THURSDAY} 20:30", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    split_on_monday(market)
    await market.follows(equity("SPL"))
    for day in (THURSDAY, FRIDAY, MONDAY):
        await market.at(f"{day} 20:30")
        await market.turn()
    market.provider("alpaca").is_out()
    await lose_an_hour(market)
    assert await levels(market) == RAW
    assert await market.lost("SPL", f"{THURSDAY} 13:30", f"{MONDAY} 20:00") == []
    hours = await market.bars("SPL", "1h", start=f"{FRIDAY} 13:30", end=f"{FRIDAY} 20:00", session="regular")
    assert {(hour["low"], hour["high"]) for hour in hours} == {(1209.0, 1211.0)}
    assert {hour["adjustment"] for hour in hours} == {"raw"}


async def test_a_user_with_yahoo_alone_keeps_raw_minutes_over_a_split(lab: Lab) -> None:
    market = await lab(f"{THURSDAY} 20:30", only=("yahoo",), CADENCE_T0="bars_1m=60,eod=86400")
    split_on_monday(market)
    await market.follows(equity("SPL"))
    for day in (THURSDAY, FRIDAY, MONDAY):
        await market.at(f"{day} 20:30")
        await market.turn()
    assert await levels(market) == RAW
    assert await market.sql("SELECT * FROM candles_intraday WHERE adjustment <> 'raw'") == []
    await lose_an_hour(market)
    assert await levels(market) == RAW
    assert await market.lost("SPL", f"{THURSDAY} 13:30", f"{MONDAY} 20:00") == []
    await market.at(f"{TUESDAY} 02:00")
    await market.settle()
    told = await market.bars("SPL", "1d", start=f"{THURSDAY} 00:00")
    assert [(one["ts"][:10], round(one["close"], 3)) for one in told] == [
        (THURSDAY, 120.0), (FRIDAY, 121.0), (MONDAY, 120.0)
    ]  # fmt: skip
    assert {one["adjustment"] for one in told} == {"split"}


async def test_a_symbol_added_a_week_after_its_split_has_one_level_per_day(lab: Lab) -> None:
    market = await lab("2024-06-12 01:00", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    split_on_monday(market)
    market.provider("alpaca").misses_every(5, "SPL", offset=3)
    await market.follows(equity("SPL"))
    await market.backfill("SPL", f"{THURSDAY} 13:30", f"{TUESDAY} 19:59")
    assert await levels(market) == {**RAW, TUESDAY: {120.0}}
    assert await market.lost("SPL", f"{THURSDAY} 13:30", f"{TUESDAY} 20:00") == []
    providers = {
        row["provider"] for row in await market.sql("SELECT DISTINCT provider FROM candles_intraday")
    }
    assert providers == {"alpaca", "yahoo"}


async def test_a_split_corrects_no_minute_of_the_session_before_it(lab: Lab) -> None:
    market = await lab(f"{FRIDAY} 19:00", only=("yahoo",), **MINUTES_ONLY)
    split_on_monday(market)
    await market.follows(equity("SPL"))
    await market.run_until(f"{FRIDAY} 20:05", every=300)
    await market.at(f"{MONDAY} 13:31")
    await market.run_until(f"{MONDAY} 13:50")
    corrected = await market.sql("SELECT ts, close FROM candles_intraday WHERE status = 'corrected'")
    assert corrected == []
    assert (await levels(market))[FRIDAY] == {1210.0}


DAYS = [f"2024-06-{day:02d}" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14)]


async def two_tellers(lab: Lab) -> Market:
    """Days of a 2:1 split first from Yahoo (split), then, Yahoo being out, from Alpha Vantage (raw)."""
    market = await lab("2024-06-12 02:00", only=("yahoo", "alphavantage"), CADENCE_T0="eod=86400")
    market.trades_days("TWO", [
        (at(f"{day} 00:00"), price, price, price, price, 1000.0)
        for day in DAYS for price in (100.0 if day < MONDAY else 50.0,)
    ])  # fmt: skip
    market.splits("TWO", 2, MONDAY)
    await market.follows(equity("TWO"))
    await market.turn()
    market.provider("yahoo").is_out()
    for day in ("2024-06-13 11:00", "2024-06-14 11:00"):
        await market.at(day)
        await market.turn()
    return market


async def test_a_daily_answer_has_one_row_per_label_and_one_level(lab: Lab) -> None:
    market = await two_tellers(lab)
    told = await market.bars("TWO", "1d", start="2024-06-03 00:00")
    labels = [one["ts"] for one in told]
    assert all(one < other for one, other in pairwise(labels)), labels
    level = {one["adjustment"] for one in told}
    assert len(level) == 1
    right = {"split": {50.0}, "raw": {100.0, 50.0}}[level.pop()]
    assert {round(one["close"], 3) for one in told} == right
    batch = await market.ask("POST", "/stocks/batch", json={"symbols": ["TWO"], "interval": "1d", "bars": 4})
    last = batch.body["bars"]["TWO"]
    assert len({one["ts"] for one in last}) == len(last)
    assert {round(one["close"], 3) for one in last} == {50.0}


async def test_the_level_is_chosen_among_those_that_are_held(lab: Lab) -> None:
    market = await two_tellers(lab)
    raw = await market.bars("TWO", "1d", start="2024-06-03 00:00", adjustment="raw")
    assert {one["adjustment"] for one in raw} == {"raw"}
    refused = await market.get("/stocks/TWO/history", start="2024-06-03T00:00:00Z", adjustment="all")
    assert refused.status == 422
    assert "split" in refused.detail
    assert "raw" in refused.detail
