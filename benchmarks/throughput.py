"""How many series one, two and three replicas fetch in a second, on one PostgreSQL and one Valkey.

    python benchmarks/throughput.py [SYMBOLS]

The replicas and the simulator are processes of their own. A round is one job for each symbol, whose answer
holds five known bars and a new one, until all are done; each number of replicas has its turn twice, since a
machine may slow down meanwhile. Beside the rates stands who used the CPU: it tells what the limit was.
"""

import asyncio
import itertools
import os
import statistics
import string
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import uvloop
from redis.asyncio import Redis

from fanout_parts.processes import Meter
from fetch_cost import job
from market_data.cli.child import running_simulator
from market_data.hosting import Stores
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.queue import Queue
from market_data.store import universe
from market_data.store.connect import migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from market_data.telemetry import lines

REPLICAS = (1, 2, 3)
ROUNDS = 4
TURNS = 2
START_SECONDS = 60.0
STOP_SECONDS = 35.0
_minutes = itertools.count()


def environment(base_url: str, stores: Stores) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PORT": "0",
        "LOG_LEVEL": "ERROR",
        "DATABASE_URL": stores.database_url,
        "RLC_REDIS_URL": stores.redis_url,
        "FINNHUB_BASE_URL": base_url,
        "FINNHUB_API_KEY": "hunter2",
        "FINNHUB_LIMITS": "100000/1,1000000/60",
        "PROVIDERS_DISABLED": ",".join(one for one in discover() if one != "finnhub"),
        "LOCAL_SWEEP_ENABLED": "false",
    }


@asynccontextmanager
async def replica(settings: dict[str, str]) -> AsyncIterator[int]:
    """A replica as a process; yields its id once it serves."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_data", "serve", "--json"),
        env=settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # where it says that it starts and stops
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        assert line, "the replica did not start"
        yield process.pid
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), STOP_SECONDS)


async def fetched(queue: Queue, symbols: list[str], number: int) -> float:
    """Series a second of one round."""
    started = time.perf_counter()
    made = await queue.emit([job(one, number, time.time()) for one in symbols])
    assert made == len(symbols), made
    while (await queue.depth())[Tier.T0]:  # noqa: ASYNC110 - Redis tells nobody
        await asyncio.sleep(0.02)
    return len(symbols) / (time.perf_counter() - started)


async def turn(settings: dict[str, str], queue: Queue, symbols: list[str], replicas: int) -> list[float]:
    """The rounds of so many replicas, without the first, in series a second."""
    async with AsyncExitStack() as stack:
        pids = [await stack.enter_async_context(replica(settings)) for _ in range(replicas)]
        await fetched(queue, symbols, next(_minutes))
        meter = Meter({"replicas": pids})
        rounds = [await fetched(queue, symbols, next(_minutes)) for _ in range(ROUNDS)]
        cores = meter.cores()
    print(f"{replicas} of them: {statistics.median(rounds):.0f} series a second; ", end="")
    print(
        f"cores busy: {cores['replicas']:.2f} replicas, {cores['others']:.2f} stores and simulator",
        flush=True,
    )
    return rounds


async def measure(stores: Stores, count: int) -> None:
    letters = itertools.islice(itertools.product(string.ascii_uppercase, repeat=3), count)
    members = [Instrument("X" + "".join(one), "NYSE", AssetType.EQUITY, Tier.T0) for one in letters]
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(stores.database_url, 2))
        await migrate(database)
        await universe.put(database, members)
        simulator = await stack.enter_async_context(running_simulator(1, 0, os.environ))
        cache = await stack.enter_async_context(Redis.from_url(stores.redis_url))
        queue, symbols = Queue(cache, "benchmark", clock=time.time), [one.symbol for one in members]
        settings = environment(simulator.base_urls["finnhub"], stores)
        rates: dict[int, list[float]] = {count: [] for count in REPLICAS}
        for _ in range(TURNS):
            for replicas in REPLICAS:
                rates[replicas] += await turn(settings, queue, symbols, replicas)
    one = statistics.median(rates[1])
    for replicas in REPLICAS[1:]:
        print(f"{replicas} replicas / 1 replica: {statistics.median(rates[replicas]) / one:.2f}")


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
