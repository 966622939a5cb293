"""Fans publications out: one reader of the stream a process, each message encoded once for all clients."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Sequence
from operator import attrgetter
from typing import Protocol

from market_data.errors import StoreUnavailable
from market_data.events import Published, Tell
from market_data.loops import failed, shared
from market_data.market.interval import Interval
from market_data.publish import Publisher
from market_data.push import frame
from market_data.push.newest import Newest
from market_data.push.ring import Message, Ring
from market_data.push.session import Close, Heartbeat
from market_data.push.session import encode as encode_message
from market_data.store import bars as bars_table
from market_data.store.connect import Database
from market_data.stream import KEPT, START, Position, Publication, Series, Stream, encode, key, stamp

REACH_SECONDS = 5.0
"""How long a position that another replica has reached may take to come here."""
LOADS_AT_ONCE = 4
"""Series whose newest bars are read from the database at the same time."""
LOAD_TRIES = 3
HEARTBEAT_SECONDS = 15.0
"""How often clients are given a sign of life, and are asked for one."""
IDLE_SERIES = 256
"""Series that nobody follows whose newest bars stay at hand all the same."""


class Follower(Protocol):
    """A client as the hub sees it."""

    def deliver(self, messages: Sequence[Message], frames: bytes) -> None:
        """News of a series that it follows, and their frames one behind the other: never waits."""

    def lost(self) -> None:
        """The stream has begun anew: whatever it followed it follows no longer, and has to open again."""

    def beat(self, heartbeat: bytes) -> None:
        """It is time for a sign of life; `heartbeat` is the frame of one."""

    def close(self, code: Close, reason: str) -> None:
        """Send it away."""


class Hub:
    """The clients of this process, by series, and where they are on the stream.

    All followers of a series have been told all of it up to `position`, and nothing beyond. Whoever
    subscribes does so between two messages, so that what is told first and what follows have neither hole nor
    overlap.
    """

    def __init__(
        self,
        *,
        database: Database,
        stream: Stream,
        publisher: Publisher,
        newest: Callable[[], int],
        tell: Tell,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._stream = stream
        self._publisher = publisher
        self._newest = newest
        self._tell = tell
        self._clock = clock
        self._ring = Ring(KEPT)
        self._followers: dict[Series, dict[Follower, None]] = {}
        self._of_all: dict[str, dict[Follower, None]] = {}  # by interval
        self._follows = Counter[Follower]()  # how many series each follows, all of an interval being one
        self._states: dict[Series, Newest] = {}
        self._idle: OrderedDict[Series, None] = OrderedDict()  # of the states, those nobody follows
        self._loads: dict[Series, asyncio.Task[None]] = {}
        self._loading: dict[Series, list[Publication]] = {}
        self._gate = asyncio.Semaphore(LOADS_AT_ONCE)
        self._ready = asyncio.Event()
        self._lives = 0  # how often the stream began anew
        self._reached: list[tuple[Position, asyncio.Future[None]]] = []
        self.clients: set[Follower] = set()
        """Who is connected."""
        self.recoverable = False
        """Whether the stream can be read at present."""

    @property
    def position(self) -> Position:
        """How far the followers have been told."""
        return self._ring.position

    @property
    def kept(self) -> int:
        """Messages that are kept for those who come back."""
        return len(self._ring)

    async def run(self) -> None:
        """Hand on what is published, until cancelled; StoreUnavailable when Redis cannot be reached.

        Run again after that, it goes on where it was: clients who stayed miss nothing that is still kept.
        """
        try:
            while True:
                if not self._ready.is_set():
                    await self._fill()
                self.recoverable = True
                async for read in self._stream.tail(self.position):
                    self._hand(read)
                    self._tell_reached()
                self._ready.clear()
                self._lose(START)
        finally:
            self.recoverable = False

    async def beat(self) -> None:
        """Give every client a sign of life again and again, until cancelled."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            heartbeat = Heartbeat(position=str(self.position), recoverable=self.recoverable)
            told = frame.text(encode_message(heartbeat))
            for client in list(self.clients):
                client.beat(told)

    def follow(self, series: Series, follower: Follower) -> None:
        """Hand every publication of `series` after `position` to `follower`."""
        self._add(follower, self._followers.setdefault(series, {}))
        self._idle.pop(series, None)

    def follow_all(self, interval: str, follower: Follower) -> None:
        """Hand every publication of `interval` after `position` to `follower`."""
        self._add(follower, self._of_all.setdefault(interval, {}))

    def leave(self, series: Series, follower: Follower) -> None:
        """Nothing of `series` any more."""
        left = self._followers.get(series, {})
        self._remove(follower, left)
        if not left and self._followers.pop(series, None) is not None:
            self._let_idle(series)

    def leave_all(self, interval: str, follower: Follower) -> None:
        """Nothing of all of `interval` any more."""
        self._remove(follower, self._of_all.get(interval, {}))

    def _add(self, follower: Follower, to: dict[Follower, None]) -> None:
        if follower not in to:
            to[follower] = None
            self._follows[follower] += 1

    def _remove(self, follower: Follower, from_: dict[Follower, None]) -> None:
        if follower in from_:
            del from_[follower]
            self._follows[follower] -= 1
            if not self._follows[follower]:
                del self._follows[follower]

    async def state(self, series: Series) -> list[bytes]:
        """The newest bars of a series as they stand at `position`, as JSON, oldest first.

        They are those of `position` until the caller waits for anything. StoreUnavailable where they, or what
        has been published of them, cannot be read.
        """
        await self._filled()
        while (state := self._states.get(series)) is None:
            load = self._loads.get(series)
            if load is None:
                load = self._loads[series] = shared(self._load(series))
                load.add_done_callback(lambda _: self._loads.pop(series, None))
            await asyncio.shield(load)
        return state.bodies()

    async def missed(
        self, since: Position, interval: str, symbols: Collection[str] | None
    ) -> list[Message] | None:
        """What came after `since`, up to `position`, of some symbols or of all (None), oldest first.

        It holds until the caller waits for anything. None if it cannot be told: it is not kept any more.
        """
        await self._filled()
        if since.life == self.position.life and since > self.position:
            try:  # another replica was quicker
                await self.reach(since)
            except StoreUnavailable:
                return None
        return self._ring.since(since, interval, symbols) if self._ring.knows(since) else None

    async def reach(self, position: Position) -> None:
        """Wait until `position` has been handed on; StoreUnavailable if it does not come in REACH_SECONDS."""
        if self.position >= position:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reached.append((position, reached))
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await reached
        except TimeoutError:
            raise StoreUnavailable(f"the stream is not read up to {position}") from None
        finally:
            self._reached.remove((position, reached))

    async def _fill(self) -> None:
        """Keep what is on the stream already, for those who come back from another replica."""
        found = await self._stream.back(KEPT)
        for one in found:
            if not self._ring.follows(one.position):
                self._ring.begin(Position(one.position.life, one.position.number - 1))
            self._ring.add(Message.of(one))
        self._ready.set()
        self._tell_reached()

    async def _filled(self) -> None:
        """Wait until it is known where the stream is; StoreUnavailable if that takes REACH_SECONDS."""
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise StoreUnavailable("the stream cannot be read at present") from None

    def _tell_reached(self) -> None:
        for position, reached in self._reached:
            if position <= self.position and not reached.done():
                reached.set_result(None)

    def _hand(self, publications: Sequence[Publication]) -> None:
        """Hand what was read at once to the followers: one write for each of them, of what it follows.

        Those who follow one series get the same bytes; who follows several gets them in the stream's order.
        """
        messages = [self._take(one) for one in publications]
        by_series: dict[Series, list[Message]] = {}
        for one in messages:
            by_series.setdefault(one.series, []).append(one)
        several: dict[Follower, list[Message]] = {}
        followers = 0
        for series, of_series in by_series.items():
            frames = b"".join([one.frame for one in of_series])
            # as they are now: one that is too slow leaves meanwhile
            for follower in tuple(self._followers.get(series, ())):
                followers += 1
                if self._follows[follower] == 1:
                    self._deliver(follower, of_series, frames)
                else:
                    several.setdefault(follower, []).extend(of_series)
            for follower in self._of_all.get(series.interval, ()):
                followers += 1
                several.setdefault(follower, []).extend(of_series)
        for follower, its in several.items():
            its.sort(key=attrgetter("position"))
            self._deliver(follower, its, b"".join([one.frame for one in its]))
        # the transports send what they have queued at the end of this turn
        asyncio.get_running_loop().call_soon(self._measure, followers, [one.at for one in publications])

    def _deliver(self, follower: Follower, messages: Sequence[Message], frames: bytes) -> None:
        try:
            follower.deliver(messages, frames)
        except Exception as error:  # noqa: BLE001 - a bug that one client meets must not make holes for others
            self._tell(failed("push to a client", error))
            follower.close(Close.TRY_AGAIN, "it failed here: come back, with the last position as since")

    def _take(self, publication: Publication) -> Message:
        """Keep a publication, and bring the newest bars of its series up to it."""
        if not self._ring.follows(publication.position):
            self._lose(Position(publication.position.life, publication.position.number - 1))
        message = Message.of(publication)
        self._ring.add(message)
        series = publication.series
        if (state := self._states.get(series)) is not None:
            if not state.put(publication.bar, publication.body):
                del self._states[series]  # it is read again, at the level of this bar
                self._idle.pop(series, None)
        elif (loading := self._loading.get(series)) is not None:
            loading.append(publication)
        return message

    def _measure(self, followers: int, written_at: Sequence[float]) -> None:
        now = self._clock() * 1000
        self._tell(Published(followers, tuple([max(0.0, now - at) for at in written_at])))

    def _lose(self, before: Position) -> None:
        """Begin anew after `before`: what came since our position is not known."""
        self._ring.begin(before)
        self._lives += 1
        for gone in (self._followers, self._of_all, self._follows, self._states, self._idle):
            gone.clear()
        for client in self.clients:
            client.lost()

    async def _load(self, series: Series) -> None:
        async with self._gate:
            for _ in range(LOAD_TRIES):
                lives, news = self._lives, list[Publication]()
                self._loading[series] = news
                try:
                    bars, head = await self._read(series)
                finally:
                    del self._loading[series]
                if bars is not None and lives == self._lives:
                    state = Newest(self._newest(), bars)
                    for one in news:
                        if one.as_of > head:
                            state.put(one.bar, one.body)
                    self._states[series] = state
                    self._let_idle(series)
                    return
        raise StoreUnavailable(f"what has been published of {series} is not known at present")

    async def _read(self, series: Series) -> tuple[list[tuple[str, bytes]] | None, int]:
        """The stored bars and their head, once all of them have been handed on; None: they have not been."""
        interval = Interval(series.interval)
        bars, at = await bars_table.newest(self._database, series.symbol, interval, self._newest())
        head = stamp(at)
        published, newest = await self._stream.head(series)
        if published < head:
            await self._publisher.catch_up(series, at)
            published, newest = await self._stream.head(series)
        if published < head:
            return None, head
        await self.reach(newest)
        return [(key(series, one), encode(series, one)) for one in bars], head

    def _let_idle(self, series: Series) -> None:
        if series in self._states and series not in self._followers:
            self._idle[series] = None
            if len(self._idle) > IDLE_SERIES:
                oldest, _ = self._idle.popitem(last=False)
                del self._states[oldest]
