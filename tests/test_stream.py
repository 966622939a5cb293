"""Publications on a real Redis: in order, encoded once, from any position on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from market_data import stream as stream_module
from market_data.errors import StoreUnavailable
from market_data.market.bar import BarStatus, KnownBar
from market_data.market.span import epoch
from market_data.store.redis import entries, open_redis, reachable
from market_data.stream import STREAM, Publication, Stream, encode
from waiting import PATIENCE_SECONDS, until_somebody_waits

pytestmark = pytest.mark.anyio

OPEN = datetime(2024, 7, 3, 13, 30, tzinfo=UTC)


def bar(minute: int, revision: int = 0) -> KnownBar:
    return KnownBar(
        ts=OPEN + timedelta(minutes=minute),
        open=100.0,
        high=101.5,
        low=99.25,
        close=100.5 + revision,
        volume=1200.0,
        provider="yahoo",
        as_of=OPEN + timedelta(minutes=minute + 1, milliseconds=250),
        status=BarStatus.CORRECTED if revision else BarStatus.FINAL,
        revision=revision,
        adjustment="raw",
        volume_scope="consolidated",
    )


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(redis_url) as client:
        yield client


@pytest.fixture
def stream(redis: Redis) -> Stream:
    return Stream(redis)


async def following(stream: Stream, after: str, count: int) -> list[Publication]:
    """The next publications after a position."""
    tail = stream.tail(after)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await anext(tail) for _ in range(count)]


async def test_what_is_published_comes_out_in_order_with_all_that_it_says(stream: Stream) -> None:
    bars = [bar(0), bar(1), bar(0, revision=1)]
    await stream.publish("AAPL", "1m", bars)
    await stream.publish("^GSPC", "1d", [bar(2)])
    found = await following(stream, "0-0", 4)
    assert [(one.symbol, one.interval, one.ts, one.revision) for one in found] == [
        ("AAPL", "1m", epoch(OPEN), 0),
        ("AAPL", "1m", epoch(OPEN) + 60, 0),
        ("AAPL", "1m", epoch(OPEN), 1),
        ("^GSPC", "1d", epoch(OPEN) + 120, 0),
    ]
    assert [one.body for one in found[:3]] == [encode("AAPL", "1m", one) for one in bars]
    order = [tuple(int(part) for part in one.position.split("-")) for one in found]
    assert order == sorted(set(order))


def test_the_body_of_a_publication_is_the_message_that_clients_get() -> None:
    assert json.loads(encode("BRK.B", "1m", bar(0, revision=2))) == {
        "type": "bar",
        "symbol": "BRK.B",
        "interval": "1m",
        "ts": "2024-07-03T13:30:00Z",
        "open": 100.0,
        "high": 101.5,
        "low": 99.25,
        "close": 102.5,
        "volume": 1200.0,
        "provider": "yahoo",
        "as_of": "2024-07-03T13:31:00.250000Z",
        "status": "corrected",
        "revision": 2,
        "adjustment": "raw",
        "volume_scope": "consolidated",
    }


async def test_the_newest_position_is_where_news_begin(stream: Stream) -> None:
    assert await stream.newest() == "0-0"
    await stream.publish("AAPL", "1m", [bar(0), bar(1)])
    newest = await stream.newest()
    assert newest == (await following(stream, "0-0", 2))[-1].position
    await stream.publish("AAPL", "1m", [bar(2)])
    assert [one.ts for one in await following(stream, newest, 1)] == [epoch(OPEN) + 120]


async def test_a_tail_goes_on_after_its_position_whatever_it_is(stream: Stream) -> None:
    await stream.publish("AAPL", "1m", [bar(minute) for minute in range(5)])
    found = await following(stream, "0-0", 5)
    for index, one in enumerate(found[:-1]):
        assert await following(stream, one.position, 4 - index) == found[index + 1 :]


async def test_a_tail_longer_than_a_read_is_complete(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "READ_COUNT", 3)
    await stream.publish("AAPL", "1m", [bar(minute) for minute in range(10)])
    found = await following(stream, "0-0", 10)
    assert [one.ts for one in found] == [epoch(OPEN) + 60 * minute for minute in range(10)]


async def test_a_tail_waits_for_what_is_not_published_yet(
    stream: Stream, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        stream_module, "READ_BLOCK_MS", 20
    )  # it reads again and again until there is something
    waiting = asyncio.create_task(following(stream, await stream.newest(), 1))
    for _ in range(3):
        await until_somebody_waits(redis)
        await asyncio.sleep(0.02)
    assert not waiting.done()
    await stream.publish("AAPL", "1m", [bar(0)])
    assert [one.ts for one in await waiting] == [epoch(OPEN)]


OURS: dict[str, object] = {"symbol": "KO", "interval": "1m", "ts": 60, "revision": 0, "body": "{}"}


@pytest.mark.parametrize(
    "fields",
    [
        {"hello": "world"},
        *({name: value for name, value in OURS.items() if name != missing} for missing in OURS),
        {**OURS, "ts": "noon"},
        {**OURS, "revision": "1.5"},
        {**OURS, "symbol": b"\xff"},
        {**OURS, "interval": b"\xff"},
    ],
)
async def test_an_entry_that_is_not_ours_is_passed_over(
    stream: Stream, redis: Redis, fields: dict[str, str]
) -> None:
    await stream.publish("AAPL", "1m", [bar(0)])
    await redis.xadd(STREAM, dict(fields.items()))
    await stream.publish("AAPL", "1m", [bar(1)])
    found = await following(stream, "0-0", 2)
    assert [one.ts for one in found] == [epoch(OPEN), epoch(OPEN) + 60]


async def test_no_bars_publish_nothing(stream: Stream, redis: Redis) -> None:
    await stream.publish("AAPL", "1m", [])
    assert await redis.exists(STREAM) == 0


async def test_past_the_bound_the_oldest_publications_are_dropped(
    stream: Stream, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = 100  # entries that Redis drops at once where the bound is "about"
    monkeypatch.setattr(stream_module, "KEPT", 200)
    await stream.publish("AAPL", "1m", [bar(minute) for minute in range(1000)])
    kept = await redis.xlen(STREAM)
    assert 200 <= kept < 200 + node
    found = await following(stream, "0-0", kept)
    assert found[-1].ts == epoch(OPEN) + 60 * 999


async def test_a_redis_that_is_not_there_is_an_outage() -> None:
    async with open_redis("redis://127.0.0.1:1/0") as nowhere:
        stream = Stream(nowhere)
        calls = (stream.publish("AAPL", "1m", [bar(0)]), stream.newest(), following(stream, "0-0", 1))
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(error, StoreUnavailable)


@pytest.mark.parametrize("reply", [None, [], {}])
def test_a_reply_without_entries_has_none(reply: object) -> None:
    assert entries(reply or None) == []


def test_the_entries_of_a_reply_keep_its_order() -> None:
    reply = [[b"b", [(b"2-0", {b"x": b"1"}), (b"3-0", {})]], [b"a", [(b"1-0", {b"y": b"\xff"})]]]
    assert entries(reply) == [("b", "2-0", {b"x": b"1"}), ("b", "3-0", {}), ("a", "1-0", {b"y": b"\xff"})]


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), TimeoutError(), ConnectionResetError()])
async def test_what_the_driver_raises_is_an_outage_with_its_cause(error: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=type(error).__name__) as caught, reachable():
        raise error
    assert caught.value.__cause__ is error


async def test_a_bug_of_ours_is_no_outage() -> None:
    with pytest.raises(ZeroDivisionError), reachable():
        raise ZeroDivisionError


async def test_a_cancellation_that_the_driver_loses_ends_the_task_all_the_same() -> None:
    went_on = False

    async def ask() -> None:
        nonlocal went_on
        with reachable(), suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        went_on = True

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert asking.cancelled()
    assert not went_on


@pytest.mark.parametrize("turns", range(12))
async def test_a_tail_that_is_cancelled_at_any_moment_ends(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    monkeypatch.setattr(stream_module, "READ_BLOCK_MS", 20)
    await stream.publish("AAPL", "1m", [bar(0)])
    following_two = asyncio.create_task(following(stream, "0-0", 2))
    for _ in range(turns):  # of the event loop: within each, the driver is at another place
        await asyncio.sleep(0)
    following_two.cancel()
    await asyncio.wait({following_two}, timeout=PATIENCE_SECONDS / 2)
    assert following_two.cancelled()
