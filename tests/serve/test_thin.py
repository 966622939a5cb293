"""A thin symbol, with three trades a day, costs a bounded number of calls and ends without a gap."""

import asyncio
from pathlib import Path

import pytest

from market_data.backfill.cover import State, coverage_of
from market_data.collect.sweep import Sweeper
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.providers import discover
from market_data.store import universe

from .conftest import Clock, Served, Serving, at, pauses
from .test_completeness import drained, fetched

pytestmark = pytest.mark.anyio

OPEN, CLOSE = at("2025-07-03T13:30:00Z"), at("2025-07-03T17:00:00Z")
"""A half day of New York: it costs half the time to try."""
THIN = Instrument("THIN", "NYSE", AssetType.EQUITY, Tier.T0)
LIQUID = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
"""Its bars tell how far the feeds have come: without them the silence about a thin symbol proves nothing."""
AFTER_MINUTES = 20
"""Minutes after the close until the day is looked at."""
PROVIDERS = 2
"""Alpha Vantage is not asked: it has no words for "nothing traded", and so would be on trial all day."""
PAUSE_MINUTES = 10
"""How long a backfill of a thin series waits: THIN_PAUSE."""


async def test_a_day_of_three_trades_costs_a_bounded_number_of_calls(
    serving: Serving, tmp_path: Path
) -> None:
    recorded = tmp_path / "thin.csv"
    rows = [f"2025-07-03 {time},10,10.5,9.5,10,100" for time in ("10:15:00", "11:40:00", "12:30:00")]
    recorded.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *rows]) + "\n")
    served = await serving(
        Clock(float(OPEN)),
        recorded={"THIN": recorded},
        CADENCE_T0="bars_1m=60",
        EOD_TIERS="none",
        PROVIDERS_DISABLED=",".join(one for one in discover() if one not in {"finnhub", "yahoo"}),
        BACKFILL_DISPATCH_RATE_PER_SEC="1000",
    )
    await universe.put(served.parts.database, [THIN, LIQUID])
    await a_day(served)
    calls = {name: one.asked for name, one in served.simulator.calls.items()}
    print(calls)  # noqa: T201 - shown with -rP
    runs = await coverage_of(served.parts.finder, THIN, Interval.M1, Span(OPEN, CLOSE))
    assert {run.state for run in runs} == {State.FILLED, State.VACANT}
    assert sum(run.span.seconds for run in runs if run.state is State.FILLED) == 180
    minutes = (CLOSE - OPEN) // 60
    swept = minutes + AFTER_MINUTES  # of each symbol once
    assert sum(calls.values()) <= 2 * swept + 3 * PROVIDERS * minutes // PAUSE_MINUTES
    before = dict(calls)
    await drained(served)
    assert {name: one.asked for name, one in served.simulator.calls.items()} == before, "no loop"


async def idle(served: Served) -> None:
    """Wait until no backfill is under way or could be: the clock stands still meanwhile."""
    for pause in pauses():
        if not await served.parts.database.fetch(
            "SELECT FROM backfill_jobs WHERE status = 'running'"
            " OR (status = 'queued' AND next_attempt_at <= now())"
        ):
            return
        await asyncio.sleep(pause)
    pytest.fail("backfills were left undone")


async def a_day(served: Served) -> None:
    """Every minute is swept and scanned; a backfill that waits, waits for ten of them."""
    sweeper = Sweeper(served.parts.database, served.parts.queue, served.parts.router.roster, lambda _: None)
    while served.clock.now < CLOSE + 60 * AFTER_MINUTES:
        served.clock.now += 60
        await sweeper.sweep(served.clock())
        await fetched(served)
        await served.parts.finder.scan()
        await idle(served)
        if served.clock.now % (60 * PAUSE_MINUTES) == 0:
            await served.parts.database.run(
                "UPDATE backfill_jobs SET next_attempt_at = now() WHERE status = 'queued'"
            )
    await drained(served)
