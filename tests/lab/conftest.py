"""Starts markets: `await lab("2024-06-12 13:30", only=("yahoo",))`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import pytest

from market_data.hosting import Stores

from . import database as lab_database
from .market import Market
from .opening import market
from .rows import at

Lab = Callable[..., Awaitable[Market]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the service runs on, twice as fast as the one in the standard library."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def lab(postgres_url: str, redis_url: str, anyio_backend: str) -> AsyncIterator[Lab]:
    """Opens the market of a test; it closes when the test ends."""
    await lab_database.shadow_clock(postgres_url)
    async with AsyncExitStack() as stack:

        async def opened(now: str, *, only: Sequence[str] = (), **settings: str) -> Market:
            stores = Stores(postgres_url, redis_url, redis_is_ours=True)
            return await stack.enter_async_context(market(stores, at(now), only=only, settings=settings))

        yield opened
