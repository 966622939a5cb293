"""A volume of 0 that means "not known" replaces no volume that the provider has sent."""

from dataclasses import replace

import pytest

from market_data.calendar import hours_of
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import bars, universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis
from market_data.stream import Stream

pytestmark = pytest.mark.anyio

OPEN = 1720013400  # 2024-07-03T13:30:00Z
REACH = Reach(
    "chart", frozenset(AssetType), Adjustment.SPLIT, VolumeScope.UNKNOWN, delay=60, zero_is_unknown=True
)


def delivery(
    rows: list[tuple[int, float, float]], *, reach: Reach = REACH, provider: str = "yahoo"
) -> Delivery:
    """Minutes of AAPL, each (minute, close, volume), asked for ten minutes after the last."""
    told = [(OPEN + 60 * at, close, close + 1, close - 1, close, volume) for at, close, volume in rows]
    last = told[-1][0] + 60
    return Delivery(
        symbol="AAPL",
        interval=Interval.M1,
        span=Span(told[0][0], last),
        hours=hours_of("NASDAQ", AssetType.EQUITY),
        provider=provider,
        reach=reach,
        bars=Bars.of(told),
        asked_at=last + 600.0,
    )


Told = tuple[float, float | None, int]


async def stored(database: Database, redis_url: str, *told: Delivery) -> list[Told]:
    """Close, volume and revision of each bar once these were taken in, in this order."""
    await universe.put(database, [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
    async with open_redis(redis_url) as redis:
        now = OPEN + 14_400.0
        stream = Stream(redis)
        ingest = Ingest(database, Publisher(database, stream, lambda: now), lambda _: None, lambda: now)
        for one in told:
            await ingest(one)
    found = await bars.last(database, "AAPL", Interval.M1, 1000)
    return [(one.close, one.volume, one.revision) for one in found]


async def test_a_first_row_without_volume_corrects_nothing(database: Database, redis_url: str) -> None:
    found = await stored(
        database,
        redis_url,
        delivery([(0, 100.0, 500.0), (1, 101.0, 600.0)]),
        delivery([(1, 101.0, 0.0), (2, 102.0, 700.0)]),
    )
    assert found == [(100.0, 500.0, 0), (101.0, 600.0, 0), (102.0, 700.0, 0)]


async def test_a_corrected_price_keeps_the_volume(database: Database, redis_url: str) -> None:
    found = await stored(database, redis_url, delivery([(0, 100.0, 500.0)]), delivery([(0, 100.5, 0.0)]))
    assert found == [(100.5, 500.0, 1)]


async def test_a_volume_that_comes_later_replaces_the_unknown_one(database: Database, redis_url: str) -> None:
    found = await stored(database, redis_url, delivery([(0, 100.0, 0.0)]), delivery([(0, 100.0, 500.0)]))
    assert found == [(100.0, 500.0, 1)]


async def test_many_bars_at_once_keep_their_volumes(database: Database, redis_url: str) -> None:
    known = [(at, 100.0, 500.0 + at) for at in range(150)]
    unknown = [(at, 100.0, 0.0 if at in {0, 77, 149} else volume) for at, _, volume in known]
    found = await stored(database, redis_url, delivery(known), delivery(unknown))
    assert found == [(100.0, 500.0 + at, 0) for at in range(150)]


async def test_elsewhere_a_volume_of_0_is_a_correction(database: Database, redis_url: str) -> None:
    sure = replace(REACH, zero_is_unknown=False)
    found = await stored(
        database,
        redis_url,
        delivery([(0, 100.0, 500.0)], reach=sure, provider="alpaca"),
        delivery([(0, 100.0, 0.0)], reach=sure, provider="alpaca"),
    )
    assert found == [(100.0, 0.0, 1)]
