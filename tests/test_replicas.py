"""Who is there: what each replica knows of the others, with Redis and without."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from market_data import replicas as module
from market_data.replicas import Replicas
from market_data.store.redis import open_redis

pytestmark = pytest.mark.anyio

SYMBOLS = [f"S{number}" for number in range(600)]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(redis_url) as client:
        yield client


async def test_each_symbol_is_in_the_share_of_one_replica(redis: Redis) -> None:
    team = [Replicas(redis, name) for name in "cab"]
    assert all(one.mine("AAPL") for one in team), "nobody knows of others yet"
    for _ in range(2):
        for one in team:
            await one.beat()
    assert {one.known for one in team} == {("a", "b", "c")}
    shares = [sum(one.mine(symbol) for symbol in SYMBOLS) for one in team]
    assert sum(shares) == len(SYMBOLS)
    assert min(shares) > len(SYMBOLS) / 5
    await team[0].leave()
    await team[1].beat()
    assert team[1].known == ("a", "b")


async def test_one_that_gives_no_sign_of_life_is_gone(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GONE_SECONDS", 0.0)
    await Replicas(redis, "dead").beat()
    alive = Replicas(redis, "alive")
    await alive.beat()
    assert "dead" not in alive.known


async def test_one_that_died_before_the_clock_of_redis_was_set_back_is_gone(redis: Redis) -> None:
    seconds, _ = await redis.time()
    await redis.zadd(module.KEY, {"dead": int(seconds) + 3600})
    alive = Replicas(redis, "alive")
    await alive.beat()
    assert alive.known == ("alive",)


async def test_without_redis_the_last_known_count(redis: Redis, servers_folder: Path) -> None:
    first, second = Replicas(redis, "first"), Replicas(redis, "second")
    await first.beat()
    await second.beat()
    second._beat = open_redis(f"unix://{servers_folder / 'nobody.sock'}").register_script("return 1")
    await second.beat()
    assert second.out
    assert second.known == ("first", "second")
