"""Fan out: clients of a series get the same bytes, and after an outage what they missed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis.asyncio import Redis

from market_data.errors import StoreUnavailable
from market_data.events import Event, MessagesDropped, Published
from market_data.push.hub import Hub
from market_data.push.outbox import Outbox
from market_data.store.embedded import EmbeddedValkey
from market_data.store.redis import open_redis
from market_data.stream import Stream
from waiting import PATIENCE_SECONDS, until_somebody_waits

from .publications import OPEN, bar, publication

pytestmark = pytest.mark.anyio

AAPL, KO = ("AAPL", "1m"), ("KO", "1m")


def hub_of(redis: Redis, events: list[Event] | None = None, *, size: int = 256, now: float = OPEN) -> Hub:
    return Hub(Stream(redis), size, (events if events is not None else []).append, lambda: now)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(redis_url) as client:
        yield client


@asynccontextmanager
async def running(hub: Hub, redis: Redis) -> AsyncIterator[asyncio.Task[None]]:
    """The hub's loop, once it waits for news."""
    task = asyncio.create_task(hub.run())
    try:
        await until_somebody_waits(redis)
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, StoreUnavailable):
            await task


async def labels(outbox: Outbox, count: int) -> list[int]:
    """The minutes of the next `count` publications."""
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < count:
            found += [(one.ts - OPEN) // 60 for one in await outbox.take()]
    return found


async def test_every_client_of_the_series_gets_the_same_bytes_and_no_other_client_any(redis: Redis) -> None:
    hub, news = hub_of(redis), publication(1)
    with (
        hub.subscribed(AAPL) as first,
        hub.subscribed(AAPL) as second,
        hub.subscribed(KO) as other,
        hub.subscribed(("AAPL", "1d")) as daily,
    ):
        hub.hand_on(news)
        assert [one.body is news.body for one in [*await first.take(), *await second.take()]] == [True, True]
        assert (len(other), len(daily)) == (0, 0)


async def test_a_client_that_leaves_gets_nothing_more_and_those_who_stay_do(redis: Redis) -> None:
    hub = hub_of(redis)
    with hub.subscribed(AAPL) as stays:
        with suppress(ZeroDivisionError), hub.subscribed(AAPL) as leaves:
            assert hub.clients == 2
            raise ZeroDivisionError  # however it leaves
        hub.hand_on(publication(1))
        assert (len(stays), len(leaves), hub.clients) == (1, 0, 1)
    assert hub.clients == 0


async def test_what_is_published_while_it_runs_is_handed_on_in_order_and_nothing_before(redis: Redis) -> None:
    hub, stream = hub_of(redis), Stream(redis)
    await stream.publish(*AAPL, [bar(0)])
    with hub.subscribed(AAPL) as outbox:
        async with running(hub, redis):
            await stream.publish(*AAPL, [bar(1), bar(2)])
            await stream.publish(*KO, [bar(3)])
            await stream.publish(*AAPL, [bar(4)])
            assert await labels(outbox, 3) == [1, 2, 4]


async def test_a_client_gets_the_bytes_that_were_published(redis: Redis) -> None:
    hub, stream = hub_of(redis), Stream(redis)
    with hub.subscribed(AAPL) as first, hub.subscribed(AAPL) as second:
        async with running(hub, redis):
            await stream.publish(*AAPL, [bar(1)])
            async with asyncio.timeout(PATIENCE_SECONDS):
                (one,), (other,) = await first.take(), await second.take()
    assert one.body is other.body


async def test_a_loop_that_is_run_again_goes_on_where_it_was(redis: Redis) -> None:
    hub, stream = hub_of(redis), Stream(redis)
    with hub.subscribed(AAPL) as outbox:
        async with running(hub, redis):
            await stream.publish(*AAPL, [bar(1)])
            assert await labels(outbox, 1) == [1]
        await stream.publish(*AAPL, [bar(2), bar(3)])
        async with running(hub, redis):
            await stream.publish(*AAPL, [bar(4)])
            assert await labels(outbox, 3) == [2, 3, 4]


async def test_after_an_outage_of_redis_clients_get_what_they_missed_and_nothing_twice(
    servers_folder: Path,
) -> None:
    folder = servers_folder / "outage"
    server = EmbeddedValkey(folder)
    await asyncio.to_thread(server.__enter__)
    try:
        async with open_redis(server.url) as redis:
            hub, stream = hub_of(redis), Stream(redis)
            with hub.subscribed(AAPL) as outbox:
                async with running(hub, redis) as loop:
                    await stream.publish(*AAPL, [bar(1)])
                    assert await labels(outbox, 1) == [1]
                    await asyncio.to_thread(server.__exit__, None, None, None)
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        with pytest.raises(StoreUnavailable):
                            await loop
                await asyncio.to_thread(server.__enter__)
                await stream.publish(*AAPL, [bar(2)])
                async with running(hub, redis):
                    await stream.publish(*AAPL, [bar(3)])
                    assert await labels(outbox, 2) == [2, 3]
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


@pytest.mark.parametrize(
    ("clock", "milliseconds"), [(OPEN + 0.25, 250.0), (OPEN, 0.0), (OPEN - 5.0, 0.0)], ids=str
)
async def test_a_publication_is_told_with_its_clients_and_its_age(
    redis: Redis, clock: float, milliseconds: float
) -> None:
    events: list[Event] = []
    hub = hub_of(redis, events, now=clock)
    with hub.subscribed(AAPL), hub.subscribed(AAPL):
        hub.hand_on(publication(OPEN * 1000))
    hub.hand_on(publication(OPEN * 1000))
    assert events == [Published(2, milliseconds), Published(0, milliseconds)]


async def test_what_slow_clients_lose_is_told(redis: Redis) -> None:
    events: list[Event] = []
    hub = hub_of(redis, events, size=2)
    with hub.subscribed(AAPL), hub.subscribed(AAPL):
        for number in range(3):
            hub.hand_on(publication(number))
    assert [one for one in events if isinstance(one, MessagesDropped)] == [MessagesDropped(4)]


async def test_a_slow_client_takes_nothing_from_another(redis: Redis) -> None:
    hub = hub_of(redis, size=2)
    with hub.subscribed(AAPL) as slow, hub.subscribed(AAPL) as quick:
        told = []
        for number in range(5):
            hub.hand_on(publication(number, minute=number))
            told += await labels(quick, 1)
        assert told == [0, 1, 2, 3, 4]
        assert (await labels(slow, 1))[-1] == 4
