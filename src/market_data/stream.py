"""Publications: every change of a bar, once and in order, on a Redis stream that all replicas read.

A position is `life-number`: publications of one life of the stream are numbered without a hole, so that a
reader sees at once when it has missed some. A Redis that starts again, or forgets, begins a new life.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from itertools import chain
from typing import NamedTuple, Self

import msgspec
from redis.asyncio import Redis
from redis.typing import EncodableT

from market_data.loops import beside
from market_data.market.bar import KnownBar
from market_data.market.span import epoch
from market_data.store.heads import EPOCH
from market_data.store.redis import entries, reachable
from market_data.together import Together

STREAM = "market:bars"
HEADS = "{market:bars}:heads"
"""By series, the newest change that has been published; in the stream's slot of a Redis cluster."""
LIFE = "{market:bars}:life"
KEPT = 50_000
"""Publications that are kept, about; each replica keeps as many at hand."""
SERIES_KNOWN = 20_000
"""Series of which only one object is made."""
SERIES_AT_ONCE = 32
"""Series that are published with one call; each may have thousands of bars."""
ENCODED_AT_ONCE = 50
"""Bars of a change that are encoded on the event loop; more would hold it, and are encoded beside it."""
READ_COUNT = 64
"""Publications that are read in one turn of the event loop: more of them would hold it."""
READ_BLOCK_MS = 1000
"""How long a read waits; one that is cancelled just as it asks ends only then: see `reachable`."""


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """Where a publication is on the stream; they are ordered.

    Without `gc`: tens of thousands are kept, and looking through them would hold up what is sent.
    """

    life: int
    number: int

    def __str__(self) -> str:
        return f"{self.life}-{self.number}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The position that `text` tells; ValueError with what would be right."""
        life, mark, number = text.partition("-")
        digits = life + number
        if not (mark and life and number and digits.isascii() and digits.isdigit() and len(text) <= 40):
            raise ValueError(f"{text[:40]!r} is no position: write one as it was told, like 1790947800000-42")
        return cls(int(life), int(number))


START = Position(0, 0)
"""Before the first publication."""


class Series(NamedTuple):
    """Whose bars."""

    symbol: str
    interval: str

    def __str__(self) -> str:
        return f"{self.symbol} {self.interval}"


class BarMessage(KnownBar, frozen=True, kw_only=True, tag="bar", tag_field="type"):
    """A bar as clients of the stream get it; beside it they are told its position."""

    symbol: str
    interval: str


class Publication(NamedTuple):
    """One change of one bar."""

    position: Position
    series: Series
    bar: str  # tells bars of the series apart, in their order: see `key`
    as_of: int  # when it was learned, epoch microseconds
    at: float  # when it was written to the stream, epoch milliseconds
    body: bytes  # its BarMessage as JSON, made once for every client


def key(series: Series, bar: KnownBar) -> str:
    """What tells a bar from others of its series, as text in the order of time.

    Daily bars of one date may have several adjustments.
    """
    label = f"{epoch(bar.ts):012d}"
    return f"{label} {bar.adjustment}" if series.interval == "1d" else label


def encode(series: Series, bar: KnownBar) -> bytes:
    """The JSON of a bar's message."""
    message = BarMessage(symbol=series.symbol, interval=series.interval, **msgspec.structs.asdict(bar))
    return msgspec.json.encode(message)


def _encoded(series: Series, bars: Sequence[KnownBar]) -> list[EncodableT]:
    """Of each bar its key, when it was learned, and its message."""
    found: list[EncodableT] = []
    for bar in bars:
        found += [key(series, bar), stamp(bar.as_of), encode(series, bar)]
    return found


def stamp(at: datetime) -> int:
    """Epoch microseconds; 0 stands for no time."""
    return (at - EPOCH) // timedelta(microseconds=1)


@cache
def _script() -> str:
    return files("market_data").joinpath("publish.lua").read_text(encoding="utf-8")


