"""What we may still ask: call budgets that all replicas share through Redis."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from uuid import uuid4

from redis.asyncio import Redis

from market_data.provider import Limit
from market_data.store.redis import reachable


@cache
def _script(name: str) -> str:
    return files("market_data.route").joinpath(f"{name}.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Spent:
    """One call that was spent; it counts from the end of its hold, or from when it is settled."""

    keys: tuple[str, ...]
    member: str


class Budget:
    """Spends calls so that no stretch of a limit's length holds more than its calls, whoever makes them.

    The time is that of Redis, which all replicas share; `clock` (epoch seconds) stands in for it where a day
    has to pass in a minute.
    """

    def __init__(self, redis: Redis, clock: Callable[[], float] | None = None) -> None:
        self._redis = redis
        self._clock = clock
        self._spend = redis.register_script(_script("budget"))
        self._settle = redis.register_script(_script("settle"))

    async def spend(self, provider: str, limits: Sequence[Limit], hold: float) -> Spent | float:
        """Spend one call of every limit, or none: what was spent, or the seconds until there is room.

        The provider may count a call as late as it answers. So it is held for `hold` seconds, the longest
        that it can take, until `settle` says that it is over; if we die meanwhile it has been spent too.
        """
        spent = Spent(_keys(provider, limits), uuid4().hex)
        if not limits:
            return spent
        windows = [number for limit in limits for number in (limit.calls, limit.seconds * 1000)]
        with reachable():
            wait = await self._spend(
                keys=spent.keys, args=[self._now(), spent.member, int(hold * 1000), *windows]
            )
        return float(wait) / 1000 if wait else spent

    async def settle(self, spent: Spent) -> None:
        """Note that a call is over."""
        if spent.keys:
            with reachable():
                await self._settle(keys=spent.keys, args=[self._now(), spent.member])

    async def left(self, provider: str, limits: Sequence[Limit]) -> list[int]:
        """The calls left in each limit's window at this moment, in the order of the limits."""
        keys = _keys(provider, limits)
        with reachable():
            now = await self._milliseconds()
            async with self._redis.pipeline(transaction=False) as batch:
                for key, limit in zip(keys, limits, strict=True):
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


def _keys(provider: str, limits: Sequence[Limit]) -> tuple[str, ...]:
    # the braces put a provider's windows into one slot of a Redis cluster
    return tuple(f"market:budget:{{{provider}}}:{limit.seconds}" for limit in limits)
