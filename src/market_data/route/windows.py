"""The windows of call budgets, which all replicas share in Redis: what its scripts do, as calls.

All of them raise StoreUnavailable where Redis cannot be reached.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from uuid import uuid4

from redis.asyncio import Redis

from market_data.provider import Limit
from market_data.store.redis import reachable


class Granted(NamedTuple):
    """How many calls were spent, the seconds until there is room for more, and the windows' life."""

    spent: int
    wait: float
    life: str


class Windows:
    """A sliding log of calls for each limit of each provider.

    The time is that of Redis; `clock` (epoch seconds) stands in for it.
    """

    def __init__(self, redis: Redis, clock: Callable[[], float] | None) -> None:
        self._redis = redis
        self._clock = clock
        self._spend, self._settle, self._rejoin = (
            redis.register_script(_script(name)) for name in ("budget", "settle", "rejoin")
        )

    async def spend(
        self,
        provider: str,
        limits: Sequence[Limit],
        calls: Sequence[tuple[str, float]],
        *,
        life: str,
        young: float,
    ) -> Granted | None:
        """Spend as many calls (member, seconds for which it is held) as every window has room for.

        None where calls may be missing: the windows' life is not `life`, or that is "" (not known yet) and
        they are younger than `young` seconds.
        """
        windows = [number for limit in limits for number in (limit.calls, limit.seconds * 1000)]
        held = [word for member, hold in calls for word in (member, int(hold * 1000))]
        with reachable(self._redis):
            spent, *rest = await self._spend(
                keys=_keys(provider, limits),
                args=[self._now(), life, uuid4().hex, int(young * 1000), *windows, *held],
            )
        if int(spent) < 0:
            return None
        wait, now_known = rest
        return Granted(int(spent), float(wait) / 1000, now_known.decode())

    async def settle(self, provider: str, limits: Sequence[Limit], members: Sequence[str]) -> None:
        """Note that calls are over."""
        with reachable(self._redis):
            await self._settle(keys=_keys(provider, limits)[1:], args=[self._now(), *members])

    async def tell(
        self,
        provider: str,
        limits: Sequence[Limit],
        calls: Sequence[tuple[str, float]],
        *,
        born: int | str = "",
    ) -> str:
        """The life of the windows once these calls (member, seconds from now: < 0 is ago) are in them.

        `born` (ms) is when it begins, if one has to; "" for now.
        """
        windows = [limit.seconds * 1000 for limit in limits]
        pairs = [word for member, after in calls for word in (member, int(after * 1000))]
        with reachable(self._redis):
            life = await self._rejoin(
                keys=_keys(provider, limits), args=[self._now(), uuid4().hex, born, *windows, *pairs]
            )
        return str(life.decode())

    async def left(self, provider: str, limits: Sequence[Limit]) -> list[int]:
        """The calls left in each limit's window at this moment, in the order of the limits."""
        with reachable(self._redis):
            now = await self._milliseconds()
            async with self._redis.pipeline(transaction=False) as batch:
                for key, limit in zip(_keys(provider, limits)[1:], limits, strict=True):
                    batch.zcount(key, f"({now - limit.seconds * 1000}", "+inf")
                used = await batch.execute()
        return [max(0, limit.calls - count) for limit, count in zip(limits, used, strict=True)]

    async def _milliseconds(self) -> int:
        if self._clock is not None:
            return int(self._clock() * 1000)
        seconds, microseconds = await self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def _now(self) -> int | str:
        """The time for a script; "" for that of Redis."""
        return "" if self._clock is None else int(self._clock() * 1000)


@cache
def _script(name: str) -> str:
    folder = files("market_data.route")
    return "".join(folder.joinpath(f"{one}.lua").read_text(encoding="utf-8") for one in ("life", name))


def _keys(provider: str, limits: Sequence[Limit]) -> list[str]:
    """The key of the life, then those of the windows; braces put them into one slot of a cluster."""
    return [f"market:budget:{{{provider}}}:{one}" for one in ("life", *(limit.seconds for limit in limits))]
