"""Real moves are stored the same evening: marked while they are doubted, and settled by what follows."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, Market, equity
from .rows import at, chained, clock_time, days, minutes, session

pytestmark = pytest.mark.anyio

GME = [
    ("2021-01-15", 35.50), ("2021-01-19", 39.36), ("2021-01-20", 39.12), ("2021-01-21", 43.03),
    ("2021-01-22", 65.01), ("2021-01-25", 76.79), ("2021-01-26", 147.98), ("2021-01-27", 347.51),
    ("2021-01-28", 193.60), ("2021-01-29", 325.00), ("2021-02-01", 225.00), ("2021-02-02", 90.00),
    ("2021-02-03", 92.41), ("2021-02-04", 53.50), ("2021-02-05", 63.77),
]  # fmt: skip
"""GME's closes before its later 4:1 split: public facts, rounded."""

CALM = [f"2024-05-{day:02d}" for day in (6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 20, 21, 22, 23, 24)]
STEPS: dict[str, list[float]] = {
    "up by half, then down by 13 %": [
        100,
        101,
        100,
        102,
        100,
        150,
        130,
        131,
        130,
        129,
        131,
        130,
        132,
        131,
        130,
    ],
    "down by 34 %, then up by 9 %": [100, 101, 100, 102, 100, 66, 72, 73, 72, 73, 74, 73, 72, 73, 74],
    "down by 34 %, and stays": [100, 101, 100, 102, 100, 66, 66, 66.5, 66, 65, 66, 66, 66, 66, 66],
    "up by half twice": [100, 101, 100, 102, 100, 150, 230, 232, 231, 233, 230, 229, 231, 230, 232],
}


async def evenings(market: Market, symbol: str, dates: list[str]) -> dict[str, str]:
    """Play each day's evening and the next morning; how each day stood at 12:00 UTC the next morning."""
    stood: dict[str, str] = {}
    for day in dates:
        for pause in (2.5, 4, 6, 9, 12):
            await market.at(at(f"{day} 22:00") + pause * 3600)
            await market.turn()
        final = await market.days(symbol)
        shown = await market.bars(symbol, "1d", start=f"{dates[0]} 00:00", quarantined="include")
        marked = {one["ts"][:10] for one in shown} - set(final)
        stood[day] = "stored" if day in final else "marked" if day in marked else "missing"
    return stood


def opened(market: Market, symbol: str, pairs: list[tuple[str, float]]) -> None:
    market.trades_days(symbol, days(pairs))


@pytest.mark.parametrize("only", [("yahoo",), ("alphavantage",)])
async def test_no_day_of_gamestop_is_missing_the_next_morning_with_one_provider(
    lab: Lab, only: tuple[str, ...]
) -> None:
    market = await lab("2021-01-20 02:00", only=only, CADENCE_T0="eod=86400")
    opened(market, "GME", GME)
    await market.follows(equity("GME"))
    dates = [day for day, _ in GME[2:]]
    stood = await evenings(market, "GME", dates)
    assert set(stood.values()) <= {"stored", "marked"}, stood
    await market.run_until("2021-02-16 12:00", every=12 * 3600)
    assert await market.days("GME") == {day: pytest.approx(close, rel=1e-6) for day, close in GME}
    assert await market.dead_letters() == []


async def test_every_day_of_gamestop_is_stored_unmarked_where_two_providers_agree(lab: Lab) -> None:
    market = await lab("2021-01-20 02:00", only=("yahoo", "twelvedata"), CADENCE_T0="eod=86400")
    opened(market, "GME", GME)
    await market.follows(equity("GME"))
    stood = await evenings(market, "GME", [day for day, _ in GME[2:]])
    assert set(stood.values()) == {"stored"}, stood


