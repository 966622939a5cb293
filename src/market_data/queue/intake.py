"""Jobs from outside: what a coordinator writes to the stream `market:jobs`; see docs/replicas.md."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from redis.asyncio import Redis

from market_data.market.instrument import Tier, read_symbol
from market_data.market.interval import Interval
from market_data.queue.group import DeadLetter, Ended, Entry, Group
from market_data.store.redis import reachable

STREAM = "market:jobs"
DEAD = "market:jobs:dead"
GROUP = "intake"
KEPT = 50_000
"""Jobs that can wait, about; past it the oldest is dropped."""
LARGEST_JOB = 4096
"""Bytes of one job."""

MOST_QUOTES = 200
"""Symbols of one job for quotes."""

Moment = datetime | int
"""An ISO 8601 time with its zone, or epoch seconds."""


class BarsFetch(msgspec.Struct, frozen=True, kw_only=True, tag="bars_fetch", tag_field="type"):
    """Fetch bars of a series: those that open in [start, end), or without these what is due."""

    symbol: str
    interval: str = "1m"
    start: Moment | None = None
    end: Moment | None = None
    provider: str | None = None  # to be preferred while it is in good health
    expires_at: Moment | None = None  # after which nobody needs it any more


class QuotesFetch(msgspec.Struct, frozen=True, kw_only=True, tag="quotes_fetch", tag_field="type"):
    """Fetch the newest quotes of `symbol`, of `symbols` (of one kind of asset), or of both."""

    symbol: str | None = None
    symbols: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST_QUOTES)] = ()
    provider: str | None = None
    expires_at: Moment | None = None

    @property
    def wanted(self) -> tuple[str, ...]:
        """All symbols."""
        return (*(() if self.symbol is None else (self.symbol,)), *self.symbols)


class BackfillOrder(msgspec.Struct, frozen=True, kw_only=True, tag="backfill", tag_field="type"):
    """Queue what is missing of a series in [start, end) as backfills."""

    symbol: str
    start: Moment
    end: Moment
    interval: str = "1m"
    priority: Tier | None = None  # without it, the tier of the symbol


Order = BarsFetch | QuotesFetch | BackfillOrder
_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)


def read_order(body: bytes) -> Order:
    """The order that `body` tells as JSON; ValueError with what would be right."""
    if not body:
        raise ValueError(
            'it has no field `job`: XADD market:jobs * job \'{"type":"bars_fetch","symbol":"AAPL"}\''
        )
    if len(body) > LARGEST_JOB:
        raise ValueError(f"it has {len(body)} bytes: {LARGEST_JOB} are the most")
    try:
        order = _orders.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"{error}: types are bars_fetch, quotes_fetch and backfill") from None
    for symbol in order.wanted if isinstance(order, QuotesFetch) else (order.symbol,):
        read_symbol(symbol)
    if isinstance(order, QuotesFetch):
        if not order.wanted:
            raise ValueError("quotes of which symbols? write `symbol`, or `symbols`")
    else:
        Interval.read(order.interval)
        if (order.start is None) != (order.end is None):
            raise ValueError("`start` and `end` are told both, or neither")
        if order.start is not None and order.end is not None and seconds(order.start) >= seconds(order.end):
            raise ValueError("`start` must be before `end`")
    return order


def seconds(at: Moment) -> int:
    """Epoch seconds; ValueError for a time without its zone."""
    if isinstance(at, int):
        return at
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no zone: write {at.replace(tzinfo=UTC).isoformat()}")
    return int(at.timestamp())


class Orders:
    """The stream of orders on one Redis. Calls raise StoreUnavailable where it cannot be reached."""

    def __init__(self, redis: Redis, consumer: str) -> None:
        self._redis = redis
        self._group = Group(redis, [STREAM], GROUP, consumer, DEAD)

    async def send(self, orders: Sequence[Order]) -> None:
        """Add orders, in their order."""
        with reachable(self._redis):
            async with self._redis.pipeline(transaction=False) as batch:
                for order in orders:
                    body = msgspec.json.encode(order)
                    batch.xadd(STREAM, {"job": body}, maxlen=KEPT, approximate=True)
                await batch.execute()

    async def claim(self, room: int) -> list[Entry]:
        """Up to `room` entries; waits a second where there are none."""
        return await self._group.claim(room, [room])

    async def take_over(self, room: int) -> list[Entry]:
        """Up to `room` entries of replicas that have died."""
        return await self._group.take_over(room)

    async def done(self, entries: Sequence[Entry]) -> None:
        """End entries."""
        await self._group.finish([Ended(one, "drop") for one in entries])

    async def bury(self, entry: Entry, why: str, at: float) -> None:
        """End an entry as a dead letter."""
        await self._group.bury(entry, why, at)

    async def dead(self, count: int) -> list[DeadLetter]:
        """The newest `count` dead letters, newest first."""
        return await self._group.dead(count)

    async def discard(self, name: str) -> bool:
        """Delete a dead letter; whether there was one."""
        return await self._group.discard(name)

    async def waiting(self) -> int:
        """Orders that wait, or are being read."""
        with reachable(self._redis):
            return int(await self._redis.xlen(STREAM))
