"""Publications: every bar as it is written, on a Redis stream that all replicas read."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis
from redis.typing import EncodableT

from market_data.market.bar import KnownBar
from market_data.market.span import epoch
from market_data.store.redis import entries, reachable

STREAM = "market:bars"
KEPT = 100_000
"""Publications that are kept, about."""
READ_COUNT = 1000
READ_BLOCK_MS = 1000
"""How long a read waits; one that is cancelled just as it asks ends only then: see `reachable`."""


class BarMessage(KnownBar, frozen=True, kw_only=True, tag="bar", tag_field="type"):
    """A bar as clients of the stream get it."""

    symbol: str
    interval: str


@dataclass(frozen=True, slots=True)
class Publication:
    """One bar on the stream: `position` orders it, `body` is its JSON, made once for every client."""

    position: str
    symbol: str
    interval: str
    ts: int  # the bar's label, epoch seconds
    revision: int
    body: bytes


def encode(symbol: str, interval: str, bar: KnownBar) -> bytes:
    """The JSON of a bar's message."""
    return msgspec.json.encode(BarMessage(symbol=symbol, interval=interval, **msgspec.structs.asdict(bar)))


class Stream:
    """The stream of publications on one Redis. Calls raise StoreUnavailable where it cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def publish(self, symbol: str, interval: str, bars: Sequence[KnownBar]) -> None:
        """Publish bars in order."""
        if not bars:
            return
        with reachable():
            async with self._redis.pipeline(transaction=False) as batch:
                for bar in bars:
                    fields: dict[EncodableT, EncodableT] = {
                        "symbol": symbol,
                        "interval": interval,
                        "ts": epoch(bar.ts),
                        "revision": bar.revision,
                        "body": encode(symbol, interval, bar),
                    }
                    batch.xadd(STREAM, fields, maxlen=KEPT, approximate=True)
                await batch.execute()

    async def newest(self) -> str:
        """The position of the newest publication; that before the first if there is none."""
        with reachable():
            newest = entries([(b"", await self._redis.xrevrange(STREAM, count=1))])
        return newest[0][1] if newest else "0-0"

    async def tail(self, after: str) -> AsyncIterator[Publication]:
        """Every publication after a position, in order, without end."""
        while True:
            with reachable():
                reply = await self._redis.xread({STREAM: after}, count=READ_COUNT, block=READ_BLOCK_MS)
            for _, position, fields in entries(reply):
                after = position
                publication = _publication(position, fields)
                if publication is not None:
                    yield publication


def _publication(position: str, fields: Mapping[bytes, bytes]) -> Publication | None:
    """What an entry says; None for one that is not ours: it must not stop those behind it."""
    try:
        symbol, interval = fields[b"symbol"].decode(), fields[b"interval"].decode()
        ts, revision = int(fields[b"ts"]), int(fields[b"revision"])
        return Publication(position, symbol, interval, ts, revision, fields[b"body"])
    except (LookupError, ValueError):
        return None
