"""Quotes as they come, on a short Redis stream that all replicas read.

Each overtakes the one before, so nothing is numbered, kept or told again: whoever was away takes the next.
"""

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from redis.asyncio import Redis
from redis.typing import EncodableT, FieldT

from market_data.store.quotes import KnownQuote
from market_data.store.redis import entries, reachable

STREAM = "market:quotes"
KEPT = 1000
"""Entries that are kept, about, each of one answer of a provider: a reader may be so far behind."""
READ_COUNT = 100
READ_BLOCK_MS = 1000
"""How long a read waits."""


class QuoteMessage(KnownQuote, frozen=True, kw_only=True, tag="quote", tag_field="type"):
    """A quote as clients of the stream get it."""


class Ticker:
    """The quotes on one Redis. Calls raise StoreUnavailable where it cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def publish(self, quotes: Sequence[KnownQuote]) -> None:
        """Tell everybody; each is encoded once, for all clients of all replicas."""
        if not quotes:
            return
        fields: dict[FieldT, EncodableT] = {one.symbol: _encode(one) for one in quotes}
        with reachable(self._redis):
            await self._redis.xadd(STREAM, fields, maxlen=KEPT, approximate=True)

    async def follow(self) -> AsyncIterator[Mapping[bytes, bytes]]:
        """What is told from now on, without end: by symbol its QuoteMessage as JSON."""
        with reachable(self._redis):
            newest = entries([(b"", await self._redis.xrevrange(STREAM, count=1))])
        after = newest[0][1] if newest else "0-0"
        while True:
            with reachable(self._redis):
                reply = await self._redis.xread({STREAM: after}, count=READ_COUNT, block=READ_BLOCK_MS)
            for _, position, fields in entries(reply):
                after = position
                yield fields


def _encode(quote: KnownQuote) -> bytes:
    return msgspec.json.encode(QuoteMessage(**msgspec.structs.asdict(quote)))
