"""A split leaves no cliff: a provider's re-based history is asked for again, the old kept as revisions."""

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from market_data.calendar import hours_of
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars
from market_data.market.capability import Capability
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.queue import Job
from market_data.store import ledger, universe
from market_data.stream import Stream

from .conftest import AAPL, Clock, Served, Serving, at, pauses

pytestmark = pytest.mark.anyio

OTHERS = ",".join(sorted(set(discover()) - {"yahoo"}))
NOW = at("2025-10-08T23:30:00Z")
HISTORY = Span(at("2024-06-03T00:00:00Z"), at("2025-10-08T00:00:00Z"))
NEWEST = Span(at("2025-09-30T00:00:00Z"), at("2025-10-09T00:00:00Z"))
DAYS = "SELECT extract(epoch FROM ts)::bigint AS ts, close, provider, revision FROM candles_daily ORDER BY ts"
JOB = Job(
    symbol=AAPL.symbol,
    exchange=AAPL.exchange,
    asset_type=AAPL.asset_type,
    tier=AAPL.tier,
    capability=Capability.EOD,
    start=NEWEST.start,
    end=NEWEST.end,
    made_at=float(NOW),
    expires_at=NOW + 600.0,
)


@pytest.fixture
async def served(serving: Serving) -> Served:
    found = await serving(
        Clock(float(NOW)),
        PROVIDERS_DISABLED=OTHERS,
        BACKFILL_DISPATCH_RATE_PER_SEC="100",
    )
    await universe.put(found.parts.database, [AAPL])
    return found


def truth(served: Served, span: Span) -> Bars:
    """What the simulator tells of whole days."""
    return served.simulator.simulator.tape.bars(AAPL.symbol, Interval.D1, span, NOW)


async def told_before(served: Served, by: float, provider: str, adjustment: Adjustment) -> Bars:
    """The history as it was told before: all prices times `by`."""
    bars = truth(served, HISTORY)
    prices = (bars.open * by, bars.high * by, bars.low * by, bars.close * by)
    scaled = Bars(bars.ts, *prices, bars.volume / by)
    publisher = Publisher(served.parts.database, Stream(served.parts.redis), served.clock)
    reach = Reach("chart", frozenset([AAPL.asset_type]), adjustment=adjustment)
    await Ingest(served.parts.database, publisher, lambda _: None, served.clock)(
        Delivery(
            symbol=AAPL.symbol,
            interval=Interval.D1,
            span=HISTORY,
            hours=hours_of(AAPL.exchange, AAPL.asset_type),
            provider=provider,
            reach=reach,
            bars=scaled,
            asked_at=float(HISTORY.end),
        )
    )
    return bars


async def drained(served: Served) -> None:
    for pause in pauses():
        depths = (await ledger.depths(served.parts.database)).values()
        if not any(one.queued + one.running for one in depths):
            return
        await asyncio.sleep(pause)
    pytest.fail("backfills were left undone")


@pytest.mark.parametrize("provider", ["yahoo", "finnhub"])
async def test_after_a_split_all_days_are_told_anew_whoever_told_them_before(
    served: Served, provider: str
) -> None:
    bars = await told_before(served, 4.0, provider, Adjustment.SPLIT)
    await served.parts.fetcher.fetch(JOB)
    await drained(served)
    rows = await served.parts.database.fetch(DAYS)
    whole = truth(served, Span(HISTORY.start, NEWEST.end))
    assert [row["ts"] for row in rows] == whole.ts.tolist()
    assert np.allclose([row["close"] for row in rows], whole.close, rtol=1e-6), "no cliff"
    assert {row["provider"] for row in rows} == {"yahoo"}
    assert {row["revision"] for row in rows if row["ts"] in bars.ts} == {1}
    kept = await served.parts.database.fetch(
        "SELECT close FROM candle_revisions WHERE interval = '1d' ORDER BY ts"
    )
    assert np.allclose([row["close"] for row in kept], bars.close * 4.0), "what was known before is kept"
    listed = (await served.get("/ops/backfills")).json
    assert {one["restated_by"] for one in listed["backfills"]} == {"yahoo"}


async def test_what_is_not_rebased_is_not_asked_for_again(served: Served) -> None:
    await told_before(served, 1.0, "yahoo", Adjustment.SPLIT)
    await served.parts.fetcher.fetch(JOB)
    assert await served.parts.database.fetch("SELECT FROM backfill_jobs WHERE restated_by IS NOT NULL") == []
    assert {row["revision"] for row in await served.parts.database.fetch(DAYS)} == {0}


async def test_raw_days_stay_beside_adjusted_ones(served: Served) -> None:
    """A raw history has a cliff where the stock was split: that is the truth, and is not compared."""
    bars = await told_before(served, 4.0, "alpaca", Adjustment.RAW)
    await served.parts.fetcher.fetch(JOB)
    await drained(served)
    rows = await served.parts.database.fetch(
        "SELECT close, revision FROM candles_daily WHERE adjustment = 'raw' ORDER BY ts"
    )
    assert np.allclose([row["close"] for row in rows], bars.close * 4.0)
    assert {row["revision"] for row in rows} == {0}


async def test_noticed_twice_it_is_queued_once(served: Served) -> None:
    await told_before(served, 4.0, "yahoo", Adjustment.SPLIT)
    await served.parts.loops.finish_work()
    await asyncio.gather(served.parts.fetcher.fetch(JOB), served.parts.fetcher.fetch(JOB))
    rows = await served.parts.database.fetch(
        "SELECT start_ts, end_ts FROM backfill_jobs WHERE restated_by = 'yahoo' ORDER BY start_ts"
    )
    assert len(rows) == len({row["start_ts"] for row in rows}) > 1
    assert all(one["end_ts"] == after["start_ts"] for one, after in pairwise(rows))
