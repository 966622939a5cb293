"""Workers are killed, PostgreSQL is restarted, Valkey is wiped: every backfill is done, none is lost."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch
from market_data.providers import discover
from market_data.simulate import Plan, Running, SimulatorConfig, paced, start
from market_data.store import ledger, universe
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from market_data.store.ledger import New

pytestmark = pytest.mark.anyio

SYMBOLS = [f"X{letter}{other}" for letter in "ABCDEFGHIJ" for other in "ABCDEFGHIJ"]
SESSIONS = [1_762_180_200 + day * 86_400 for day in (0, 1, 2, 3, 4)]
"""13:30 UTC of 3 to 7 November 2025, when New York opens at 14:30."""
FIRST_MINUTE = 3600
MINUTES = 5
"""In one backfill."""
PATIENCE_SECONDS = 240.0
"""How long all may take once nobody is killed any more."""


def windows(count: int) -> list[tuple[str, Span]]:
    """So many windows of different series and times."""
    each = -(-count // (len(SYMBOLS) * len(SESSIONS)))
    found = [
        (symbol, Span(at, at + MINUTES * 60))
        for number in range(each)
        for opens in SESSIONS
        for symbol in SYMBOLS
        for at in (opens + FIRST_MINUTE + number * MINUTES * 60,)
    ]
    return found[:count]


def environment(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, simulator: Running) -> dict[str, str]:
    """A service that does nothing but backfills, as fast as it can."""
    name = "finnhub"
    prefix = discover()[name].facts.settings_prefix
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PORT": "0",
        "DATABASE_URL": postgres.url,
        "RLC_REDIS_URL": valkey.url,
        "LOCAL_SWEEP_ENABLED": "false",
        "BACKFILL_DISPATCH_RATE_PER_SEC": "1000",
        "BACKFILL_MAX_CONCURRENCY_T0": "8",
        "BACKFILL_LEASE_SEC": "5",
        "PROVIDERS_DISABLED": ",".join(one for one in discover() if one != name),
        f"{prefix}_BASE_URL": simulator.base_urls[name],
        f"{prefix}_API_KEY": "hunter2",
        f"{prefix}_LIMITS": "1000000/1",
    }


@asynccontextmanager
async def worker(settings: dict[str, str]) -> AsyncIterator[None]:
    """A service in a process of its own; killed with -9 when the block ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_data", "serve", "--json"),
        env=settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()  # it answers
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def unfinished(database: Database) -> int:
    depths = await ledger.depths(database)
    return sum(one.queued + one.running + one.dead for one in depths.values())


async def chaos(folder: Path, jobs: int, kills: int, seconds: float) -> None:
    """Do `jobs` backfills by workers that live up to `seconds` and are killed `kills` times."""
    postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
    chance = random.Random(1)
    postgres.__enter__()
    valkey.__enter__()
    try:
        async with await start(SimulatorConfig(plans={"finnhub": Plan.UNLIMITED}), paced()) as simulator:
            settings = environment(postgres, valkey, simulator)
            async with open_database(postgres.url, 2) as database:
                await prepare(database, windows(jobs))
            for kill in range(kills):
                async with worker(settings):
                    await asyncio.sleep(chance.uniform(0.1, seconds))
                if kill % 10 == 4:
                    with Redis.from_url(valkey.url) as redis:
                        redis.flushall()
                if kill % 10 == 9:
                    await asyncio.to_thread(postgres.__exit__, None, None, None)
                    await asyncio.to_thread(postgres.__enter__)
            async with worker(settings), open_database(postgres.url, 2) as database:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while await unfinished(database):  # noqa: ASYNC110 - the database tells nobody
                        await asyncio.sleep(0.2)
                await every_window_is_filled(database, windows(jobs))
    finally:
        await asyncio.to_thread(valkey.__exit__, None, None, None)
        await asyncio.to_thread(postgres.__exit__, None, None, None)


async def prepare(database: Database, wanted: list[tuple[str, Span]]) -> None:
    await migrate(database)
    await universe.put(database, [Instrument(one, "NYSE", AssetType.EQUITY, Tier.T0) for one in SYMBOLS])
    async with database.transaction() as connection:
        await ledger.add(connection, Interval.M1, [New(symbol, span, Tier.T0) for symbol, span in wanted])


async def every_window_is_filled(database: Database, wanted: list[tuple[str, Span]]) -> None:
    done = await database.fetch("SELECT status, count(*) AS jobs FROM backfill_jobs GROUP BY status")
    assert {row["status"]: row["jobs"] for row in done} == {"done": len(wanted)}
    rows = await database.fetch("SELECT symbol, ts FROM candles_intraday WHERE interval = '1m'")
    held = [(row["symbol"], epoch(row["ts"])) for row in rows]
    expected = {(symbol, ts) for symbol, span in wanted for ts in range(span.start, span.end, 60)}
    assert len(held) == len(set(held))
    assert expected <= set(held), f"{len(expected - set(held))} minutes were lost"
    assert await database.fetch("SELECT 1 FROM candle_revisions") == [], "what came twice was the same"


async def test_two_killed_workers_lose_nothing(servers_folder: Path) -> None:
    await chaos(servers_folder / "few", jobs=300, kills=2, seconds=0.5)


@pytest.mark.chaos
async def test_fifty_killed_workers_lose_nothing(servers_folder: Path) -> None:
    await chaos(servers_folder / "many", jobs=10_000, kills=50, seconds=3.0)
