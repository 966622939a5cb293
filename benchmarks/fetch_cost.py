"""What one fetched series costs: CPU of the service's thread, from the job to the committed bar.

    python benchmarks/fetch_cost.py [SYMBOLS]

The simulator is a process of its own. Each round queues one job for each symbol whose answer holds five
bars that are known and one that is new, as a live fetch's does, and waits until all are done. The CPU is
that of the thread that runs the event loop; what PostgreSQL, Valkey and the simulator use is not in it. The
goal is 500 µs a series. Beside it stands what the two libraries cost alone: the same answers fetched with
aiohttp and as many rows inserted with asyncpg, a transaction each, without judging, budgets, health, jobs,
revisions or stream.
"""

import asyncio
import itertools
import os
import statistics
import string
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import asyncpg
import msgspec
import uvloop

from market_data.cli.child import running_simulator
from market_data.hosting import Stores
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.queue import Job
from market_data.serve.parts import Parts
from market_data.settings import Configuration, read
from market_data.store import universe
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from market_data.telemetry import lines
from market_data.wiring import service

OPENS = 1_762_180_200 + 3600
"""14:30 UTC of 3 November 2025, when New York opens."""
ROUNDS = 6
GOAL = 500
AT_ONCE = 32
"""Series fetched at once, as the service does."""
BARE = "INSERT INTO bare SELECT $1, * FROM unnest($2::bigint[], $3::float8[])"


def job(symbol: str, number: int, now: float) -> Job:
    """The live fetch after minute `number` of the session: five known bars and a new one."""
    start = OPENS + number * 60
    return Job(
        symbol=symbol,
        exchange="NYSE",
        asset_type=AssetType.EQUITY,
        tier=Tier.T0,
        capability=Capability.BARS_1M,
        start=start,
        end=start + 6 * 60,
        made_at=now,
        expires_at=now + 600,
    )


async def fetched(parts: Parts, symbols: list[str], number: int) -> tuple[float, float]:
    """The CPU and the wall clock's time of one round, in µs a series."""
    now = parts.clock()
    cpu, wall = time.thread_time(), time.perf_counter()
    made = await parts.queue.emit([job(one, number, now) for one in symbols])
    assert made == len(symbols), made
    while (await parts.queue.depth())[Tier.T0]:  # noqa: ASYNC110 - Redis tells nobody
        await asyncio.sleep(0.05)
    each = 1e6 / len(symbols)
    return (time.thread_time() - cpu) * each, (time.perf_counter() - wall) * each


async def bare(base_url: str, database_url: str, symbols: list[str]) -> float:
    """The CPU of one round of aiohttp and asyncpg alone, in µs a series."""
    async with aiohttp.ClientSession() as session, asyncpg.create_pool(database_url) as pool:
        await pool.execute("CREATE TABLE bare (symbol text, ts bigint, close real, PRIMARY KEY (symbol, ts))")
        window, turns = {"from": str(OPENS), "to": str(OPENS + 360)}, asyncio.Semaphore(AT_ONCE)

        async def one(symbol: str) -> None:
            query = {"symbol": symbol, "resolution": "1", **window}
            async with turns:
                async with session.get(
                    f"{base_url}/stock/candle", params=query, headers={"X-Finnhub-Token": "hunter2"}
                ) as answer:
                    bars = msgspec.json.decode(await answer.read())
                await pool.execute(BARE, symbol, bars["t"], bars["c"])

        await asyncio.gather(*map(one, symbols))
        await pool.execute("TRUNCATE bare")
        cpu = time.thread_time()
        await asyncio.gather(*map(one, symbols))
        return (time.thread_time() - cpu) * 1e6 / len(symbols)


async def measure(at: Stores, count: int) -> None:
    letters = itertools.islice(itertools.product(string.ascii_uppercase, repeat=3), count)
    members = [Instrument("X" + "".join(one), "NYSE", AssetType.EQUITY, Tier.T0) for one in letters]
    symbols = [one.symbol for one in members]
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running_simulator(1, 0, os.environ))
        configuration = settings(simulator.base_urls["finnhub"])
        parts = await stack.enter_async_context(service(configuration, at))
        await universe.put(parts.database, members)
        figures = [await fetched(parts, symbols, number) for number in range(ROUNDS)]
        alone = await bare(simulator.base_urls["finnhub"], at.database_url, symbols)
        (row,) = await parts.database.fetch("SELECT count(*) AS bars FROM candles_intraday")
    assert row["bars"] == count * (ROUNDS + 5), row["bars"]
    cpu, wall = (statistics.median(column) for column in zip(*figures[1:], strict=True))
    print(f"{count} series a round: {cpu:.0f} µs CPU a series, {wall:.0f} µs on the clock")
    print(f"aiohttp and asyncpg alone: {alone:.0f} µs; CPU / alone: {cpu / alone:.2f}")
    print(f"CPU / goal: {cpu / GOAL:.2f} (goal: less than 1)")


def settings(base_url: str) -> Configuration:
    others = ",".join(one for one in discover() if one != "finnhub")
    return read(
        {
            "FINNHUB_BASE_URL": base_url,
            "FINNHUB_API_KEY": "hunter2",
            "FINNHUB_LIMITS": "100000/1,1000000/60",
            "PROVIDERS_DISABLED": others,
            "LOCAL_SWEEP_ENABLED": "false",
        },
        dotenv=None,
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    lines.set_up("ERROR", "text")
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as postgres,
        EmbeddedValkey(Path(folder) / "valkey") as valkey,
    ):
        uvloop.run(measure(Stores(postgres.url, valkey.url), count))


if __name__ == "__main__":
    main()
