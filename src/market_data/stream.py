"""Publications: every bar as it is written, on a Redis stream that all replicas read."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis

from market_data.market.bar import KnownBar
from market_data.store.redis import entries, reachable

STREAM = "market:bars"
KEPT = 100_000
"""Publications that are kept, about."""
READ_COUNT = 1000
READ_BLOCK_MS = 5000


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
    body: bytes


def encode(symbol: str, interval: str, bar: KnownBar) -> bytes:
    """The JSON of a bar's message."""
    return msgspec.json.encode(BarMessage(symbol=symbol, interval=interval, **msgspec.structs.asdict(bar)))


class Stream:
    """The stream of publications on one Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def publish(self, symbol: str, interval: str, bars: Sequence[KnownBar]) -> None:
        """Publish bars in order; raises StoreUnavailable if Redis cannot be reached."""
        if not bars:
            return
        with reachable():
            async with self._redis.pipeline(transaction=False) as batch:
                for bar in bars:
                    body = encode(symbol, interval, bar)
                    batch.xadd(
                        STREAM,
                        {"symbol": symbol, "interval": interval, "body": body},
                        maxlen=KEPT,
                        approximate=True,
                    )
                await batch.execute()

    async def tail(self) -> AsyncIterator[Publication]:
        """Every publication from now on, in order; raises StoreUnavailable when Redis cannot be reached."""
        position = await self._newest()
        while True:
            with reachable():
                reply = await self._redis.xread({STREAM: position}, count=READ_COUNT, block=READ_BLOCK_MS)
            for _, position, fields in entries(reply):
                symbol, interval = fields[b"symbol"].decode(), fields[b"interval"].decode()
                yield Publication(position, symbol, interval, fields[b"body"])

    async def _newest(self) -> str:
        with reachable():
            newest = entries([(b"", await self._redis.xrevrange(STREAM, count=1))])
        return newest[0][1] if newest else "0-0"