class Stream:
    """The stream of publications on one Redis. Calls raise StoreUnavailable where it cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._publish = redis.register_script(_script())
        self._together = Together(self._published, most=SERIES_AT_ONCE)

    async def publish(
        self, series: Series, bars: Sequence[KnownBar], *, before: int, head: int, at: float
    ) -> int | None:
        """Publish `bars` in order if the newest published change of the series is still the one of `before`.

        Afterwards it is that of `head` (both epoch microseconds, 0: none). `at` is the time in epoch seconds.
        Returns None; or, if nothing was published, the head as it is.
        """
        offer: list[EncodableT] = [str(series), before, head, f"{at * 1000:.3f}", len(bars)]
        if len(bars) > ENCODED_AT_ONCE:
            offer += await beside(lambda: _encoded(series, bars))
        else:
            offer += _encoded(series, bars)
        return await self._together(offer)

    async def _published(self, offers: Sequence[list[EncodableT]]) -> list[int | None]:
        args: list[EncodableT] = [KEPT, *chain.from_iterable(offers)]
        with reachable(self._redis):
            told = await self._publish(keys=[STREAM, HEADS, LIFE], args=args)
        return [int(head) if head else None for head in told]

    async def head(self, series: Series) -> tuple[int, Position]:
        """The newest published change of a series (epoch microseconds, 0: none), and the newest position."""
        with reachable(self._redis):
            async with self._redis.pipeline(transaction=True) as both:
                both.hget(HEADS, str(series))
                both.xrevrange(STREAM, count=1)
                head, newest = await both.execute()
        found = _publications(entries([(b"", newest)]))
        return int(head or 0), found[-1].position if found else START

    async def heads(self) -> dict[str, int]:
        """By series as text, the newest published change (epoch microseconds)."""
        with reachable(self._redis):
            found = msgspec.convert(await self._redis.hgetall(HEADS), dict[bytes, bytes])
        return {name.decode(): int(head) for name, head in found.items()}

    async def back(self, count: int) -> list[Publication]:
        """The newest `count` publications, oldest first."""
        found: list[Publication] = []
        before = "+"
        while len(found) < count:
            most = min(READ_COUNT, count - len(found))
            with reachable(self._redis):
                read = _publications(
                    entries([(b"", await self._redis.xrevrange(STREAM, max=before, count=most))])
                )
            found += read
            if len(read) < most:
                break
            before = f"({read[-1].position}"
        return found[::-1]

    async def tail(self, after: Position) -> AsyncIterator[list[Publication]]:
        """Every publication after a position, in order, some at a time, without end.

        Ends where the stream has none so new: it has forgotten, and begins anew.
        """
        while True:
            with reachable(self._redis):
                reply = await self._redis.xread({STREAM: str(after)}, count=READ_COUNT, block=READ_BLOCK_MS)
            read = _publications(entries(reply))
            if read:
                after = read[-1].position
                yield read
            elif (await self.newest()) < after:
                return

    async def newest(self) -> Position:
        """The position of the newest publication; START if there is none."""
        newest = await self.back(1)
        return newest[0].position if newest else START


def _publications(found: Sequence[tuple[str, str, Mapping[bytes, bytes]]]) -> list[Publication]:
    """What entries say, but those that are not ours: they must not stop those behind them."""
    return [one for _, position, fields in found if (one := _publication(position, fields)) is not None]


@lru_cache(SERIES_KNOWN)
def _series(text: bytes) -> Series:
    """The same object for the same series: they are kept with each message."""
    symbol, _, interval = text.decode().rpartition(" ")
    return Series(symbol, interval)


def _publication(position: str, fields: Mapping[bytes, bytes]) -> Publication | None:
    try:
        return Publication(
            Position.read(position),
            _series(fields[b"series"]),
            fields[b"bar"].decode(),
            int(fields[b"as_of"]),
            float(fields[b"at"]),
            fields[b"body"],
        )
    except (LookupError, ValueError):
        return None
