"""Fetch jobs on Redis streams: one a tier, read by a consumer group that all replicas share."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Tier
from market_data.market.span import Span
from market_data.store.redis import entries, reachable

GROUP = "fetchers"
KEPT = 50_000
"""Jobs a tier that can wait, about; past it the oldest is dropped and made again by a later sweep."""
READ_BLOCK_MS = 1000


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for one series; cheap to repeat. Times are epoch seconds."""

    symbol: str
    exchange: str
    asset_type: AssetType
    tier: Tier
    capability: Capability
    start: int
    end: int
    made_at: float
    expires_at: float  # a later sweep makes a newer job; this one is then worth nothing

    @property
    def key(self) -> str:
        """What it is about: at most one job of a key waits or runs at a time."""
        return f"{self.capability}:{self.symbol}"

    @property
    def span(self) -> Span:
        """The span that is asked for."""
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this consumer must end with `done`."""

    job: Job
    stream: str
    entry: str


class Queue:
    """The fetch jobs on one Redis. Calls raise StoreUnavailable where it cannot be reached."""

    def __init__(self, redis: Redis, consumer: str) -> None:
        self._redis = redis
        self._consumer = consumer
        self._streams = {tier: f"market:fetch:{{{tier}}}" for tier in Tier}
        self._new_entries: dict[bytes | str | memoryview, int | bytes | str | memoryview] = dict.fromkeys(
            self._streams.values(), ">"
        )

    async def open(self) -> None:
        """Make the consumer groups where they are not there yet."""
        with reachable():
            for stream in self._streams.values():
                try:
                    await self._redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
                except ResponseError as error:
                    if "BUSYGROUP" not in str(error):
                        raise

    async def claim_tick(self, tick: int, seconds: float) -> bool:
        """Whether this replica is the one that sweeps at this tick."""
        milliseconds = max(1, int(seconds * 1000))
        with reachable():
            return bool(
                await self._redis.set(f"market:sweep:{tick}", self._consumer, nx=True, px=milliseconds)
            )

    async def emit(self, jobs: Sequence[Job]) -> int:
        """Queue the jobs whose key has none waiting or running; returns how many that were."""
        with reachable():
            async with self._redis.pipeline(transaction=False) as batch:
                for job in jobs:
                    lease = max(1, int((job.expires_at - job.made_at) * 1000))
                    batch.set(_lease(job), self._consumer, nx=True, px=lease)
                free = await batch.execute()
            fresh = [job for job, claimed in zip(jobs, free, strict=True) if claimed]
            async with self._redis.pipeline(transaction=False) as batch:
                for job in fresh:
                    body = msgspec.json.encode(job)
                    batch.xadd(self._streams[job.tier], {"job": body}, maxlen=KEPT, approximate=True)
                await batch.execute()
        return len(fresh)

    async def claim(self, each: int) -> list[Claimed]:
        """Up to `each` jobs of every tier, T0 first; waits up to READ_BLOCK_MS where there are none.

        Every tier gives its share, so that T2 moves while T0 is busy.
        """
        with reachable():
            reply = await self._redis.xreadgroup(
                GROUP, self._consumer, self._new_entries, count=each, block=READ_BLOCK_MS
            )
        claimed = [
            Claimed(msgspec.json.decode(fields[b"job"], type=Job), stream, entry)
            for stream, entry, fields in entries(reply)
        ]
        return sorted(claimed, key=lambda one: one.job.tier)

    async def done(self, claimed: Claimed) -> None:
        """End a job: it leaves the queue, and its key may be queued again."""
        with reachable():
            async with self._redis.pipeline(transaction=False) as batch:
                batch.xack(claimed.stream, GROUP, claimed.entry)
                batch.xdel(claimed.stream, claimed.entry)
                if claimed.job.capability.interval is not None:  # a quote's lease is its cadence: it runs out
                    batch.delete(_lease(claimed.job))
                await batch.execute()

    async def depth(self) -> dict[Tier, int]:
        """Jobs that wait or run, by tier."""
        with reachable():
            return {tier: int(await self._redis.xlen(stream)) for tier, stream in self._streams.items()}


def _lease(job: Job) -> str:
    return f"market:lease:{job.key}"
