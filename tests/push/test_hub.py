"""Fan out: followers of a series get the same bytes; what they are told first and what follows is exact."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest
from redis.asyncio import Redis

from market_data import stream as stream_module
from market_data.errors import StoreUnavailable
from market_data.events import Event, LoopFailed, Published
from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.interval import Interval
from market_data.publish import Publisher
from market_data.push import hub as hub_module
from market_data.push.hub import Hub
from market_data.push.ring import Message
from market_data.push.session import Close
from market_data.store import write
from market_data.store.change import Change, Told
from market_data.store.connect import Database
from market_data.store.embedded import EmbeddedValkey
from market_data.store.redis import open_redis
from market_data.stream import Position, Series, Stream
from waiting import PATIENCE_SECONDS

from .publications import OPEN

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unheld")]

AAPL, KO = Series("AAPL", "1m"), Series("KO", "1m")


@dataclass(eq=False)
class Client:
    """A follower that remembers."""

    told: list[Message] = field(default_factory=list)
    beats: list[bytes] = field(default_factory=list)
    times_lost: int = 0

    def deliver(self, messages: Sequence[Message], frames: bytes) -> None:
        assert frames == b"".join(one.frame for one in messages)
        self.told += messages

    def lost(self) -> None:
        self.times_lost += 1

    def beat(self, heartbeat: bytes) -> None:
        self.beats.append(heartbeat)

    def close(self, code: Close, reason: str) -> None:
        raise AssertionError((code, reason))

    def closes(self) -> list[float]:
        return [_close(one.payload) for one in self.told]


def _close(body: bytes) -> float:
    close: float = msgspec.json.decode(body)["close"]
    return close


@dataclass
class Replica:
    """A hub, and a writer beside it."""

    hub: Hub
    database: Database
    publisher: Publisher
    events: list[Event]

    async def write(self, minute: int, close: float, series: Series = AAPL) -> Change:
        """Write a bar and do not publish it."""
        one = np.array([close])
        told = Told(
            symbol=series.symbol,
            interval=Interval(series.interval),
            provider="yahoo",
            adjustment=Adjustment.RAW,
            volume_scope=VolumeScope.UNKNOWN,
            as_of=OPEN + 1.0,
            bars=Bars(np.array([OPEN + 60 * minute]), one, one, one, one, one),
            partial=np.zeros(1, np.bool_),
        )
        async with self.database.transaction() as connection:
            return await write.write(connection, told)

    async def publish(self, minute: int, close: float, series: Series = AAPL) -> None:
        await self.publisher(series, await self.write(minute, close, series))

    async def state(self, series: Series = AAPL) -> list[float]:
        return [_close(body) for body in await self.hub.state(series)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.hub.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, StoreUnavailable):
                await task


def replica_of(database: Database, redis: Redis, *, newest: int = 3, now: float = OPEN) -> Replica:
    stream, events = Stream(redis), list[Event]()
    publisher = Publisher(database, stream, lambda: OPEN)
    hub = Hub(
        database=database,
        stream=stream,
        publisher=publisher,
        newest=lambda: newest,
        tell=events.append,
        clock=lambda: now,
    )
    return Replica(hub, database, publisher, events)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(redis_url) as client:
        yield client


@pytest.fixture
def replica(database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Replica:
    monkeypatch.setattr(stream_module, "READ_BLOCK_MS", 50)
    return replica_of(database, redis)


async def caught_up(replica: Replica, redis: Redis) -> None:
    """Wait until the hub has handed on all that is published."""
    await replica.hub.reach(await Stream(redis).newest())


async def test_followers_of_a_series_get_the_same_bytes_and_others_none(
    replica: Replica, redis: Redis
) -> None:
    one, two, other, all_of_them = (Client() for _ in range(4))
    async with replica.running():
        replica.hub.follow(AAPL, one)
        replica.hub.follow(AAPL, two)
        replica.hub.follow(KO, other)
        replica.hub.follow_all("1m", all_of_them)
        replica.hub.follow_all("1d", Client())
        await replica.publish(0, 1.0)
        await replica.publish(0, 2.0, KO)
        await caught_up(replica, redis)
    assert (one.closes(), other.closes(), all_of_them.closes()) == ([1.0], [2.0], [1.0, 2.0])
    assert one.told[0].frame is two.told[0].frame is all_of_them.told[0].frame


async def test_who_leaves_gets_nothing_more(replica: Replica, redis: Redis) -> None:
    stays, leaves = Client(), Client()
    async with replica.running():
        for one in (stays, leaves):
            replica.hub.follow(AAPL, one)
            replica.hub.follow_all("1m", one)
        replica.hub.leave(AAPL, leaves)
        replica.hub.leave_all("1m", leaves)
        replica.hub.leave(KO, leaves)  # which it never followed
        await replica.publish(0, 1.0)
        await caught_up(replica, redis)
    assert (stays.closes(), leaves.closes()) == ([1.0, 1.0], [])
    assert set(replica.hub._follows) == {stays}  # nothing else keeps who has left


async def test_a_client_that_fails_is_sent_away_and_makes_no_hole_for_others(
    replica: Replica, redis: Redis
) -> None:
    class Broken(Client):
        sent_away = False

        def deliver(self, messages: Sequence[Message], frames: bytes) -> None:
            raise ZeroDivisionError(len(messages) + len(frames))

        def close(self, code: Close, reason: str) -> None:
            self.sent_away = code is Close.TRY_AGAIN and "come back" in reason

    broken, others = Broken(), [Client(), Client()]
    async with replica.running():
        for one in (others[0], broken, others[1]):
            replica.hub.follow(AAPL, one)
            replica.hub.follow_all("1m", one)
        await replica.publish(0, 1.0)
        await caught_up(replica, redis)
    assert [one.closes() for one in others] == [[1.0, 1.0]] * 2
    assert broken.sent_away
    assert any(isinstance(one, LoopFailed) and "ZeroDivisionError" in one.detail for one in replica.events)


async def test_who_follows_several_series_gets_them_in_the_order_of_the_stream(
    replica: Replica, redis: Redis
) -> None:
    several, single, everything = Client(), Client(), Client()
    for series in (AAPL, KO):
        replica.hub.follow(series, several)
    replica.hub.follow(KO, single)
    replica.hub.follow_all("1m", everything)
    for number in range(10):
        await replica.publish(0, 1.0 + number, KO if number % 3 else AAPL)
    replica.hub._ready.set()  # so that all of it is read at once, not kept from before
    async with replica.running():
        await caught_up(replica, redis)
    assert several.closes() == everything.closes() == [1.0 + number for number in range(10)]
    assert single.closes() == [1.0 + number for number in range(10) if number % 3]


async def test_the_state_of_a_series_is_its_newest_bars_and_follows_the_stream(
    replica: Replica, redis: Redis
) -> None:
    for minute in range(4):
        await replica.publish(minute, float(minute))
    async with replica.running():
        assert await replica.state() == [1.0, 2.0, 3.0]
        await replica.publish(4, 4.0)
        await replica.publish(3, 3.5)
        await replica.publish(0, 0.5)
        await caught_up(replica, redis)
        assert await replica.state() == [2.0, 3.5, 4.0]
        assert await replica.state(KO) == []


async def test_a_state_holds_what_was_written_and_not_yet_published_and_it_is_not_told_again(
    replica: Replica, redis: Redis
) -> None:
    await replica.publish(0, 1.0)
    async with replica.running():
        left = await replica.write(1, 2.0)  # by a writer that dies, or is slow
        client = Client()
        state = await replica.state()
        replica.hub.follow(AAPL, client)
        assert state == [1.0, 2.0]
        await replica.publisher(AAPL, left)
        await replica.publish(2, 3.0)
        await caught_up(replica, redis)
    assert client.closes() == [3.0]


async def test_state_and_what_follows_have_neither_hole_nor_repeat_whenever_somebody_comes(
    replica: Replica, redis: Redis
) -> None:
    comers: list[tuple[list[float], Client]] = []

    async def come() -> None:
        state, client = await replica.state(), Client()
        replica.hub.follow(AAPL, client)
        comers.append((state, client))

    async def go_on() -> None:
        for number in range(1, 61):
            await replica.publish(0, float(number))

    async with replica.running():
        writing = asyncio.create_task(go_on())
        while not writing.done():
            await come()
            await asyncio.sleep(0.002)
            replica.hub._states.clear()  # so that the next one reads the database while others write
        await writing
        await caught_up(replica, redis)
    assert len(comers) > 5
    for state, client in comers:
        last = int(state[-1]) if state else 0
        assert client.closes() == [float(number) for number in range(last + 1, 61)]


async def test_who_comes_back_is_told_exactly_what_came_since(replica: Replica, redis: Redis) -> None:
    async with replica.running():
        for number in range(1, 6):
            await replica.publish(0, float(number))
            await replica.publish(0, float(number), KO)
        await caught_up(replica, redis)
        life = replica.hub.position.life
        missed = await replica.hub.missed(Position(life, 4), "1m", ["AAPL"])
        assert missed is not None
        assert [_close(one.payload) for one in missed] == [3.0, 4.0, 5.0]
        assert await replica.hub.missed(replica.hub.position, "1m", None) == []
        assert await replica.hub.missed(Position(life - 1, 4), "1m", ["AAPL"]) is None


async def test_another_replica_knows_what_was_published_before_it_started(
    database: Database, redis: Redis, replica: Replica
) -> None:
    async with replica.running():
        await replica.publish(0, 1.0)
        await caught_up(replica, redis)
        seen = replica.hub.position
        await replica.publish(0, 2.0)
    other = replica_of(database, redis)
    async with other.running():
        missed = await other.hub.missed(seen, "1m", ["AAPL"])
        assert missed is not None
        assert [_close(one.payload) for one in missed] == [2.0]


async def test_a_position_of_a_replica_that_is_ahead_is_waited_for(
    database: Database, redis: Redis, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replica_of(database, redis)
    await replica.publish(0, 1.0)
    async with replica.running():
        await caught_up(replica, redis)
        seen = Position(replica.hub.position.life, 2)
        asking = asyncio.create_task(replica.hub.missed(seen, "1m", ["AAPL"]))
        await asyncio.sleep(0.05)
        assert not asking.done()
        await other.publish(0, 2.0)
        assert await asking == []
        monkeypatch.setattr(hub_module, "REACH_SECONDS", 0.05)
        assert await replica.hub.missed(Position(seen.life, 99), "1m", ["AAPL"]) is None


async def test_a_loop_that_is_run_again_goes_on_where_it_was(replica: Replica, redis: Redis) -> None:
    client = Client()
    async with replica.running():
        replica.hub.follow(AAPL, client)
        await replica.publish(0, 1.0)
        await caught_up(replica, redis)
    await replica.publish(0, 2.0)
    async with replica.running():
        await replica.publish(0, 3.0)
        await caught_up(replica, redis)
    assert (client.closes(), client.times_lost) == ([1.0, 2.0, 3.0], 0)


async def test_when_redis_forgets_every_client_is_told_to_open_again_and_positions_count_no_more(
    replica: Replica, redis: Redis
) -> None:
    client = Client()
    async with replica.running():
        replica.hub.clients.add(client)
        replica.hub.follow(AAPL, client)
        await replica.publish(0, 1.0)
        await caught_up(replica, redis)
        seen = replica.hub.position
        await redis.flushall()
        await replica.publish(0, 2.0)
        await caught_up(replica, redis)
        assert client.times_lost >= 1
        assert client.closes() == [1.0]  # the new life's are told by opening again
        assert await replica.state() == [2.0]
        assert await replica.hub.missed(seen, "1m", ["AAPL"]) is None
        replica.hub.follow(AAPL, client)
        await replica.publish(0, 3.0)
        await caught_up(replica, redis)
        assert client.closes() == [1.0, 3.0]


async def test_a_hub_that_was_away_for_too_long_sees_the_hole(
    replica: Replica, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client()
    replica.hub.clients.add(client)
    async with replica.running():
        await replica.publish(0, 1.0)
        await caught_up(replica, redis)
        seen = replica.hub.position
    monkeypatch.setattr(stream_module, "KEPT", 1)
    for number in range(300):
        await replica.publish(0, 2.0 + number)
    async with replica.running():
        await caught_up(replica, redis)
        assert client.times_lost == 1
        assert await replica.hub.missed(seen, "1m", ["AAPL"]) is None
        assert await replica.state() == [301.0]


async def test_after_an_outage_of_redis_clients_get_what_they_missed_or_open_again(
    database: Database, servers_folder: Path
) -> None:
    server = EmbeddedValkey(servers_folder / "outage")
    await asyncio.to_thread(server.__enter__)
    client = Client()
    try:
        async with open_redis(server.url) as redis:
            replica = replica_of(database, redis)
            replica.hub.clients.add(client)
            async with replica.running() as loop:
                replica.hub.follow(AAPL, client)
                await replica.publish(0, 1.0)
                await caught_up(replica, redis)
                await asyncio.to_thread(server.__exit__, None, None, None)
                async with asyncio.timeout(PATIENCE_SECONDS):
                    with pytest.raises(StoreUnavailable):
                        await loop
            assert [replica.hub.recoverable] == [False]
            left = await replica.write(0, 2.0)
            await asyncio.to_thread(server.__enter__)
            await replica.publisher(AAPL, left)
            async with replica.running():
                await caught_up(replica, redis)
                assert [replica.hub.recoverable] == [True]
                assert await replica.state() == [2.0]
                # a server that was started again may have forgotten: its positions are of a new life
                assert (client.closes(), client.times_lost) == ([1.0], 1)
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


@pytest.mark.parametrize(
    ("clock", "milliseconds"), [(OPEN + 0.25, 250.0), (OPEN, 0.0), (OPEN - 5.0, 0.0)], ids=str
)
async def test_a_publication_is_told_with_its_clients_and_its_age(
    database: Database, redis: Redis, clock: float, milliseconds: float
) -> None:
    replica = replica_of(database, redis, now=clock)
    async with replica.running():
        for _ in range(2):
            replica.hub.follow(AAPL, Client())
        await replica.publish(0, 1.0)
        await replica.publish(0, 1.0, KO)
        await caught_up(replica, redis)
        await asyncio.sleep(0)
    assert replica.events == [Published(2, (milliseconds,)), Published(0, (milliseconds,))]


async def test_states_that_nobody_follows_stay_at_hand_up_to_a_bound(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "IDLE_SERIES", 2)
    client = Client()
    async with replica.running():
        for number in range(5):
            series = Series(f"S{number}", "1m")
            await replica.state(series)
            replica.hub.follow(series, client)
        assert len(replica.hub._states) == 5
        for number in range(5):
            replica.hub.leave(Series(f"S{number}", "1m"), client)
        assert len(replica.hub._states) == 2


async def test_without_a_stream_a_state_is_an_outage_and_not_a_guess(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "REACH_SECONDS", 0.05)
    with pytest.raises(StoreUnavailable):
        await replica.state()
