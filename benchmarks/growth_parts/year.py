"""A year of operation in the tables: minutes with their partial values, and backfills; retention every month.

Run by `benchmarks/growth.py --year`, once for each build: it uses what older builds have too.
"""

import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from market_data.market.instrument import Tier
from market_data.store import ledger, write
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres
from timescale_parts.tape import MINUTES, sessions, tapes, told

try:  # absent in builds that keep everything
    from market_data import expire
    from market_data.settings import Settings

    KEEPS_ALL = not hasattr(expire, "turn")
except ImportError:
    KEEPS_ALL = True

SESSIONS = 252
SYMBOLS = 21
"""With the sessions: 2,063,880 minutes."""
BACKFILLS = 500_000
MONTH = 21
"""Sessions between two turns of retention."""
SHOWN = ("candles_intraday", "candle_revisions", "backfill_jobs")
CORRECTED = 4
"""Minutes of a session that are corrected later."""
DONE = """
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, status, attempts, next_attempt_at,
                           answers, created_at, settled_at)
SELECT 'S' || i % 21, '1m', at - interval '1 hour', at, 'T0', 'done', 1, at, $3::jsonb, at, at
FROM generate_series(1, $1::integer) AS i,
     LATERAL (SELECT to_timestamp($2::float8) + i * interval '1 s' AS at) AS day
"""
WAITING = """
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier)
SELECT 'S' || i % 1000, '1m', at, at + interval '1 hour', 'T0'
FROM generate_series(1, $1::integer) AS i, LATERAL (SELECT now() - i * interval '1 hour' AS at) AS hour
"""
QUEUED, CLAIMS = 20_000, 300
ANSWERS = json.dumps(
    [{"attempt": 1, "provider": name, "code": "empty", "detail": "no bars"} for name in ("alpaca", "yahoo")]
)
SIZE = "SELECT pg_total_relation_size($1::regclass)::float8 / 1e6 AS megabytes"
ROWS = "SELECT count(*) AS rows FROM {table}"
Sizes = dict[str, tuple[float, int]]
"""Of each table its megabytes with indexes, and its rows."""


async def session(database: Database, opens: int) -> None:
    """What a session leaves: each minute first partial, then final, some corrected; and its backfills."""
    closes = opens + MINUTES * 60.0
    for symbol, tape in TAPES.items():
        final = told(symbol, tape.session(opens), closes + 60)
        early = replace(final.bars, volume=final.bars.volume / 2)
        await write.keep(
            database, replace(final, bars=early, partial=np.ones(MINUTES, np.bool_), as_of=closes)
        )
        await write.keep(database, final)
        some = final.bars.take(np.arange(CORRECTED))
        later = replace(some, volume=some.volume + 1)
        nothing = np.zeros(CORRECTED, np.bool_)
        await write.keep(database, replace(final, bars=later, partial=nothing, as_of=closes + 3600))
    await database.run(DONE, BACKFILLS // SESSIONS, closes, ANSWERS)


async def sizes(database: Database) -> Sizes:
    """How large the tables are."""
    found = {}
    for table in SHOWN:
        size, rows = await database.fetch(SIZE, table), await database.fetch(ROWS.format(table=table))
        found[table] = (size[0]["megabytes"], rows[0]["rows"])
    return found


async def retain(database: Database, now: float) -> None:
    """A turn of retention, and what autovacuum does behind it."""
    if not KEEPS_ALL:
        expire.REST_SECONDS = 0.0
        await expire.turn(database, Settings.model_validate({}), lambda _: None, now)
    await database.run("VACUUM ANALYZE", seconds=3600)


async def year(url: str) -> list[tuple[str, Sizes]]:
    """The sizes after a month, half a year and a year, before and after the last turn of retention."""
    found, days = [], sessions(SESSIONS)
    async with open_database(url, 2) as database:
        await migrate(database)
        for number, opens in enumerate(days, 1):
            await session(database, opens)
            if number % MONTH:
                continue
            if number == SESSIONS:
                found.append(("12 months", await sizes(database)))
            await retain(database, opens + 86_400.0)
            if number in (MONTH, SESSIONS // 2, SESSIONS):
                found.append((f"{number // MONTH} after", await sizes(database)))
    return found


async def claims(url: str) -> tuple[float, float]:
    """Milliseconds of one claim while QUEUED backfills wait: the median, and the 99th of a hundred."""
    async with open_database(url, 2) as database:
        await migrate(database)
        await database.run(WAITING, QUEUED)
        await database.run("ANALYZE backfill_jobs")
        times = []
        for _ in range(CLAIMS):
            began = time.perf_counter()
            assert await ledger.claim(database, "benchmark", Tier.T0, 1, 60.0)
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times), sorted(times)[CLAIMS * 99 // 100]


async def _emptied(url: str) -> None:
    async with open_database(url, 1) as database:
        await database.run("TRUNCATE backfill_jobs")


def main() -> None:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        typical, slow = asyncio.run(claims(server.url))
        asyncio.run(_emptied(server.url))
        found = asyncio.run(year(server.url))
    print(f"a claim of {QUEUED:,} queued backfills: median {typical:.2f} ms, p99 {slow:.2f} ms")
    print(f"{'MB (rows)':18}", *(f"{name:>22}" for name, _ in found))
    for table in SHOWN:
        cells = (f"{megabytes:,.1f} ({rows:,})" for megabytes, rows in (one[table] for _, one in found))
        print(f"{table:18}", *(f"{cell:>22}" for cell in cells))
    print(f"took {time.perf_counter() - started:.0f} s")


TAPES = tapes(SYMBOLS)

if __name__ == "__main__":
    main()
