"""Opens a market: the simulator, the service over given stores, and the verbs to play with both."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import asyncpg

from market_data.hosting import Stores
from market_data.providers import discover
from market_data.simulate import Plan, Running, SimulatorConfig, start
from market_data.telemetry import lines

from . import database as lab_database
from .adapter import play, running
from .clock import World
from .market import Market
from .truth import Truth

BUDGET_SECONDS = 1.0
"""The window of the lab's budgets: nothing waits longer for one."""


@asynccontextmanager
async def market(
    stores: Stores, now: float, *, only: Sequence[str] = (), settings: Mapping[str, str] | None = None
) -> AsyncIterator[Market]:
    """A market whose clock shows `now`. `only`: no other provider is enabled.

    The database must read its time from a table: see `database.shadow_clock`.
    """
    lines.set_up("CRITICAL", "text")
    world, truth = World(now), Truth()
    async with AsyncExitStack() as stack:
        config = SimulatorConfig(plans=dict.fromkeys(discover(), Plan.UNLIMITED), symbols="")
        simulator = await stack.enter_async_context(await start(config, world))
        play(simulator, truth.tapes())
        connection = await asyncpg.connect(stores.database_url)
        stack.push_async_callback(connection.close)
        await lab_database.turn(connection, world.service())

        async def wait(seconds: float) -> None:
            if seconds < BUDGET_SECONDS:  # budgets go by the clock of Redis, which nobody turns
                await asyncio.sleep(seconds)
            world.now += seconds
            await lab_database.turn(connection, world.service())

        environment = {**_environment(simulator, only), **(settings or {})}
        inside = await stack.enter_async_context(
            running(stores, world.service, environment, steady=world, wait=wait)
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Market(world, truth, simulator, inside, stores, session, connection)


def _environment(simulator: Running, only: Sequence[str]) -> dict[str, str]:
    """Settings with which the service asks the simulator, as fast as it can."""
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
    return environment
