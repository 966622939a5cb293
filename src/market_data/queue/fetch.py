"""Fetch jobs: streams by tier and capability, read by a group that all replicas share; a lease a series."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import msgspec
from redis.asyncio import Redis

from market_data.events import JobDropped, Tell
from market_data.market.capability import Capability
from market_data.market.instrument import Tier
from market_data.queue.group import DeadLetter, Ended, Entry, Group, script
from market_data.queue.job import Job
from market_data.store.redis import reachable

GROUP = "fetchers"
SLOT = "{market:fetch}"
"""All keys are in one slot of a Redis cluster: scripts then see streams and leases at once."""
KEPT = 50_000
"""Jobs of a stream that can wait, about; past it the oldest is dropped and made again by a later sweep."""
EMIT_BATCH = 500
"""Jobs that go to Redis at once; between two batches the event loop does other work."""
TURNS = (Tier.T0,) * 4 + (Tier.T1,) * 2 + (Tier.T2,)
"""Whose turn it is to be claimed: T2 moves while T0 is busy. A turn that a tier leaves goes to the others."""
LANES = (Capability.QUOTES_L1, Capability.BARS_1M, Capability.EOD)
"""What a tier has streams for, in the order in which they take turns that others leave.

A quote is the first to be worth nothing, and a first load of days must not stand before minutes."""
TURNS_OF_LANES = (
    *(Capability.BARS_1M, Capability.QUOTES_L1, Capability.BARS_1M),
    *(Capability.BARS_1M, Capability.QUOTES_L1, Capability.EOD),
)
"""Which lane a tier's turn is for; where that has nothing, another one of the tier has it."""
MOST_CLAIMS = 3
"""Claims after which a job whose workers all died is a dead letter: it may be what kills them."""
DEAD_REST_SECONDS = 3600.0
"""For how long the series of such a job is left alone."""
SWEEP_SECONDS = 10.0
"""A sweep that is not over after this time is begun anew by another replica: who began it may be dead."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that this consumer must end with `done`, `give_back` or `bury`."""

    job: Job
    entry: Entry


