"""Publications on a real Redis: in order, encoded once, from any position on."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from market_data import stream as stream_module
from market_data.errors import StoreUnavailable
from market_data.market.bar import BarStatus, KnownBar
from market_data.market.span import epoch
from market_data.store.redis import entries, open_redis, reachable
from market_data.stream import (
    LIFE,
    START,
    STREAM,
    Position,
    Publication,
    Series,
    Stream,
    encode,
    key,
    stamp,
)
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


AAPL, INDEX = Series("AAPL", "1m"), Series("^GSPC", "1d")


async def publish(stream: Stream, bars: Sequence[KnownBar], series: Series = AAPL) -> None:
    """Publish as the only writer there is."""
    before, _ = await stream.head(series)
    assert await stream.publish(series, bars, before=before, head=before + 1, at=1.5) is None


async def following(stream: Stream, after: Position, count: int) -> list[Publication]:
    """The next publications after a position."""
    found: list[Publication] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for read in stream.tail(after):
            found += read
            if len(found) >= count:
                break
    return found


async def test_what_is_published_comes_out_in_order_with_all_that_it_says(stream: Stream) -> None:
    bars = [bar(0), bar(1), bar(0, revision=1)]
    await publish(stream, bars)
    await publish(stream, [bar(2)], INDEX)
    found = await following(stream, START, 4)
    labels = [f"{epoch(OPEN) + 60 * minute:012d}" for minute in (0, 1, 0, 2)]
    assert [(one.series, one.bar) for one in found] == [
        *((AAPL, label) for label in labels[:3]),
        (INDEX, f"{labels[3]} raw"),
    ]
    assert [one.body for one in found[:3]] == [encode(AAPL, one) for one in bars]
    assert [(one.as_of, one.at) for one in found[:3]] == [(stamp(one.as_of), 1500.0) for one in bars]
    assert [one.position.number for one in found] == [1, 2, 3, 4]
    assert len({one.position.life for one in found}) == 1


def test_the_body_of_a_publication_is_the_message_that_clients_get() -> None:
    assert json.loads(encode(Series("BRK.B", "1m"), bar(0, revision=2))) == {
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


def test_a_bars_key_orders_it_and_tells_adjustments_of_a_day_apart() -> None:
    late, raw = bar(100_000), bar(0)
    split = msgspec.structs.replace(raw, adjustment="split")
    assert key(AAPL, raw) < key(AAPL, bar(1)) < key(AAPL, late)
    assert key(AAPL, raw) == key(AAPL, split)
    assert key(INDEX, raw) != key(INDEX, split)


async def test_the_head_says_what_has_been_published_of_a_series_and_how_far_the_stream_is(
    stream: Stream,
) -> None:
    assert await stream.head(AAPL) == (0, START)
    assert await stream.publish(AAPL, [bar(0), bar(1)], before=0, head=70, at=0) is None
    head, position = await stream.head(AAPL)
    assert (head, position.number) == (70, 2)
    assert (await stream.head(INDEX))[0] == 0
    assert await stream.heads() == {"AAPL 1m": 70}


async def test_who_does_not_know_the_head_publishes_nothing_and_is_told_it(stream: Stream) -> None:
    assert await stream.publish(AAPL, [bar(0)], before=0, head=70, at=0) is None
    for before in (0, 69, 71):
        assert await stream.publish(AAPL, [bar(1)], before=before, head=99, at=0) == 70
    assert len(await stream.back(10)) == 1
    assert await stream.publish(AAPL, [bar(1)], before=70, head=99, at=0) is None
    assert (await stream.head(AAPL))[0] == 99


async def test_of_writers_at_the_same_moment_one_publishes(stream: Stream) -> None:
    told = await asyncio.gather(
        *(stream.publish(AAPL, [bar(number)], before=0, head=number + 1, at=0) for number in range(10))
    )
    assert told.count(None) == 1
    assert len(await stream.back(100)) == 1


async def test_a_tail_goes_on_after_its_position_whatever_it_is(stream: Stream) -> None:
    await publish(stream, [bar(minute) for minute in range(5)])
    found = await following(stream, START, 5)
    for index, one in enumerate(found[:-1]):
        assert await following(stream, one.position, 4 - index) == found[index + 1 :]


async def test_tail_and_back_that_are_longer_than_a_read_are_complete(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "READ_COUNT", 3)
    await publish(stream, [bar(minute) for minute in range(10)])
    found = await following(stream, START, 10)
    assert [one.position.number for one in found] == list(range(1, 11))
    assert await stream.back(100) == found
    assert await stream.back(4) == found[-4:]


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
    await publish(stream, [bar(0)])
    assert [one.position.number for one in await waiting] == [1]


async def test_a_tail_ends_when_redis_has_forgotten(
    stream: Stream, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "READ_BLOCK_MS", 20)
    await publish(stream, [bar(0), bar(1)])
    newest = await stream.newest()
    await redis.flushall()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [read async for read in stream.tail(newest)] == []


@pytest.mark.parametrize("forgotten", ["everything", "the stream", "the life"])
async def test_after_redis_has_forgotten_positions_are_of_a_new_and_later_life(
    stream: Stream, redis: Redis, forgotten: str
) -> None:
    await publish(stream, [bar(0), bar(1)])
    before = await stream.newest()
    if forgotten == "everything":
        await redis.flushall()
        await asyncio.sleep(0.002)  # the clock of a life counts milliseconds
    else:
        await redis.delete(STREAM if forgotten == "the stream" else LIFE)
        await asyncio.sleep(0.002)
    await publish(stream, [bar(2)])
    after = await stream.newest()
    assert after.life > before.life
    assert after.number == 1


OURS: dict[str, object] = {"series": "KO 1m", "bar": "60", "as_of": 1, "at": 1.5, "body": "{}"}


@pytest.mark.parametrize(
    "fields",
    [
        {"hello": "world"},
        *({name: value for name, value in OURS.items() if name != missing} for missing in OURS),
        {**OURS, "as_of": "noon"},
        {**OURS, "at": "then"},
        {**OURS, "series": b"\xff"},
        {**OURS, "bar": b"\xff"},
    ],
)
async def test_an_entry_that_is_not_ours_is_passed_over(
    stream: Stream, redis: Redis, fields: dict[str, str]
) -> None:
    await publish(stream, [bar(0)])
    await redis.xadd(STREAM, dict(fields.items()))
    found = await following(stream, START, 1)
    assert [one.position.number for one in found] == [1]


async def test_no_bars_publish_nothing_and_move_the_head(stream: Stream, redis: Redis) -> None:
    await publish(stream, [])
    assert await redis.exists(STREAM) == 0
    assert (await stream.head(AAPL))[0] == 1


async def test_past_the_bound_the_oldest_publications_are_dropped(
    stream: Stream, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = 100  # entries that Redis drops at once where the bound is "about"
    monkeypatch.setattr(stream_module, "KEPT", 200)
    await publish(stream, [bar(minute) for minute in range(1000)])
    kept = await redis.xlen(STREAM)
    assert 200 <= kept < 200 + node
    found = await following(stream, START, kept)
    assert found[-1].position.number == 1000


async def test_a_redis_that_is_not_there_is_an_outage() -> None:
    async with open_redis("redis://127.0.0.1:1/0") as nowhere:
        stream = Stream(nowhere)
        calls = (publish(stream, [bar(0)]), stream.newest(), following(stream, START, 1), stream.heads())
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(error, StoreUnavailable)


@pytest.mark.parametrize("reply", [None, [], {}])
def test_a_reply_without_entries_has_none(reply: object) -> None:
    assert entries(reply or None) == []


def test_the_entries_of_a_reply_keep_its_order() -> None:
    reply = [[b"b", [(b"2-0", {b"x": b"1"}), (b"3-0", {})]], [b"a", [(b"1-0", {b"y": b"\xff"})]]]
    assert entries(reply) == [("b", "2-0", {b"x": b"1"}), ("b", "3-0", {}), ("a", "1-0", {b"y": b"\xff"})]


NOBODY = open_redis("redis://127.0.0.1:1/0")
"""A client that nobody answers; it is not used."""


@pytest.mark.parametrize("error", [RedisConnectionError("gone"), TimeoutError(), ConnectionResetError()])
async def test_what_the_driver_raises_is_an_outage_with_its_cause(error: Exception) -> None:
    with pytest.raises(StoreUnavailable, match=r"^RLC_REDIS_URL: ") as caught, reachable(NOBODY):
        raise error
    assert caught.value.__cause__ is error


async def test_a_bug_of_ours_is_no_outage() -> None:
    with pytest.raises(ZeroDivisionError), reachable(NOBODY):
        raise ZeroDivisionError


async def test_a_cancellation_that_the_driver_loses_ends_the_task_all_the_same() -> None:
    went_on = False

    async def ask() -> None:
        nonlocal went_on
        with reachable(NOBODY), suppress(asyncio.CancelledError):
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
    await publish(stream, [bar(0)])
    following_two = asyncio.create_task(following(stream, START, 2))
    for _ in range(turns):  # of the event loop: within each, the driver is at another place
        await asyncio.sleep(0)
    following_two.cancel()
    await asyncio.wait({following_two}, timeout=PATIENCE_SECONDS / 2)
    assert following_two.cancelled()
