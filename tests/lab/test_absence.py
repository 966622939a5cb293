"""After an absence everything is found, within the background work of scans."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, crypto, equity
from .rows import minutes, sessions

pytestmark = pytest.mark.anyio

BEFORE = [f"2024-06-{day:02d}" for day in (3, 4, 5)]
AWAY = [f"2024-06-{day:02d}" for day in (6, 7, 10, 11, 12, 13, 14, 17)]


async def test_all_sessions_of_twelve_days_off_are_stored(lab: Lab) -> None:
    market = await lab("2024-06-05 20:30", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("AWAY", sessions([*BEFORE, *AWAY, "2024-06-18"], step=0.01))
    await market.follows(equity("AWAY"))
    await market.turn()
    await market.at("2024-06-18 15:00")
    for _ in range(20):
        await market.later(60)
        await market.turn()
    assert await market.lost("AWAY", "2024-06-06 00:00", "2024-06-18 15:00") == []
    states = await market.states("AWAY", "2024-06-06 00:00", "2024-06-18 15:00")
    assert states == {"filled"}


async def test_days_and_a_market_that_never_closes_are_found_too(lab: Lab) -> None:
    market = await lab("2024-06-05 20:30", only=("binance", "coinbase"), CADENCE_T0="bars_1m=60,eod=86400")
    market.trades("COIN-USD", minutes("2024-06-05 00:00", 14 * 1440, 60_000.0, 2.0, step=0.01))
    await market.follows(crypto("COIN-USD"))
    await market.turn()
    await market.at("2024-06-18 15:00")
    for _ in range(30):
        await market.later(60)
        await market.turn()
    assert await market.lost("COIN-USD", "2024-06-05 20:00", "2024-06-18 15:00") == []
    assert sorted(await market.days("COIN-USD"))[-12:] == [f"2024-06-{day:02d}" for day in range(6, 18)]


async def test_coverage_promises_nothing_that_no_scan_will_do(lab: Lab) -> None:
    market = await lab("2024-06-05 20:30", only=("alpaca", "yahoo"), **MINUTES_ONLY, HISTORY_1M_DAYS="T0=4")
    market.trades("AWAY", sessions([*BEFORE, *AWAY, "2024-06-18"], step=0.01))
    await market.follows(equity("AWAY"))
    await market.at("2024-06-18 21:00")
    for _ in range(20):
        await market.later(300)
        await market.turn()
    cover = await market.coverage("AWAY", "2024-06-06 00:00", "2024-06-18 20:00")
    assert "queued" not in {run["state"] for run in cover["runs"]}, cover["runs"]
    old = [run for run in cover["runs"] if run["state"] not in ("filled", "closed")]
    assert all("next scan" not in run["why"] for run in old)


async def test_a_restart_asks_only_for_what_is_new(lab: Lab) -> None:
    first = await lab("2024-06-12 15:00", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    rows = sessions(["2024-06-11", "2024-06-12"], step=0.01)
    first.trades("AGAIN", rows)
    await first.follows(equity("AGAIN"))
    await first.turn()
    before = first.provider().calls()
    second = await lab("2024-06-12 15:02", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    second.trades("AGAIN", rows)
    await second.turn()
    assert before > 0
    assert second.provider().calls() <= 2
    assert await second.lost("AGAIN", "2024-06-12 13:30", "2024-06-12 15:00") == []
