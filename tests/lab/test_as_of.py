"""What was final at a moment reads the same with `as_of` of that moment, built bars included."""

from typing import Any

import pytest

from .conftest import Lab
from .market import MINUTES_ONLY, Market, equity
from .rows import at, minutes, session, utc

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
OPEN = f"{DAY} 13:30"
Read = dict[str, tuple[Any, ...]]


async def final(market: Market, symbol: str, interval: str, as_of: str = "") -> Read:
    """The bars that are called final, by label."""
    known = {"as_of": as_of} if as_of else {}
    told = await market.bars(symbol, interval, start=OPEN, end=f"{DAY} 20:00", session="regular", **known)
    return {
        one["ts"]: (one["open"], one["high"], one["low"], one["close"], one["volume"])
        for one in told
        if one["status"] != "partial"
    }


def moment(seconds: float) -> str:
    """The last microsecond of a second: what was written in it is known."""
    return utc(seconds).replace("Z", ".999999Z")


@pytest.mark.parametrize("only", [("alpaca",), ("alpaca", "yahoo")])
async def test_a_built_bar_that_was_final_reads_the_same_later(lab: Lab, only: tuple[str, ...]) -> None:
    market = await lab(OPEN, only=only, **MINUTES_ONLY)
    thin = [row for row in session(DAY, 10.0, 100.0, step=0.01) if row[0] // 60 % 5 < 2]
    market.trades("THIN", thin)
    await market.follows(equity("THIN"))
    reads: dict[float, dict[str, Read]] = {}
    for minute in range(1, 41):
        await market.at(at(OPEN) + 60 * minute + 3)
        await market.turn()
        if minute % 3 == 0:
            reads[market.world.now] = {one: await final(market, "THIN", one) for one in ("5m", "15m")}
    await market.run_until(f"{DAY} 23:00", every=1800)
    differ = []
    for when, answers in reads.items():
        for interval, was in answers.items():
            now = await final(market, "THIN", interval, as_of=moment(when))
            differ += [(utc(when), interval, label, was[label], now.get(label)) for label in was
                       if was[label] != now.get(label)]  # fmt: skip
    assert differ == []


async def test_a_correction_changes_no_answer_about_the_time_before_it(lab: Lab) -> None:
    market = await lab(f"{DAY} 16:00", only=("alpaca",), **MINUTES_ONLY)
    market.trades("COR", minutes(OPEN, 120, 10.0, 100.0, spread=0.1))
    await market.follows(equity("COR"))
    await market.turn()
    known = [(market.world.now, 10.1)]
    for high in (10.6, 10.7):
        await market.later(600)
        market.provider("alpaca").revises("COR", f"{DAY} 14:00", close=high)
        await market.backfill("COR", f"{DAY} 14:00", f"{DAY} 14:00", force=True)
        known.append((market.world.now, high))
    for when, high in known:
        told = await market.bars("COR", "1h", start=OPEN, session="regular", as_of=moment(when))
        assert told[0]["high"] == high
        days = await market.bars("COR", "1d", start=f"{DAY} 00:00", session="regular", as_of=moment(when))
        assert days[0]["high"] == high
    before = await market.bars("COR", "1h", start=OPEN, session="regular", as_of=moment(known[0][0] - 60))
    assert before == []


async def test_rows_that_were_deleted_by_hand_are_found_missing_and_filled(lab: Lab) -> None:
    market = await lab(f"{DAY} 16:00", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("DEL", session(DAY, step=0.01))
    await market.follows(equity("DEL"))
    await market.turn()
    await market.later(600)
    await market.sql(
        "DELETE FROM candles_intraday WHERE ts BETWEEN '2024-06-12 14:00Z' AND '2024-06-12 14:10Z'"
    )
    await market.settle()
    assert await market.lost("DEL", OPEN, f"{DAY} 16:00") == []
    assert await market.wrong("DEL", OPEN, f"{DAY} 16:00") == []
