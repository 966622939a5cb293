"""Budgets that spend at once, as a service does that starts where nobody has asked anything."""

from collections.abc import Callable, Iterable

from redis.asyncio import Redis

from market_data.providers import discover
from market_data.route.budget import Budget, Others


async def vouched(
    redis: Redis,
    clock: Callable[[], float] | None = None,
    others: Others | None = None,
    providers: Iterable[str] | None = None,
) -> Budget:
    """A budget over an empty Redis that lacks no calls, of all providers unless some are named."""
    budget = Budget(redis, clock, others)
    await budget.vouch(providers or discover())
    return budget
