"""Fetch jobs on Redis streams: one a tier, read by a consumer group that all replicas share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from market_data.events import JobDropped, Tell
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Tier
from market_data.market.span import Span
from market_data.store.redis import entries, reachable

GROUP = "fetchers"
KEPT = 50_000
"""Jobs a tier that can wait, about; past it the oldest is dropped and made again by a later sweep."""
READ_BLOCK_MS = 1000
EMIT_BATCH = 500
"""Jobs that go to Redis at once; between two batches the event loop does other work."""


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
    provider_hint: str | None = None  # to be preferred while it is in good health

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError("a job's span must end after it starts")

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
    """The fetch jobs on one Redis. Calls raise StoreUnavailable where it cannot be reached.

    `tell` hears of entries that are no jobs.
    """

    def __init__(self, redis: Redis, consumer: str, tell: Tell = lambda _: None) -> None:
        self._redis = redis
        self._consumer = consumer
        self._tell = tell
        self._release = redis.register_script(_script())
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
        made = 0
        for start in range(0, len(jobs), EMIT_BATCH):
            made += await self._emit(jobs[start : start + EMIT_BATCH])
        return made

    async def _emit(self, jobs: Sequence[Job]) -> int:
        with reachable():
            async with self._redis.pipeline(transaction=False) as batch:
                for job in jobs:
                    life = max(1, int((job.expires_at - job.made_at) * 1000))
                    batch.set(_lease(job), _mark(job), nx=True, px=life)
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

        Every tier gives its share, so that T2 moves while T0 is busy. An entry that is no job is told and
        thrown away: it would be one for ever.
        """
        with reachable():
            try:
                reply = await self._redis.xreadgroup(
                    GROUP, self._consumer, self._new_entries, count=each, block=READ_BLOCK_MS
                )
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await self.open()  # this Redis is not the one that we opened: it has come back empty
                return []
        claimed = []
        for stream, entry, fields in entries(reply):
            try:
                claimed.append(Claimed(_job(fields), stream, entry))
            except (ValueError, RecursionError) as error:
                await self._drop(stream, entry, str(error))
        return sorted(claimed, key=lambda one: one.job.tier)

    async def done(self, claimed: Claimed) -> None:
        """End a job: it leaves the queue, and its key may be queued again."""
        job = claimed.job
        await self._remove(claimed.stream, claimed.entry)
        if job.capability.interval is not None:  # a quote's lease is its cadence: it runs out
            with reachable():
                await self._release(keys=[_lease(job)], args=[_mark(job)])

    async def _drop(self, stream: str, entry: str, why: str) -> None:
        await self._remove(stream, entry)
        self._tell(JobDropped(f"{stream} {entry}", why))

    async def _remove(self, stream: str, entry: str) -> None:
        with reachable():
            async with self._redis.pipeline(transaction=False) as batch:
                batch.xack(stream, GROUP, entry)
                batch.xdel(stream, entry)
                await batch.execute()

    async def depth(self) -> dict[Tier, int]:
        """Jobs that wait or run, by tier."""
        with reachable():
            return {tier: int(await self._redis.xlen(stream)) for tier, stream in self._streams.items()}


@cache
def _script() -> str:
    return files("market_data").joinpath("release.lua").read_text(encoding="utf-8")


def _job(fields: Mapping[bytes, bytes]) -> Job:
    """The job in an entry; ValueError if there is none."""
    body = fields.get(b"job")
    if body is None:
        raise ValueError("it has no field `job`")
    return msgspec.json.decode(body, type=Job)


def _lease(job: Job) -> str:
    return f"market:lease:{job.key}"


def _mark(job: Job) -> str:
    """What tells a job from others of its key."""
    return repr(job.made_at)
