"""What has been written is published once and in order, whoever dies in between."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import pytest
from redis.asyncio import Redis

from market_data import publish as publish_module
from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.interval import Interval
from market_data.publish import Publisher
from market_data.store import heads, write
from market_data.store.change import Change, Told
from market_data.store.connect import Database
from market_data.store.redis import open_redis
from market_data.stream import KEPT, Series, Stream, stamp

pytestmark = pytest.mark.anyio

AAPL, KO = Series("AAPL", "1m"), Series("KO", "1m")
NOW = 1_720_013_400.0


@dataclass
class Way:
    """Writers and publishers of one database and one Redis."""

    database: Database
    redis: Redis
    stream: Stream
    publisher: Publisher
    now: float = NOW

    async def write(self, close: float, series: Series = AAPL, *, minute: int = 0, count: int = 1) -> Change:
        """Write bars, as a replica does that dies right after."""
        prices = np.full(count, close)
        labels = np.arange(count, dtype=np.int64) * 60 + int(NOW) + 60 * minute
        told = Told(
            symbol=series.symbol,
            interval=Interval(series.interval),
            provider="yahoo",
            adjustment=Adjustment.RAW,
            volume_scope=VolumeScope.UNKNOWN,
            as_of=self.now,
            bars=Bars(labels, prices, prices, prices, prices, prices),
            partial=np.zeros(count, np.bool_),
        )
        async with self.database.transaction() as connection:
            return await write.write(connection, told)

    async def published(self, series: Series = AAPL) -> list[tuple[int, float]]:
        """When what was published of a series was learned, and its closes."""
        found = [one for one in await self.stream.back(KEPT) if one.series == series]
        return [(one.as_of, float(one.body.split(b'"close":')[1].split(b",")[0])) for one in found]


@pytest.fixture
async def way(database: Database, redis_url: str) -> AsyncIterator[Way]:
    async with open_redis(redis_url) as redis:
        stream = Stream(redis)
        found = Way(database, redis, stream, Publisher(database, stream, lambda: found.now))
        yield found


async def test_changes_are_published_in_the_order_in_which_they_were_written(way: Way) -> None:
    changes = [await way.write(float(close)) for close in range(1, 5)]
    for change in changes:
        await way.publisher(AAPL, change)
    assert await way.published() == [(stamp(one.as_of), float(at)) for at, one in enumerate(changes, 1)]


async def test_changes_that_are_published_in_any_order_come_out_in_their_own_and_once(way: Way) -> None:
    changes = [await way.write(float(close)) for close in range(1, 13)]
    shuffled = random.Random(7).sample(changes, len(changes))
    await asyncio.gather(*(way.publisher(AAPL, change) for change in shuffled))
    assert [close for _, close in await way.published()] == [float(close) for close in range(1, 13)]


async def test_what_a_dead_writer_left_is_published_by_the_next_one_first(way: Way) -> None:
    await way.publisher(AAPL, await way.write(1.0))
    await way.write(2.0)
    await way.write(2.5, minute=1, count=3)
    await way.publisher(AAPL, await way.write(3.0))
    assert [close for _, close in await way.published()] == [1.0, 2.0, 2.5, 2.5, 2.5, 3.0]


async def test_what_a_dead_writer_left_is_repaired_once_it_is_settled(way: Way) -> None:
    await way.publisher(AAPL, await way.write(1.0))
    await way.write(2.0)
    await way.write(5.0, KO)
    assert await way.publisher.repair() == 0  # the writer may be about to publish
    way.now += 4
    assert await way.publisher.repair() == 2
    assert [close for _, close in await way.published()] == [1.0, 2.0]
    assert [close for _, close in await way.published(KO)] == [5.0]
    assert await way.publisher.repair() == 0


async def test_a_writer_that_was_only_slow_publishes_nothing_twice(way: Way) -> None:
    change = await way.write(1.0)
    way.now += 4
    await way.publisher.repair()
    await way.publisher(AAPL, change)
    assert len(await way.published()) == 1


async def test_repairs_at_the_same_time_publish_once(way: Way) -> None:
    for close in range(1, 4):
        await way.write(float(close))
    way.now += 4
    other = Publisher(way.database, Stream(way.redis), lambda: way.now)
    await asyncio.gather(way.publisher.repair(), other.repair())
    assert [close for _, close in await way.published()] == [1.0, 2.0, 3.0]


async def test_after_redis_has_forgotten_what_was_written_just_before_is_published_with_the_next(
    way: Way,
) -> None:
    await way.publisher(AAPL, await way.write(1.0))
    way.now += 100
    await way.write(2.0)
    await way.redis.flushall()
    way.now += 10
    await way.publisher(AAPL, await way.write(3.0))
    assert [close for _, close in await way.published()] == [2.0, 3.0]


async def test_many_changes_are_caught_up_with_in_pieces_that_tear_none_apart(
    way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish_module, "MOST_NEWS", 4)
    for close in range(1, 6):
        await way.write(float(close), count=close)
    await way.publisher.catch_up(AAPL, (await way.write(9.0)).as_of)
    assert [close for _, close in await way.published()] == [
        *(float(close) for close in range(1, 6) for _ in range(close)),
        9.0,
    ]


async def test_a_write_that_changes_nothing_publishes_nothing_and_is_no_change(way: Way) -> None:
    first = await way.write(1.0)
    again = await way.write(1.0)
    assert again.bars == []
    assert (await way.write(2.0)).before == first.as_of
    assert await heads.since(way.database, heads.EPOCH) == {
        ("AAPL", "1m"): first.as_of + 2 * heads.TICK - heads.TICK
    }


async def test_changes_have_one_order_though_clocks_differ(way: Way) -> None:
    found: list[Change] = []
    for now in (NOW, NOW - 5, NOW, NOW + 1):
        way.now = now
        found.append(await way.write(now + len(found)))
    assert [one.before for one in found] == [heads.EPOCH, *(one.as_of for one in found[:-1])]
    assert [one.as_of for one in found] == sorted({one.as_of for one in found})