@pytest.mark.parametrize("only", [("yahoo",), ("alphavantage",), ("yahoo", "twelvedata")])
@pytest.mark.parametrize("shape", STEPS)
async def test_a_step_is_there_the_next_morning_and_settled_within_days(
    lab: Lab, shape: str, only: tuple[str, ...]
) -> None:
    market = await lab(f"{CALM[4]} 23:59", only=only, CADENCE_T0="eod=86400")
    pairs = [(day, float(close)) for day, close in zip(CALM, STEPS[shape], strict=True)]
    opened(market, "JUMP", pairs)
    await market.follows(equity("JUMP"))
    stood = await evenings(market, "JUMP", CALM[4:])
    right = {"stored"} if len(only) > 1 else {"stored", "marked"}
    assert set(stood.values()) <= right, stood
    assert await market.days("JUMP") == {day: pytest.approx(close, rel=1e-6) for day, close in pairs}
    assert await market.dead_letters() == []


@pytest.mark.parametrize("only", [("yahoo",), ("alpaca", "yahoo")])
async def test_minutes_that_open_a_third_lower_are_stored_within_minutes(
    lab: Lab, only: tuple[str, ...]
) -> None:
    market = await lab("2024-05-29 20:10", only=only, **MINUTES_ONLY)
    opens = session("2024-05-30", 66.2, 9000.0, step=0.001)
    market.trades("DROP", [*session("2024-05-29"), *opens])
    await market.follows(equity("DROP"))
    await market.turn()
    await market.at("2024-05-30 13:30")
    await market.run_until("2024-05-30 13:45", every=30)
    assert await market.lost("DROP", "2024-05-30 13:30", "2024-05-30 13:40") == []


@pytest.mark.parametrize("only", [("alpaca",), ("alpaca", "tiingo")])
async def test_a_penny_stock_that_trades_in_two_ticks_keeps_its_minutes(
    lab: Lab, only: tuple[str, ...]
) -> None:
    market = await lab("2024-05-30 20:01", only=only, **MINUTES_ONLY)
    ticks = [(0.0001, 0.0002)[number // 3 % 2] for number in range(390)]
    rows = [(at("2024-05-30 13:30") + 60 * n, tick, tick, tick, tick, 1e5) for n, tick in enumerate(ticks)]
    market.trades("TICK", rows)
    await market.follows(equity("TICK"))
    await market.turn()
    await market.settle(300, 3600)
    assert await market.lost("TICK", "2024-05-30 13:30", "2024-05-30 20:00") == []
    assert await market.sql("SELECT * FROM rejected_bars") == []
    assert await market.dead_letters() == []


@pytest.mark.parametrize("only", [("yahoo",), ("alpaca",), ("alpaca", "yahoo")])
async def test_news_that_lift_a_stock_by_half_within_a_minute_are_stored(
    lab: Lab, only: tuple[str, ...]
) -> None:
    market = await lab("2024-06-12 14:15", only=only, **MINUTES_ONLY)
    closes = [10.0] * 60 + [15.2] + [13.0 + 0.01 * number for number in range(120)]
    market.trades("NEWS", chained("2024-06-12 13:30", closes))
    await market.follows(equity("NEWS"))
    await market.run_until("2024-06-12 15:30", every=60)
    await market.run_until("2024-06-12 22:30", every=1800)
    assert await market.lost("NEWS", "2024-06-12 13:30", "2024-06-12 16:31") == []
    assert await market.dead_letters() == []


async def test_a_bar_that_a_second_provider_contradicts_is_not_served_unmarked(lab: Lab) -> None:
    market = await lab("2024-06-12 13:50", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("BAD", minutes("2024-06-12 13:30", 390, 100.0))
    wrong = [(*row[:1], 10.0, 10.05, 9.95, 10.0, row[5]) if clock_time(row[0]) == "14:00" else row
             for row in minutes("2024-06-12 13:30", 390, 100.0)]  # fmt: skip
    market.provider("alpaca").has("BAD", wrong)
    await market.follows(equity("BAD"))
    await market.run_until("2024-06-12 14:30")
    await market.run_until("2024-06-12 22:30", every=1800)
    assert await market.wrong("BAD", "2024-06-12 13:30", "2024-06-12 20:00") == []
    shown = await market.bars("BAD", start="2024-06-12 14:00", end="2024-06-12 14:01")
    assert 10.0 not in {one["close"] for one in shown}
