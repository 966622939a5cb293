"""A vacancy is earned by witnesses, said to be provisional until it is confirmed, and can be taken back."""

from typing import Any

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, Market, equity
from .rows import at, minutes, session, sessions

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
OPEN, CLOSE = f"{DAY} 13:30", f"{DAY} 20:00"
LATER = [f"2024-06-{day}" for day in (13, 14, 17, 18, 20, 21)]
FIVE_SESSIONS_ON = "2024-06-21 02:00"


BARS_IN_VACANCIES = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider, as_of, status,
                              revision, adjustment, volume_scope)
SELECT symbol, interval, start_ts + make_interval(mins => n), 10, 10, 10, 10, 1, 'alpaca', now(), 'final', 0,
       'raw', 'venue'
FROM vacancies, generate_series(0, 2) AS n
WHERE end_ts - start_ts = interval '3 minutes' AND interval = '1m'
"""


async def thin(lab: Lab, *only: str) -> Market:
    """THIN trades in the first two minutes of each five; an hour of its session has been collected."""
    market = await lab(OPEN, only=only, **MINUTES_ONLY)
    rows = [row for row in session(DAY, 10.0, 100.0) if row[0] // 60 % 5 < 2]
    market.trades("THIN", rows + sessions(LATER, 10.0))
    await market.follows(equity("THIN"))
    await market.run_until(f"{DAY} 14:30")
    return market


async def vacant(market: Market, symbol: str = "THIN", start: str = OPEN, end: str = CLOSE) -> list[Any]:
    runs = (await market.coverage(symbol, start, end))["runs"]
    return [run for run in runs if run["state"] == "vacant"]


async def test_a_fresh_vacancy_is_provisional_and_a_later_look_confirms_it(lab: Lab) -> None:
    market = await thin(lab, "alpaca", "yahoo")
    fresh = await vacant(market, end=f"{DAY} 14:20")
    assert fresh
    assert {run["certainty"] for run in fresh} == {"provisional"}, fresh[0]
    await market.run_until(f"{DAY} 23:00", every=1800)
    await market.run_until(FIVE_SESSIONS_ON, every=4 * 3600)
    settled = await vacant(market)
    assert sum(at(run["end"]) - at(run["start"]) for run in settled) == 390 * 60 * 3 // 5
    assert {run["certainty"] for run in settled} == {"confirmed"}
    assert all(run["by"] == ["alpaca", "yahoo"] for run in settled if run["end"] < f"{DAY}T19:57:00Z")


async def test_one_provider_alone_confirms_the_minutes_of_a_thin_symbol_and_is_asked_no_more(
    lab: Lab,
) -> None:
    market = await thin(lab, "yahoo")
    await market.run_until(f"{DAY} 23:00", every=1800)
    await market.run_until(FIVE_SESSIONS_ON, every=4 * 3600)
    assert {run["certainty"] for run in await vacant(market)} == {"confirmed"}
    before = market.provider().calls()
    for _ in range(20):
        await market.at(market.world.now + 600)
        await market.turn()
    assert market.provider().calls() == before


async def test_a_whole_empty_session_is_never_confirmed_by_one_provider(lab: Lab) -> None:
    market = await lab("2024-06-11 13:30", only=("yahoo",), **MINUTES_ONLY)
    dates = [f"2024-06-{day}" for day in (11, 13, 14, 17, 18, 20, 21, 24, 25, 26, 27, 28)]
    dates += [f"2024-07-{day:02d}" for day in (1, 2, 3, 5, 8, 9, 10, 11, 12, 15, 16)]
    market.trades("GAPS", sessions(dates))
    await market.follows(equity("GAPS"))
    await market.run_until("2024-07-16 02:00", every=6 * 3600)
    runs = await vacant(market, "GAPS")
    assert sum(at(run["end"]) - at(run["start"]) for run in runs) == 390 * 60
    assert {run["certainty"] for run in runs} == {"provisional"}, runs


async def test_a_bar_that_comes_after_all_takes_the_vacancy_back(lab: Lab) -> None:
    market = await thin(lab, "alpaca", "yahoo")
    await market.run_until(f"{DAY} 23:00", every=1800)
    market.trades("THIN", [*market.truth.story("THIN").minutes.rows(), *minutes(f"{DAY} 14:03", 1, 10.0)])
    got = await market.backfill("THIN", OPEN, f"{DAY} 19:59", force=True)
    assert got.status == 202, got.body
    assert await market.lost("THIN", OPEN, CLOSE) == []
    assert await market.states("THIN", f"{DAY} 14:03", f"{DAY} 14:04") == {"filled"}
    overlapping = await market.sql(
        "SELECT v.start_ts, v.end_ts FROM vacancies v JOIN candles_intraday c ON c.symbol = v.symbol "
        "AND c.ts >= v.start_ts AND c.ts < v.end_ts WHERE c.status <> 'partial' AND v.symbol = 'THIN'"
    )
    assert overlapping == []


async def test_forced_a_backfill_asks_again_for_what_is_filled_and_keeps_what_it_was(lab: Lab) -> None:
    market = await lab(OPEN, only=("yahoo",), **MINUTES_ONLY)
    market.trades("FORCE", session(DAY))
    await market.follows(equity("FORCE"))
    await market.run_until("2024-06-12 14:00")
    market.provider("yahoo").revises("FORCE", f"{DAY} 13:40", close=100.25)
    assert (await market.backfill("FORCE", OPEN, f"{DAY} 13:50")).body["made"] == 0
    assert await market.wrong("FORCE", OPEN, f"{DAY} 13:55") == []
    assert (await market.backfill("FORCE", OPEN, f"{DAY} 13:50", force=True)).body["made"] == 1
    row = (await market.stored("FORCE", OPEN, CLOSE))[at(f"{DAY} 13:40")]
    assert (row["close"], row["status"], row["revision"] > 0) == (100.25, "corrected", True)
    before = await market.sql("SELECT close FROM candle_revisions WHERE status <> 'partial'")
    assert [one["close"] for one in before] == [100.0]


async def test_a_symbol_that_nobody_knows_is_unknown_and_never_vacant(lab: Lab) -> None:
    market = await lab(OPEN, **MINUTES_ONLY)
    market.trades("REAL", session(DAY))
    await market.follows(equity("APPLE"), equity("REAL"))
    await market.run_until(f"{DAY} 15:00", every=300)
    cover = await market.coverage("APPLE", f"{DAY} 00:00", "2024-06-13 00:00")
    states = {run["state"] for run in cover["runs"]} - {"closed"}
    assert states <= {"unknown", "pending"}, cover["runs"]
    assert "unknown" in states
    assert all(run["why"] for run in cover["runs"] if run["state"] == "unknown")
    assert await market.sql("SELECT * FROM vacancies WHERE symbol = 'APPLE'") == []
    assert "available" not in {day["condition"] for day in cover["days"]}
    assert await market.lost("REAL", OPEN, f"{DAY} 14:50") == []


async def test_a_halt_is_provisional_while_it_lasts_and_costs_few_calls(lab: Lab) -> None:
    market = await lab("2024-06-11 13:30", **MINUTES_ONLY)
    market.trades("HALT", [*session("2024-06-11", 19.0), *minutes(OPEN, 30, 20.0)])
    market.trades("BUSY", [*session("2024-06-11", 19.0), *session(DAY, 19.0)])
    await market.follows(equity("HALT"), equity("BUSY"))
    await market.run_until("2024-06-11 20:10", every=3600)
    await market.run_until(f"{DAY} 14:00", every=3600)
    await market.run_until(f"{DAY} 16:00", every=120)
    assert await market.states("HALT", f"{DAY} 14:00", f"{DAY} 15:30") <= {"vacant", "pending"}
    assert {run["certainty"] for run in await vacant(market, "HALT")} == {"provisional"}


async def test_a_symbol_in_its_first_session_is_known_by_its_minutes(lab: Lab) -> None:
    market = await lab(OPEN, only=("yahoo",), CADENCE_T0="bars_1m=60,eod=3600")
    market.trades("NEW", [*session(DAY), *session("2024-06-13")])
    await market.follows(equity("NEW"))
    await market.run_until(f"{DAY} 15:00", every=600)
    assert await market.lost("NEW", OPEN, f"{DAY} 14:50") == []
    assert "unknown" not in await market.states("NEW", "2024-06-03 00:00", "2024-06-12 00:00", "1d")
    assert [letter["last_error"] for letter in await market.dead_letters()] == []
    await market.run_until("2024-06-14 02:00", every=3600)
    assert set(await market.days("NEW")) == {DAY, "2024-06-13"}
    assert await market.states("NEW", "2024-06-03 00:00", "2024-06-12 00:00", "1d") <= {"vacant"}
    assert await market.dead_letters() == []


async def test_a_vacancy_whose_bars_have_come_by_themselves_is_looked_at_no_more(lab: Lab) -> None:
    market = await thin(lab, "alpaca", "yahoo")
    await market.sql(BARS_IN_VACANCIES)
    await market.run_until(f"{DAY} 22:30", every=1800)
    assert await market.sql("SELECT * FROM vacancies WHERE look_at <= now()") == []
    runs = (await market.coverage("THIN", OPEN, f"{DAY} 13:50"))["runs"]
    assert {run["state"] for run in runs} == {"filled"}
    left = await market.sql("SELECT start_ts FROM vacancies")
    assert not [one for one in left if at(OPEN) <= one["start_ts"].timestamp() < at(f"{DAY} 13:50")]


async def test_a_recheck_leaves_what_nobody_can_tell_to_a_backfill_of_its_own(lab: Lab) -> None:
    market = await lab(OPEN, only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("THIN", minutes(OPEN, 350, 10.0))  # nothing trades after 19:20
    await market.follows(equity("THIN"))
    await market.run_until(f"{DAY} 23:00", every=1800)
    left = await market.sql("SELECT start_ts, forced FROM backfill_jobs WHERE status = 'queued'")
    assert left, "the minutes after the last trade are still asked for"
    assert not any(one["forced"] or one["start_ts"].timestamp() < at(f"{DAY} 18:30") for one in left), left
    wish = await market.backfill("THIN", OPEN, f"{DAY} 19:59", force=True)
    assert wish.body["made"] == 1
    forced = await market.sql("SELECT reason, status FROM backfill_jobs WHERE forced ORDER BY id")
    assert [(one["reason"], one["status"]) for one in forced] == [("recheck", "done"), ("operator", "done")]