class Queue:
    """The fetch jobs on one Redis. Calls raise StoreUnavailable where it cannot be reached.

    `tell` hears of what ends as a dead letter; `clock` gives epoch seconds.
    """

    def __init__(
        self,
        redis: Redis,
        consumer: str,
        tell: Tell = lambda _: None,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._redis = redis
        self._consumer = consumer
        self._tell = tell
        self._clock = clock
        self._streams = {(tier, lane): _stream(tier, lane) for tier in Tier for lane in LANES}
        self._group = Group(redis, list(self._streams.values()), GROUP, consumer, f"{SLOT}:dead")
        self._emit_script = redis.register_script(script("emit"))
        self._sweep = redis.register_script(script("sweep"))
        self._turns: Iterator[Tier] = cycle(TURNS)
        self._turns_of_lanes = {tier: cycle(TURNS_OF_LANES) for tier in Tier}

    async def claim_slot(self, slot: int | str) -> int:
        """Claim a slot of the sweep: Redis's time in ms if it is ours, 0 if it was swept, -1 if it is
        being."""
        with reachable(self._redis):
            return int(
                await self._sweep(keys=[_slot(slot)], args=[self._consumer, int(SWEEP_SECONDS * 1000)])
            )

    async def swept(self, slot: int | str, seconds: float) -> None:
        """Note that a slot has been swept; it is remembered for so many seconds."""
        with reachable(self._redis):
            await self._redis.set(_slot(slot), "done", px=int(seconds * 1000))

    async def emit(self, jobs: Sequence[Job], read_at: int | None = None) -> int:
        """Queue the jobs whose key has none waiting or running; returns how many that were.

        `read_at` is when it was looked what is due (Redis's time in ms): a job that was done since is not
        due.
        """
        made = 0
        for (tier, lane), stream in self._streams.items():
            these = [job for job in jobs if job.tier is tier and job.capability is lane]
            for start in range(0, len(these), EMIT_BATCH):
                made += await self._emit(stream, these[start : start + EMIT_BATCH], read_at)
        return made

    async def _emit(self, stream: str, jobs: Sequence[Job], read_at: int | None) -> int:
        keys, args = [stream], list[str | bytes | int]([KEPT, "" if read_at is None else read_at])
        for job in jobs:
            keys.append(_lease(job))
            args += [job.mark, job.life_ms, msgspec.json.encode(job)]
        with reachable(self._redis):
            return int(await self._emit_script(keys=keys, args=args))

    async def claim(self, room: int) -> list[Claimed]:
        """Up to `room` jobs, T0 first but every tier and lane its turns; waits a second where there are none.

        An entry that is no job ends as a dead letter.
        """
        turns = Counter((tier, next(self._turns_of_lanes[tier])) for tier in islice(self._turns, room))
        shares = [turns[one] for one in self._streams]
        return await self._readable(await self._group.claim(room, shares, lanes=len(LANES)))

    async def beat(self, held: Sequence[Claimed]) -> list[Claimed]:
        """Give a sign of life of jobs that are under way; those that are another's now, or gone."""
        lost = await self._group.beat([one.entry for one in held])
        return [one for one in held if one.entry.id in lost]

    async def take_over(self, room: int) -> list[Claimed]:
        """Up to `room` jobs of replicas that have died; one that has killed MOST_CLAIMS becomes a dead
        letter."""
        found = []
        for one in await self._readable(await self._group.take_over(room)):
            if one.entry.claims > MOST_CLAIMS:
                await self.bury(one, f"its workers died, {MOST_CLAIMS} times in a row", rest=True)
            else:
                found.append(one)
        return found

    async def done(self, *claimed: Claimed) -> None:
        """End jobs: they leave the queue, and their keys may be queued again."""
        # a quote's lease is its cadence: it runs out by itself
        hows = ("drop" if one.job.capability.interval is None else "done" for one in claimed)
        await self._group.finish([_ended(one, how) for one, how in zip(claimed, hows, strict=True)])

    async def give_back(self, *claimed: Claimed) -> None:
        """Let others do jobs that were claimed."""
        await self._group.finish([_ended(one, "again") for one in claimed])

    async def bury(self, claimed: Claimed, why: str, *, rest: bool = False) -> None:
        """End a job as a dead letter. With `rest` its key is not queued again for DEAD_REST_SECONDS."""
        job = claimed.job
        if rest:
            with reachable(self._redis):
                await self._redis.set(_lease(job), "dead", px=int(DEAD_REST_SECONDS * 1000))
        await self._group.bury(claimed.entry, why, self._clock(), lease=_lease(job), mark=job.mark)
        if not rest:
            await self._group.finish([_ended(claimed, "done")])
        self._tell(JobDropped(f"{claimed.entry.stream} {claimed.entry.id}", why))

    async def dead(self, count: int) -> list[DeadLetter]:
        """The newest `count` dead letters, newest first."""
        return await self._group.dead(count)

    async def discard(self, name: str) -> bool:
        """Delete a dead letter; whether there was one."""
        return await self._group.discard(name)

    async def leave(self) -> None:
        """Be no consumer any more: the service stops."""
        await self._group.leave()

    async def depth(self) -> dict[Tier, int]:
        """Jobs that wait or run, by tier."""
        with reachable(self._redis):
            async with self._redis.pipeline(transaction=False) as batch:
                for stream in self._streams.values():
                    batch.xlen(stream)
                depths = dict(zip(self._streams, await batch.execute(), strict=True))
        return {tier: sum(depths[tier, lane] for lane in LANES) for tier in Tier}

    async def _readable(self, found: Sequence[Entry]) -> list[Claimed]:
        claimed = []
        for entry in found:
            try:
                claimed.append(Claimed(Job.read(entry.body), entry))
            except ValueError as error:
                await self._group.bury(entry, str(error), self._clock())
                self._tell(JobDropped(f"{entry.stream} {entry.id}", str(error)))
        return claimed


def _stream(tier: Tier, lane: Capability) -> str:
    of_tier = f"{SLOT}:{tier}"  # the name of all jobs of a tier once: those that wait there are still done
    return of_tier if lane is Capability.BARS_1M else f"{of_tier}:{lane}"


def _slot(slot: int | str) -> str:
    return f"{SLOT}:sweep:{slot}"


def _lease(job: Job) -> str:
    return f"{SLOT}:lease:{job.key}"


def _ended(claimed: Claimed, how: str) -> Ended:
    return Ended(claimed.entry, how, _lease(claimed.job), claimed.job.mark)
