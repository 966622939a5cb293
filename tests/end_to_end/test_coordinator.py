"""`market-data coordinate` and a replica with USE_RLC=true, as processes over the same stores."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.simulate import SimulatorConfig, paced, start
from market_data.store import universe
from market_data.store.connect import Database

pytestmark = pytest.mark.anyio

ASKED = "coinbase"
"""It needs no key, and its plan binds everybody."""
MEMBERS = [Instrument(f"Z{one}A-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0) for one in "ABCDEFGHIJ"]
PATIENCE_SECONDS = 60.0
STOP_SECONDS = 30.0


@asynccontextmanager
async def command(environment: Mapping[str, str], *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs while the block does; it has to end well, and in time, when it is told to."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_data", *words),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        _, said = await asyncio.wait_for(process.communicate(), STOP_SECONDS)
        assert process.returncode == 0, said.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_replicas_do_what_the_coordinator_sends(
    database: Database, postgres_url: str, redis_url: str
) -> None:
    await universe.put(database, MEMBERS)
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(await start(SimulatorConfig(), paced()))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "PORT": "0",
            "DATABASE_URL": postgres_url,
            "RLC_REDIS_URL": redis_url,
            "USE_RLC": "true",
            "CADENCE_T0": "bars_1m=60",
            "BACKFILL_MAX_CONCURRENCY_T0": "0",
            "PROVIDERS_DISABLED": ",".join(one for one in discover() if one != ASKED),
            "COINBASE_BASE_URL": simulator.base_urls[ASKED],
        }
        async with command(environment, "plan", "--json") as planning:
            assert planning.stdout is not None
            (line, *_) = json.loads(await planning.stdout.read())
            await planning.wait()
        assert (line["tier"], line["symbols"], line["asked_for"]) == ("T0", len(MEMBERS), 60.0)
        assert simulator.calls[ASKED].asked == 0, "the plan is readable before a call is made"

        await stack.enter_async_context(command(environment, "serve", "--json"))
        await stack.enter_async_context(command(environment, "coordinate"))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                rows = await database.fetch("SELECT DISTINCT symbol FROM candles_intraday")
                if len(rows) == len(MEMBERS):
                    break
                await asyncio.sleep(0.2)
        assert simulator.calls[ASKED].over_plan == 0
