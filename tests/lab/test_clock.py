"""The providers' clocks and ours: nothing later than theirs is final, and a jump of ours loses nothing."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, Market, crypto, equity
from .rows import at, minutes, session

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
OPEN = f"{DAY} 13:30"


async def unsettled(market: Market, symbol: str) -> list[object]:
    """Final minutes that are not over by the true time, or whose values are not those of the truth."""
    window = (f"{DAY} 00:00", "2024-06-13 00:00")
    closes, volumes = await market.wrong(symbol, *window), await market.wrong(symbol, *window, "volume")
    early = [label for label in await market.stored(symbol, *window) if label + 60 > market.world.now]
    return [*closes, *volumes, *early]


@pytest.mark.parametrize("seconds", [30, 100, -100])
@pytest.mark.parametrize("provider", ["binance", "alpaca"])
async def test_no_running_bar_is_final_whatever_our_clock_says(
    lab: Lab, provider: str, seconds: float
) -> None:
    market = await lab(f"{DAY} 14:00", only=(provider,), **MINUTES_ONLY)
    one = crypto("SKEW-USD") if provider == "binance" else equity("SKEW")
    market.trades(one.symbol, minutes(f"{DAY} 13:00", 120, 100.0, 6000.0, step=0.05, spread=1.0))
    await market.follows(one)
    await market.clock_is_ahead(seconds)
    await market.at(at(f"{DAY} 14:00") + 20)
    seen = []
    for _ in range(40):
        await market.later(30)
        await market.turn()
        seen += await unsettled(market, one.symbol)
    assert seen == []
    assert len(await market.stored(one.symbol, f"{DAY} 14:00", f"{DAY} 14:15")) >= 14


async def test_the_service_says_that_its_clock_is_wrong(lab: Lab) -> None:
    market = await lab(f"{DAY} 14:00", only=("binance", "coinbase"), **MINUTES_ONLY)
    market.trades("SKEW-USD", minutes(f"{DAY} 13:00", 120, step=0.01))
    await market.follows(crypto("SKEW-USD"))
    await market.run_until(f"{DAY} 14:05")
    quiet = (await market.get("/health")).body
    await market.clock_is_ahead(30)
    await market.run_until(f"{DAY} 14:10")
    told = (await market.get("/health")).body
    assert told != quiet
    assert "clock" in str(told)
    offsets = [value for key, value in (await market.metric("clock_")).items() if "offset" in key]
    assert any(abs(abs(offset) - 30) <= 2 for offset in offsets), await market.metric("clock_")


async def test_a_clock_five_hours_ahead_for_ten_minutes_loses_nothing(lab: Lab) -> None:
    market = await lab(f"{DAY} 13:45", **MINUTES_ONLY)
    market.trades("AHEAD", session(DAY, step=0.01))
    await market.follows(equity("AHEAD"))
    await market.clock_is_ahead(5 * 3600)
    await market.run_until(f"{DAY} 13:55")
    assert await unsettled(market, "AHEAD") == []
    await market.clock_is_ahead(0)
    await market.run_until(f"{DAY} 15:00")
    assert await market.lost("AHEAD", OPEN, f"{DAY} 14:55") == []
    await market.run_until(f"{DAY} 20:05", every=900)
    assert await market.lost("AHEAD", OPEN, f"{DAY} 20:00") == []
    assert await market.states("AHEAD", OPEN, f"{DAY} 20:00") == {"filled"}


async def test_a_clock_that_is_set_back_by_an_hour_loses_nothing(lab: Lab) -> None:
    market = await lab(f"{DAY} 13:45", only=("binance", "coinbase"), **MINUTES_ONLY)
    market.trades("BACK-USD", minutes(f"{DAY} 06:00", 600, step=0.01))
    await market.follows(crypto("BACK-USD"))
    await market.clock_is_ahead(3600)
    await market.run_until(f"{DAY} 13:50")
    await market.clock_is_ahead(0)
    await market.run_until(f"{DAY} 15:10")
    assert await unsettled(market, "BACK-USD") == []
    assert await market.lost("BACK-USD", f"{DAY} 13:45", f"{DAY} 15:05") == []
    later = await market.sql("SELECT * FROM vacancies WHERE end_ts > '2024-06-12 13:45Z'")
    assert later == []
