"""Corrections that come late are seen, and an older answer never undoes a newer one."""

import asyncio

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, equity
from .rows import at, chained, days, minutes, session

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
OPEN = f"{DAY} 13:30"


@pytest.mark.parametrize("late", [4, 10, 60])
async def test_a_minute_that_is_corrected_later_is_seen_the_same_evening(lab: Lab, late: int) -> None:
    market = await lab(f"{DAY} 14:00", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("REV", session(DAY, step=0.01))
    await market.follows(equity("REV"))
    await market.run_until(f"{DAY} 14:05")
    minute = f"{DAY} 14:00"
    await market.run_until(at(minute) + 60 + late * 60)
    market.provider().revises("REV", minute, close=100.9)
    await market.run_until(f"{DAY} 23:00", every=1800)
    row = (await market.stored("REV", minute, f"{DAY} 14:01"))[at(minute)]
    assert (row["close"], row["status"]) == (pytest.approx(100.9), "corrected")


async def test_a_minute_that_is_corrected_days_later_is_seen_after_five_sessions(lab: Lab) -> None:
    market = await lab(f"{DAY} 20:05", only=("alpaca",), **MINUTES_ONLY)
    dates = [f"2024-06-{day}" for day in (12, 13, 14, 17, 18, 20, 21)]
    market.trades("REV", [row for day in dates for row in session(day, step=0.01)])
    await market.follows(equity("REV"))
    await market.run_until("2024-06-14 12:00", every=3 * 3600)
    market.provider().revises("REV", f"{DAY} 14:00", close=100.9)
    await market.run_until("2024-06-22 02:00", every=3 * 3600)
    row = (await market.stored("REV", f"{DAY} 14:00", f"{DAY} 14:01"))[at(f"{DAY} 14:00")]
    assert (row["close"], row["status"]) == (pytest.approx(100.9), "corrected")


@pytest.mark.parametrize("when", ["2024-06-06 04:00", "2024-06-07 01:00", "2024-06-11 01:00"])
async def test_a_day_that_is_corrected_within_the_week_is_seen(lab: Lab, when: str) -> None:
    market = await lab("2024-06-06 01:00", only=("yahoo",), CADENCE_T0="eod=86400")
    dates = [f"2024-06-{day:02d}" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14)]
    market.trades_days("REV", days([(day, 100.0) for day in dates]))
    await market.follows(equity("REV"))
    await market.run_until(when, every=6 * 3600)
    market.trades_days("REV", days([(day, 100.5 if day == "2024-06-05" else 100.0) for day in dates]))
    await market.run_until("2024-06-15 02:00", every=6 * 3600)
    assert (await market.days("REV"))["2024-06-05"] == 100.5


async def test_a_day_that_is_corrected_after_weeks_is_seen_when_an_operator_forces_it(lab: Lab) -> None:
    market = await lab("2024-06-14 02:00", only=("yahoo",), CADENCE_T0="eod=86400")
    dates = [f"2024-06-{day:02d}" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13)]
    market.trades_days("REV", days([(day, 100.0) for day in dates]))
    await market.follows(equity("REV"))
    await market.turn()
    market.trades_days("REV", days([(day, 100.5 if day == "2024-06-05" else 100.0) for day in dates]))
    got = await market.backfill("REV", "2024-06-05 00:00", "2024-06-05 00:00", "1d", force=True)
    assert got.status == 202, got.body
    assert (await market.days("REV"))["2024-06-05"] == 100.5


async def test_an_older_answer_that_arrives_later_undoes_nothing(lab: Lab) -> None:
    market = await lab(f"{DAY} 14:30", only=("alpaca",), **MINUTES_ONLY)
    market.trades("ORD", session(DAY, 10.0))
    await market.follows(equity("ORD"))
    await market.turn()
    await market.later(120)
    market.provider("alpaca").suffers("latency", 1200, times=1)
    slow = asyncio.create_task(market.backfill("ORD", OPEN, f"{DAY} 14:00", force=True))
    await asyncio.sleep(0.4)  # it has been asked, and its answer has the values of now
    market.provider("alpaca").revises("ORD", f"{DAY} 13:35", close=10.3)
    await market.later(30)
    fast = await market.ask("POST", "/ops/backfill", json={
        "symbol": "ORD", "start": f"{DAY}T13:34:00Z", "end": f"{DAY}T13:36:00Z", "force": True,
    })  # fmt: skip
    assert fast.status == 202, fast.body
    await market.inside.work()
    assert (await slow).status == 202
    row = (await market.stored("ORD", OPEN, f"{DAY} 14:00"))[at(f"{DAY} 13:35")]
    assert (row["close"], row["status"]) == (10.3, "corrected")


async def test_what_others_report_of_a_bar_that_the_first_had_wrong_leaves_a_trace(lab: Lab) -> None:
    market = await lab(f"{DAY} 14:00", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("WRG", chained(OPEN, [10.0] * 120))
    market.provider("yahoo").revises("WRG", f"{DAY} 13:40", close=11.2)
    market.provider("alpaca").is_out()
    await market.follows(equity("WRG"))
    await market.turn()
    market.provider().is_well()
    market.provider("yahoo").is_out()
    await market.later(600)
    await market.backfill("WRG", OPEN, f"{DAY} 13:58", force=True)
    minute = at(f"{DAY} 13:40")
    close = (await market.stored("WRG", OPEN, f"{DAY} 14:00"))[minute]["close"]
    traces = [
        row
        for table in ("quarantined_bars", "rejected_bars", "candle_revisions")
        for row in await market.sql(f"SELECT * FROM {table} WHERE ts = to_timestamp($1)", float(minute))  # noqa: S608
    ]
    assert close == 10.0 or traces


async def test_an_answer_of_another_provider_is_an_opinion_and_no_correction(lab: Lab) -> None:
    market = await lab(f"{DAY} 14:00", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("OPN", minutes(OPEN, 390, 10.0))
    market.provider("yahoo").has("OPN", minutes(OPEN, 390, 10.01))
    await market.follows(equity("OPN"))
    await market.turn()
    market.provider("alpaca").is_out()
    await market.backfill("OPN", OPEN, f"{DAY} 13:58", force=True)
    rows = (await market.stored("OPN", OPEN, f"{DAY} 13:55")).values()
    assert {(row["close"], row["provider"], row["status"]) for row in rows} == {(10.0, "alpaca", "final")}
