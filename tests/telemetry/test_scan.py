"""The scan of the service level: once an interval for all replicas, and for each while Redis is out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from market_data.errors import StoreUnavailable
from market_data.market.instrument import Tier
from market_data.market.interval import Interval
from market_data.store.redis import open_redis
from market_data.telemetry.scan import KEY, LEASE, Scan, SharedScan

pytestmark = pytest.mark.anyio


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(redis_url) as client:
        yield client


class Look:
    """Counts the scans; each takes a moment."""

    def __init__(self, seconds: float = 0.05) -> None:
        self.seconds = seconds
        self.count = 0

    async def __call__(self) -> Scan:
        self.count += 1
        await asyncio.sleep(self.seconds)
        return Scan(float(self.count), [(Tier.T0, Interval.M1, 0.25)])


async def test_all_scrapes_of_all_replicas_within_an_interval_share_one_scan(redis: Redis) -> None:
    look = Look()
    team = [SharedScan(redis, look, lambda: 60.0) for _ in range(4)]
    found = await asyncio.gather(*(one.newest() for one in team for _ in range(5)))
    assert look.count == 1
    assert set(map(str, found)) == {str(Scan(1.0, [(Tier.T0, Interval.M1, 0.25)]))}
    assert await SharedScan(redis, look, lambda: 60.0).newest() == found[0], "a replica that comes later"
    assert look.count == 1
    assert 0 < await redis.pttl(KEY) <= 60_000
    assert await redis.get(LEASE) is None


async def test_after_the_interval_it_is_scanned_again(redis: Redis) -> None:
    look = Look(0.0)
    team = [SharedScan(redis, look, lambda: 0.2) for _ in range(2)]
    assert [(await one.newest()).lag for one in team] == [1.0, 1.0]
    await asyncio.sleep(0.25)
    assert [(await one.newest()).lag for one in team] == [2.0, 2.0]


async def test_without_redis_each_replica_scans_once_an_interval(servers_folder: Path) -> None:
    look = Look(0.0)
    async with open_redis(f"unix://{servers_folder / 'nobody.sock'}") as gone:
        team = [SharedScan(gone, look, lambda: 60.0) for _ in range(2)]
        for _ in range(3):
            for one in team:
                await one.newest()
    assert look.count == 2


async def test_the_scan_of_a_replica_that_died_is_not_waited_for_for_ever(redis: Redis) -> None:
    await redis.set(LEASE, b"", px=30_000)
    look = Look(0.0)
    assert (await asyncio.wait_for(SharedScan(redis, look, lambda: 60.0).newest(), 10)).lag == 1.0
    assert await redis.get(LEASE) is not None, "it is not ours to give back"


async def test_a_scrape_that_leaves_lets_the_scan_go_on_for_the_next(redis: Redis) -> None:
    look = Look(0.3)
    scan = SharedScan(redis, look, lambda: 60.0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scan.newest(), 0.1)
    assert (await scan.newest()).lag == 1.0
    assert look.count == 1


async def test_a_scan_that_fails_gives_its_lease_back(redis: Redis) -> None:
    async def fails() -> Scan:
        raise StoreUnavailable("PostgreSQL is out")

    scan = SharedScan(redis, fails, lambda: 60.0)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await scan.newest()
    assert await redis.get(LEASE) is None
