"""What we may still ask: call budgets that all replicas share through Redis."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from uuid import uuid4

from redis.asyncio import Redis

from market_data.provider import Limit
from market_data.store.redis import reachable


@cache
def _script() -> str:
    return files("market_data.route").joinpath("budget.lua").read_text(encoding="utf-8")


class Budget:
    """Spends calls so that no stretch of a limit's length holds more than its calls, whoever makes them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._spend = redis.register_script(_script())

    async def spend(self, provider: str, limits: Sequence[Limit]) -> float:
        """Spend one call of every limit, or none: 0.0 if spent, else the seconds until there is room."""
        if not limits:
            return 0.0
        windows = [number for limit in limits for number in (limit.calls, limit.seconds)]
        with reachable():
            wait = await self._spend(keys=_keys(provider, limits), args=[uuid4().hex, *windows])
        return float(wait) / 1000

    async def left(self, provider: str, limits: Sequence[Limit]) -> list[int]:
        """The calls left in each limit's window at this moment, in the order of the limits."""
        keys = _keys(provider, limits)
        with reachable():
            seconds, microseconds = await self._redis.time()
            now = seconds * 1000 + microseconds // 1000
            async with self._redis.pipeline(transaction=False) as batch:
                for key, limit in zip(keys, limits, strict=True):
                    batch.zcount(key, f"({now - limit.seconds * 1000}", "+inf")
                used = await batch.execute()
        return [max(0, limit.calls - count) for limit, count in zip(limits, used, strict=True)]


def _keys(provider: str, limits: Sequence[Limit]) -> list[str]:
    # the braces put a provider's windows into one slot of a Redis cluster
    return [f"market:budget:{{{provider}}}:{limit.seconds}" for limit in limits]
