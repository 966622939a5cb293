"""A consumer group over Redis streams: each entry claimed at least once, and taken over from the dead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import msgspec
from redis.asyncio import Redis

from market_data.store.redis import entries, reachable

READ_BLOCK_MS = 1000
"""How long a claim waits where there is nothing."""
TAKEN_OVER_SECONDS = 10.0
"""What its consumer gave no sign of life of for so long is another's."""
MOST_LOOKED_AT = 1000
"""Claims of a stream that one look for the dead goes through: all replicas together hold fewer."""
DONE_SECONDS = 120.0
"""For how long it is remembered that a job was done: longer than any sweep takes."""
DEAD_KEPT = 1000
"""Dead letters that are kept; past it the oldest is forgotten."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a stream that this consumer must end with `finish`."""

    stream: str
    id: str
    body: bytes  # "": it has no field `job`
    claims: int = 1  # how often it has been claimed, this time too


@dataclass(frozen=True, slots=True)
class Ended:
    """How an entry ends: `done`, `again` (somebody else shall do it) or `drop`; and the lease that it has."""

    entry: Entry
    how: str
    lease: str = ""
    mark: str = ""


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that nobody will do, and why; `at` is epoch seconds."""

    id: str
    job: str
    why: str
    stream: str
    at: float


class Group:
    """One consumer of a group over `streams`, which share a slot, the most urgent first.

    Calls raise StoreUnavailable where Redis cannot be reached.
    """

    def __init__(self, redis: Redis, streams: Sequence[str], group: str, consumer: str, dead: str) -> None:
        self._redis = redis
        self._streams = list(streams)
        self._number = {stream: str(number) for number, stream in enumerate(streams, 1)}
        self._group = group
        self._consumer = consumer
        self._dead = dead
        names = ("claim", "beat", "takeover", "finish", "leave")
        self._claim, self._beat, self._takeover, self._finish, self._leave = (
            redis.register_script(script(name)) for name in names
        )

    async def claim(self, room: int, shares: Sequence[int], lanes: int = 1) -> list[Entry]:
        """Up to `room` new entries, of each stream its share first; waits READ_BLOCK_MS if there are none.

        Every `lanes` streams in a row belong together: what one leaves of its share is first for the others.
        """
        found, newest = await self._claimed(room, shares, lanes)
        if not found and newest:
            with reachable(self._redis):
                news = await self._redis.xread(newest, count=1, block=READ_BLOCK_MS)
            if news:
                found, _ = await self._claimed(room, shares, lanes)
        return found

    async def _claimed(
        self, room: int, shares: Sequence[int], lanes: int
    ) -> tuple[list[Entry], dict[bytes | str | memoryview, int | bytes | str | memoryview]]:
        with reachable(self._redis):
            claimed, newest = await self._claim(
                keys=self._streams, args=[self._group, self._consumer, room, lanes, *shares]
            )
        return [self._entry(*one) for one in claimed], dict(zip(self._streams, newest, strict=True))

    async def beat(self, held: Iterable[Entry]) -> set[str]:
        """Give a sign of life of what is held; the ids that others have taken over, or that are gone."""
        pairs = [word for one in held for word in (self._number[one.stream], one.id)]
        if not pairs:
            return set()
        with reachable(self._redis):
            lost = await self._beat(keys=self._streams, args=[self._group, self._consumer, *pairs])
        return {one.decode() for one in lost}

    async def take_over(self, room: int) -> list[Entry]:
        """Up to `room` entries that their consumers have given no sign of life of for TAKEN_OVER_SECONDS."""
        with reachable(self._redis):
            taken = await self._takeover(
                keys=self._streams,
                args=[self._group, self._consumer, int(TAKEN_OVER_SECONDS * 1000), room, MOST_LOOKED_AT],
            )
        return [self._entry(number, name, body, int(times) + 1) for number, name, body, times in taken]

    async def finish(self, ended: Sequence[Ended]) -> None:
        """End entries; ending one twice does nothing."""
        if not ended:
            return
        keys, args = list[str](), list[str | bytes | int]([self._group, int(DONE_SECONDS * 1000)])
        for one in ended:
            keys += [one.entry.stream, one.lease or one.entry.stream]
            args += [one.entry.id, one.entry.body, one.mark, one.how]
        with reachable(self._redis):
            await self._finish(keys=keys, args=args)

    async def bury(self, entry: Entry, why: str, at: float, *, lease: str = "", mark: str = "") -> None:
        """End an entry as a dead letter; its lease runs out by itself."""
        with reachable(self._redis):
            await self._redis.xadd(
                self._dead,
                {"job": entry.body, "why": why, "stream": entry.stream, "at": f"{at:.3f}"},
                maxlen=DEAD_KEPT,
                approximate=True,
            )
        await self.finish([Ended(entry, "drop", lease, mark)])

    async def dead(self, count: int) -> list[DeadLetter]:
        """The newest `count` dead letters, newest first."""
        with reachable(self._redis):
            found = await self._redis.xrevrange(self._dead, count=count)
        return [
            DeadLetter(
                id=name,
                job=fields.get(b"job", b"").decode("utf-8", "replace"),
                why=fields.get(b"why", b"").decode("utf-8", "replace"),
                stream=fields.get(b"stream", b"").decode("utf-8", "replace"),
                at=float(fields.get(b"at", b"0")),
            )
            for _, name, fields in entries([(b"", found)])
        ]

    async def discard(self, name: str) -> bool:
        """Delete a dead letter; whether there was one."""
        with reachable(self._redis):
            return bool(await self._redis.xdel(self._dead, name))

    async def leave(self) -> None:
        """Be no consumer any more of the streams of which nothing is held."""
        with reachable(self._redis):
            await self._leave(keys=self._streams, args=[self._group, self._consumer])

    def _entry(self, number: int, name: bytes, body: bytes, claims: int = 1) -> Entry:
        return Entry(self._streams[number - 1], name.decode(), body, claims)


@cache
def script(name: str) -> str:
    """The script queue/`name`.lua."""
    return files("market_data.queue").joinpath(f"{name}.lua").read_text(encoding="utf-8")
