"""Nothing loops and nothing is stuck: a job that cannot be done says why at once."""

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, equity
from .rows import days, minutes, session

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
OPEN = f"{DAY} 13:30"


async def test_minutes_that_are_older_than_anybody_has_are_a_dead_letter_at_once(lab: Lab) -> None:
    market = await lab(f"{DAY} 15:00", only=("yahoo",), **MINUTES_ONLY)
    market.trades("OLD", [*session("2024-03-13"), *session("2024-03-14"), *session(DAY)])
    await market.follows(equity("OLD"))
    await market.turn()
    before = market.provider().calls()
    got = await market.backfill("OLD", "2024-03-13 13:30", "2024-03-14 19:59")
    assert got.body["made"] >= 1
    letters = await market.dead_letters()
    assert len(letters) == got.body["made"]
    assert all("history" in letter["last_error"] and letter["attempts"] <= 1 for letter in letters), letters
    assert market.provider().calls() == before
    await market.settle()
    assert await market.dead_letters() == letters


async def test_what_is_within_reach_of_such_a_window_is_stored(lab: Lab) -> None:
    market = await lab("2024-06-20 15:00", only=("yahoo",), **MINUTES_ONLY)
    market.trades("OLD", [*session("2024-05-20"), *session("2024-05-24"), *session("2024-06-20")])
    await market.follows(equity("OLD"))
    await market.turn()
    await market.backfill("OLD", "2024-05-20 13:30", "2024-05-24 19:59")
    await market.settle()
    assert await market.lost("OLD", "2024-05-24 13:30", "2024-05-24 20:00") == []
    assert await market.sql("SELECT * FROM backfill_jobs WHERE status IN ('queued', 'running')") == []
    assert all(letter["last_error"] for letter in await market.dead_letters())


async def test_days_of_a_provider_that_is_due_only_next_morning_are_waited_for(lab: Lab) -> None:
    market = await lab("2024-06-10 12:00", only=("alphavantage",), CADENCE_T0="eod=86400")
    dates = [f"2024-06-{day:02d}" for day in (3, 4, 5, 6, 7, 10, 11, 12)]
    market.trades_days("EOD", days([(day, 100.0) for day in dates]))
    await market.follows(equity("EOD"))
    await market.turn()
    for day in ("10", "11", "12"):
        before = market.provider().calls()
        await market.at(f"2024-06-{day} 21:00")
        await market.run_until(f"2024-06-{int(day) + 1:02d} 11:30", every=1800)
        assert await market.dead_letters() == []
        assert f"2024-06-{day}" in await market.days("EOD")
        assert market.provider().calls() - before <= 6


async def test_a_dead_letter_whose_bars_have_come_is_settled_and_blocks_nothing(lab: Lab) -> None:
    market = await lab(f"{DAY} 16:00", only=("yahoo",), **MINUTES_ONLY)
    market.trades("DEAD", [*session("2024-06-11"), *session(DAY, step=0.01)])
    await market.follows(equity("DEAD"))
    await market.turn()
    await market.sql(
        "DELETE FROM candles_intraday WHERE ts >= '2024-06-12 14:00Z' AND ts < '2024-06-12 14:05Z'"
    )
    market.provider("yahoo").is_out()
    await market.run_until(f"{DAY} 19:00", every=300)
    assert len(await market.dead_letters()) >= 1
    market.provider("yahoo").is_well()
    await market.later(600)
    await market.backfill("DEAD", f"{DAY} 14:00", f"{DAY} 14:05", force=True)
    await market.settle(60, 60)
    assert await market.lost("DEAD", f"{DAY} 14:00", f"{DAY} 14:05") == []
    assert [letter for letter in await market.dead_letters() if letter["start_ts"] < f"{DAY}T14:05:00Z"] == []
    await market.sql(
        "DELETE FROM candles_intraday WHERE ts >= '2024-06-12 14:01Z' AND ts < '2024-06-12 14:03Z'"
    )
    await market.settle(600, 600)
    assert await market.lost("DEAD", f"{DAY} 14:00", f"{DAY} 14:05") == []


async def test_what_an_operator_asks_for_by_hand_is_answered_plainly(lab: Lab) -> None:
    market = await lab(f"{DAY} 21:00", only=("alpaca",), **MINUTES_ONLY)
    market.trades("HAND", [*session("2024-06-11"), *minutes(OPEN, 390)])
    await market.follows(equity("HAND"))
    await market.turn()
    whole = await market.backfill("HAND", "2024-06-11 08:00", "2024-06-11 23:59")
    assert (whole.status, whole.body["made"]) == (202, 1)
    assert await market.lost("HAND", "2024-06-11 13:30", "2024-06-11 20:00") == []
    saturday = await market.backfill("HAND", "2024-06-15 13:30", "2024-06-15 20:00")
    assert saturday.status == 422
    built = await market.backfill("HAND", "2024-06-11 13:30", "2024-06-11 20:00", "5m")
    assert built.status == 422


async def test_a_symbol_that_is_delisted_is_missed_no_more(lab: Lab) -> None:
    market = await lab("2024-06-11 20:10", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("GONE", session("2024-06-11", 20.0))
    rows = "symbol,exchange,tier,delisted\nGONE,NASDAQ,T0,2024-06-11\n"
    got = await market.ask("POST", "/ops/universe", data=rows, headers={"Content-Type": "text/csv"})
    assert got.status == 200, got.body
    await market.turn()
    await market.at(f"{DAY} 13:30")
    await market.run_until(f"{DAY} 15:00", every=300)
    cover = await market.coverage("GONE", f"{DAY} 00:00", "2024-06-13 00:00")
    assert {run["state"] for run in cover["runs"]} == {"closed"}
    assert await market.dead_letters() == []
