"""After any history of faults, deletions and outages: coverage adds up, and a drain explains the rest."""

import asyncio
import random

import pytest

from market_data.backfill.cover import State, coverage_of
from market_data.backfill.work import MOST_ATTEMPTS
from market_data.collect.sweep import Sweeper
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.simulate import Fault, Switched
from market_data.store import ledger, universe

from .conftest import AAPL, Clock, Served, Serving, at, pauses

pytestmark = pytest.mark.anyio

OPEN = at("2025-10-08T13:30:00Z")
MSFT = Instrument("MSFT", "NASDAQ", AssetType.EQUITY, Tier.T0)
BOTH = (AAPL, MSFT)
FAULTS = (
    Fault.HTTP_500,
    Fault.GARBAGE,
    Fault.NO_DATA,
    Fault.MISSING_MINUTES,
    Fault.LATE_BARS,
    Fault.REVISED_BARS,
    Fault.NAN,
    Fault.NEGATIVE,
    Fault.HTTP_429,
)
STEPS = 25


async def steps(served: Served, chance: random.Random) -> None:
    """Minutes pass; now and then something fails, rows are deleted, or nobody collects for a while."""
    sweeper = Sweeper(served.parts.database, served.parts.queue, served.parts.router.roster, lambda _: None)
    switchboard = served.simulator.simulator.switchboard
    for _ in range(STEPS):
        match chance.randrange(6):
            case 0:
                provider = chance.choice(("*", "finnhub", "yahoo"))
                switchboard.switch_on(Switched(provider, chance.choice(FAULTS)))
            case 1:
                switchboard.switch_off()
            case 2:
                first = OPEN + 60 * chance.randrange(40)
                await served.parts.database.run(
                    "DELETE FROM candles_intraday "
                    "WHERE symbol = $1 AND ts BETWEEN to_timestamp($2) AND to_timestamp($3)",
                    chance.choice(BOTH).symbol,
                    float(first),
                    float(first + 60 * chance.randrange(10)),
                )
            case 3:
                served.clock.now += 60 * chance.randrange(5)  # an outage of ours
            case _:
                served.clock.now += 60
        await sweeper.sweep(served.clock())
        await fetched(served)
        await served.parts.finder.scan()
        await adds_up(served)


async def fetched(served: Served) -> None:
    for pause in pauses():
        if not any((await served.parts.queue.depth()).values()):
            return
        await asyncio.sleep(pause)
    pytest.fail("jobs were left undone")


async def adds_up(served: Served) -> list[set[State]]:
    """The states that the coverage of each instrument has; its runs have to add up to the window."""
    found = []
    window = Span(OPEN - 3600, int(served.clock()) // 60 * 60)
    for one in BOTH:
        runs = await coverage_of(served.parts.finder, one, Interval.M1, window)
        assert (runs[0].span.start, runs[-1].span.end) == (window.start, window.end)
        assert sum(run.span.seconds for run in runs) == window.seconds
        found.append({run.state for run in runs})
    return found


async def drained(served: Served) -> None:
    """Scan and do backfills, without their pauses, until nothing is left to do."""
    for pause in pauses():
        await served.parts.finder.scan()
        await served.parts.database.run(
            "UPDATE backfill_jobs SET next_attempt_at = now() WHERE status = 'queued'"
        )
        depths = await ledger.depths(served.parts.database)
        if not any(one.queued + one.running for one in depths.values()):
            return
        await asyncio.sleep(pause)
    pytest.fail("backfills were left undone")


@pytest.mark.parametrize("seed", range(4))
async def test_every_minute_ends_filled_vacant_or_failed_with_its_reason(serving: Serving, seed: int) -> None:
    served = await serving(
        Clock(OPEN + 600.0),
        BACKFILL_DISPATCH_RATE_PER_SEC="1000",
        BACKFILL_MAX_CONCURRENCY_T0="8",
        CADENCE_T0="bars_1m=60",
        BREAKER_COOLDOWN_SEC="1",
    )
    await universe.put(served.parts.database, BOTH)
    await steps(served, random.Random(seed))
    served.simulator.simulator.switchboard.switch_off()
    served.clock.now += 300  # rests are over, and the newest minutes are settled
    await drained(served)
    for states in await adds_up(served):
        assert states <= {State.FILLED, State.VACANT, State.FAILED, State.PENDING, State.CLOSED}
    dead = await ledger.listed(served.parts.database, status="dead", tier=None, before=None, limit=100)
    for one in dead:
        assert one.last_error
        assert one.attempts == MOST_ATTEMPTS
        assert one.answers
