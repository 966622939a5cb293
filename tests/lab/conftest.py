"""Starts markets: `await lab("2024-06-12 13:30", only=("yahoo",))`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import asyncpg
import pytest

from market_data.hosting import Stores
from market_data.providers import discover
from market_data.simulate import Plan, SimulatorConfig, start
from market_data.telemetry import logs

from . import database as lab_database
from .adapter import play, running
from .clock import World
from .market import Market
from .rows import at
from .truth import Truth

Lab = Callable[..., Awaitable[Market]]


@pytest.fixture
async def lab(postgres_url: str, redis_url: str, anyio_backend: str) -> AsyncIterator[Lab]:
    """Opens the market of a test; it closes when the test ends."""
    await lab_database.shadow_clock(postgres_url)
    async with AsyncExitStack() as stack:

        async def opened(now: str, *, only: Sequence[str] = (), **settings: str) -> Market:
            stores = Stores(postgres_url, redis_url, redis_is_ours=True)
            return await stack.enter_async_context(market(stores, at(now), only=only, settings=settings))

        yield opened


@asynccontextmanager
async def market(
    stores: Stores, now: float, *, only: Sequence[str] = (), settings: dict[str, str] | None = None
) -> AsyncIterator[Market]:
    """A market whose clock shows `now`. `only`: no other provider is enabled."""
    logs.set_up("CRITICAL", "text")
    world, truth = World(now), Truth()
    async with AsyncExitStack() as stack:
        config = SimulatorConfig(plans=dict.fromkeys(discover(), Plan.UNLIMITED), symbols="")
        simulator = await stack.enter_async_context(await start(config, world))
        play(simulator, truth.tapes())
        environment = {
            "LOCAL_SWEEP_ENABLED": "false",
            "BACKFILL_DISPATCH_RATE_PER_SEC": "1000",
            "LOG_LEVEL": "ERROR",
        }
        for name, provider in discover().items():
            prefix = provider.facts.settings_prefix
            environment |= {
                f"{prefix}_BASE_URL": simulator.base_urls[name],
                f"{prefix}_API_KEY": f"key-{name}",
                f"{prefix}_SECRET": "secret",
                f"{prefix}_LIMITS": "1000/1",
            }
        if only:
            environment["PROVIDERS_DISABLED"] = ",".join(sorted(set(discover()) - set(only)))
        connection = await asyncpg.connect(stores.database_url)
        stack.push_async_callback(connection.close)
        await lab_database.turn(connection, world.service())

        async def wait(seconds: float) -> None:
            world.now += seconds
            await lab_database.turn(connection, world.service())

        inside = await stack.enter_async_context(
            running(stores, world.service, {**environment, **(settings or {})}, wait)
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Market(world, truth, simulator, inside, stores, session, connection)
