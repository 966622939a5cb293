"""Bars that come late are late, not absent: none is lost, whoever is late and by how much."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, Market, crypto, equity
from .rows import days, minutes, session

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
EVENING, NEXT_DAY = f"{DAY} 21:30", "2024-06-13 15:00"
OPEN, END = f"{DAY} 13:30", f"{DAY} 14:50"


async def closing(market: Market) -> None:
    """The turns of the evening and of the next day."""
    for when in (EVENING, f"{DAY} 23:00", NEXT_DAY):
        await market.at(when)
        for _ in range(3):
            await market.turn()


@pytest.mark.parametrize(
    ("only", "late"),
    [((), 3), ((), 8), ((), 15), ((), 30), (("yahoo",), 8), (("alpaca", "yahoo"), 15)],
)
async def test_no_minute_is_lost_where_providers_are_late_for_a_while(
    lab: Lab, only: tuple[str, ...], late: float
) -> None:
    market = await lab(OPEN, only=only, **MINUTES_ONLY)
    market.trades("LATE", session(DAY, step=0.01))
    await market.follows(equity("LATE"))
    await market.run_until(f"{DAY} 13:45", every=180)
    market.provider().is_late(late)
    await market.run_until(f"{DAY} 14:25")
    market.provider().is_well()
    await market.run_until(END, every=180)
    await market.settle(600, 600)
    assert await market.lost("LATE", OPEN, f"{DAY} 14:48") == [], "an hour later"
    await closing(market)
    assert await market.lost("LATE", OPEN, f"{DAY} 20:00") == []
    assert await market.wrong("LATE", OPEN, f"{DAY} 20:00") == []
    assert await market.states("LATE", OPEN, f"{DAY} 20:00") == {"filled"}


PARIS = {day: minutes(f"{day} 07:00", 510, 70.0, step=0.01) for day in ("2024-06-11", DAY)}


async def test_a_symbol_that_is_new_on_such_an_exchange_is_stored_whole(lab: Lab) -> None:
    market = await lab(f"{DAY} 07:00", only=("yahoo",), **MINUTES_ONLY)
    market.trades("NEW.PA", PARIS[DAY], exchange="XPAR")
    await market.follows(equity("NEW.PA", "XPAR"))
    market.provider("yahoo").is_late(15)
    await market.run_until(f"{DAY} 09:00", every=120)
    await market.run_until(f"{DAY} 16:10", every=600)
    assert await market.lost("NEW.PA", f"{DAY} 07:00", f"{DAY} 15:30") == []


async def test_an_exchange_that_is_always_a_quarter_of_an_hour_late_is_stored_whole(lab: Lab) -> None:
    market = await lab(f"{DAY} 07:00", only=("yahoo",), **MINUTES_ONLY)
    market.trades("AIR.PA", [*PARIS["2024-06-11"], *PARIS[DAY]], exchange="XPAR")
    await market.follows(equity("AIR.PA", "XPAR"))
    market.provider("yahoo").is_late(15)
    await market.run_until(f"{DAY} 09:00", every=120)
    assert await market.lost("AIR.PA", f"{DAY} 07:00", f"{DAY} 08:40") == []
    await market.run_until(f"{DAY} 16:10", every=600)
    assert await market.lost("AIR.PA", f"{DAY} 07:00", f"{DAY} 15:30") == []
    assert await market.sql("SELECT * FROM vacancies") == []
    assert await market.states("AIR.PA", f"{DAY} 07:00", f"{DAY} 15:30") == {"filled"}


async def test_what_the_delay_of_an_exchange_holds_back_is_pending(lab: Lab) -> None:
    market = await lab(f"{DAY} 07:00", only=("yahoo",), **MINUTES_ONLY)
    market.trades("AIR.PA", [*PARIS["2024-06-11"], *PARIS[DAY]], exchange="XPAR")
    await market.follows(equity("AIR.PA", "XPAR"))
    market.provider("yahoo").is_late(15)
    await market.run_until(f"{DAY} 09:00", every=120)
    assert await market.states("AIR.PA", f"{DAY} 07:00", f"{DAY} 08:40") == {"filled"}
    assert await market.states("AIR.PA", f"{DAY} 08:50", f"{DAY} 09:00") == {"pending"}
    rates = await market.metric('slo_gap_violation_rate{interval="1m",tier="T0"')
    assert set(rates.values()) == {0.0}


GLITCHES = [
    (("yahoo",), "yahoo", "no_data", None),
    (("yahoo",), "yahoo", "missing_minutes", 30),
    (("alpaca", "yahoo"), "alpaca", "no_data", None),
    (("alpaca", "yahoo"), "alpaca", "missing_minutes", 30),
    (("alpaca", "yahoo"), "*", "missing_minutes", 30),
    (("binance", "coinbase"), "*", "missing_minutes", 30),
]


@pytest.mark.parametrize(("only", "who", "fault", "value"), GLITCHES)
async def test_no_minute_is_lost_after_twenty_minutes_of_holes(
    lab: Lab, only: tuple[str, ...], who: str, fault: str, value: float | None
) -> None:
    market = await lab(OPEN, only=only, **MINUTES_ONLY)
    symbol, one = ("BIT-USD", crypto("BIT-USD")) if "binance" in only else ("GLI", equity("GLI"))
    market.trades(symbol, minutes("2024-06-12 00:00" if "binance" in only else OPEN, 1440, step=0.01))
    await market.follows(one)
    await market.run_until(f"{DAY} 13:50", every=180)
    market.provider(who).suffers(fault, value)
    await market.run_until(f"{DAY} 14:10")
    market.provider(who).is_well()
    await market.run_until(END, every=180)
    await closing(market)
    assert await market.lost(symbol, OPEN, END) == []
    assert await market.states(symbol, OPEN, END) == {"filled"}


async def test_a_day_that_comes_eight_sessions_late_is_stored(lab: Lab) -> None:
    market = await lab("2024-06-06 02:00", only=("yahoo",), CADENCE_T0="eod=86400")
    dates = [f"2024-06-{day:02d}" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 17, 18, 20, 21, 24, 25, 26)]
    rows = days([(day, 100.0 + number) for number, day in enumerate(dates)])
    market.trades_days("SLOW", rows)
    await market.follows(equity("SLOW"))
    market.provider("yahoo").has_days("SLOW", [row for row in rows if row[4] != 103.0])
    await market.run_until("2024-06-18 21:00", every=8 * 3600)
    assert "2024-06-06" not in await market.days("SLOW")
    assert await market.states("SLOW", "2024-06-06 00:00", "2024-06-07 00:00", "1d") == {"vacant"}
    market.provider("yahoo").has_days("SLOW", rows)
    await market.run_until("2024-06-22 03:00", every=8 * 3600)
    assert (await market.days("SLOW"))["2024-06-06"] == 103.0


async def test_a_session_of_minutes_that_comes_eight_sessions_late_is_stored(lab: Lab) -> None:
    market = await lab("2024-06-06 13:30", only=("yahoo",), **MINUTES_ONLY)
    dates = [f"2024-06-{day:02d}" for day in (6, 7, 10, 11, 12, 13, 14, 17, 18, 20, 21, 24)]
    whole = {day: session(day, 100.0 + n) for n, day in enumerate(dates)}
    market.trades("SLOW", [row for rows in whole.values() for row in rows])
    market.provider("yahoo").has("SLOW", [row for day in dates if day != "2024-06-07" for row in whole[day]])
    await market.follows(equity("SLOW"))
    await market.run_until("2024-06-19 02:00", every=3 * 3600)
    assert len(await market.stored("SLOW", "2024-06-07 00:00", "2024-06-08 00:00")) == 0
    del market.truth.story("SLOW").own_minutes["yahoo"]
    await market.run_until("2024-06-25 02:00", every=3 * 3600)
    assert await market.lost("SLOW", "2024-06-06 13:30", "2024-06-24 20:00") == []
