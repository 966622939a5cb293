"""Other users of a database: a dump that takes its time, and a client that must not be kept waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter

import asyncpg

TABLES = "SELECT format('%I', tablename) AS name FROM pg_tables WHERE schemaname = 'public'"
USES = (
    "SELECT count(*) FROM candles_intraday WHERE symbol = 'AAPL'",
    """INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
       VALUES ('AAPL', '1m', date_trunc('minute', now()), 1, 1, 1, 1, 1, 'yahoo')
       ON CONFLICT (symbol, interval, ts) DO UPDATE SET volume = candles_intraday.volume + 1""",
    "SELECT count(*) FROM candles_5m",
    """INSERT INTO series_heads VALUES ('AAPL', '1m', now())
       ON CONFLICT (symbol, interval) DO UPDATE SET as_of = now()""",
    "UPDATE backfill_jobs SET attempts = attempts + 1",
    """INSERT INTO vacancies (symbol, interval, start_ts, end_ts, providers)
       VALUES ('AAPL', '1m', '2026-01-01Z', '2026-01-02Z', '{yahoo}')
       ON CONFLICT (symbol, interval, start_ts, end_ts) DO UPDATE SET as_of = now()""",
    "UPDATE symbol_universe SET updated_at = now()",
    "SELECT count(*) FROM universe_versions",
)
"""What the client does, again and again: reads and writes of the tables that migrations change."""


@asynccontextmanager
async def dumping(url: str, mode: str = "ACCESS SHARE", besides: tuple[str, ...] = ()) -> AsyncIterator[int]:
    """A session that holds all tables, except `besides`, in a transaction, as pg_dump does; its process."""
    connection = await asyncpg.connect(url, server_settings={"application_name": "pg_dump"})
    try:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        for one in await connection.fetch(TABLES):
            if one["name"] not in besides:
                await connection.execute(f"LOCK TABLE {one['name']} IN {mode} MODE")
        yield connection.get_server_pid()
    finally:
        await connection.close()


@asynccontextmanager
async def busy(url: str, patience: float) -> AsyncIterator[list[float]]:
    """A client that reads and writes while the block runs: how many seconds each statement took.

    One that takes longer than `patience` seconds fails the test.
    """
    took: list[float] = []
    settings = {"application_name": "client", "statement_timeout": f"{patience * 1000:.0f}"}
    connection = await asyncpg.connect(url, server_settings=settings)

    async def use() -> None:
        while True:
            for statement in USES:
                began = perf_counter()
                await connection.execute(statement)
                took.append(perf_counter() - began)
                await asyncio.sleep(0.005)

    async def once_more() -> None:
        enough = len(took) + len(USES)
        while len(took) < enough:
            assert not using.done(), f"the client was kept waiting: {using.exception()!r}"
            await asyncio.sleep(0.01)

    using = asyncio.create_task(use())
    try:
        await once_more()
        yield took
        await once_more()
    finally:
        using.cancel()
        await asyncio.wait({using})
        await connection.close()
