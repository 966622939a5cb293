"""Bars to build longer ones of, and what plain PostgreSQL makes of the same bars."""

from typing import Any

from market_data.store.connect import Database

from .conftest import CORE

FILL = """
-- Of $1 symbols every $4 days, from $2 to $3 days ago, an hour and a half with holes and a running minute.
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider, status)
SELECT 'S' || number, '1m', at, 100 + i % 7, 103 + i % 11, 99 - i % 5, 100 + i % 3, 10 + i * number, 'yahoo',
       CASE WHEN i = 89 THEN 'partial' ELSE 'final' END
FROM generate_series(1, $1::integer) AS number,
     generate_series($2::integer, $3::integer, -$4::integer) AS day,
     generate_series(0, 89) AS i,
     LATERAL (SELECT date_bin('1 day', now(), 'epoch') + interval '13 hours 58 minutes'
                     - day * interval '1 day' + i * interval '1 minute') AS minute (at)
WHERE i % (number + 4) > 0
"""
TOLD = """
-- Bars of 5m that were told as such: nothing is built of them.
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
SELECT DISTINCT symbol, '5m', date_bin('5 minutes', ts, 'epoch'), 1, 1, 1, 1, 1, 'yahoo' FROM candles_intraday
"""
VIEWS = ("candles_5m", "candles_1h")
SAME = """
SELECT count(*) AS rows, count(*) FILTER (WHERE built IS DISTINCT FROM plain) AS differ
FROM public.{view} AS built FULL JOIN plain.{view} AS plain USING (symbol, ts)
"""
JOB = """
SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = $1 AND hypertable_name = 'candles_intraday'
"""
COMPRESS = """
SELECT count(compress_chunk(one, if_not_compressed => true)) FROM show_chunks('candles_intraday') AS one
"""


async def fill(database: Database, symbols: int, first: int, last: int, every: int) -> None:
    """Bars of `symbols`, each `every` days from `first` to `last` days ago."""
    await database.run(FILL, symbols, first, last, every)
    await database.run(TOLD)


async def differences(database: Database) -> list[tuple[int, int]]:
    """Of candles_5m and of candles_1h: how many bars there are, here or on plain PostgreSQL, and how many are
    not alike in both. Plain PostgreSQL is the core migration in a schema of its own, with the same bars.
    """
    async with database.connection() as connection:
        await connection.execute(
            "DROP SCHEMA IF EXISTS plain CASCADE; CREATE SCHEMA plain; SET search_path = plain"
        )
        try:
            await connection.execute(CORE.read_text(encoding="utf-8"))
            await connection.execute("INSERT INTO candles_intraday SELECT * FROM public.candles_intraday")
        finally:
            await connection.execute("SET search_path = public")
        found = [await connection.fetch(SAME.format(view=view)) for view in VIEWS]
        return [(one["rows"], one["differ"]) for (one,) in found]


async def built(database: Database, view: str) -> list[tuple[Any, ...]]:
    """All bars of a view or a table, in an order of their own."""
    return sorted(tuple(one) for one in await database.fetch(f"SELECT * FROM {view}"))  # noqa: S608 - ours


async def number(database: Database, query: str, *values: object) -> int:
    """The only value of a query."""
    row = await database.fetch_one(query, *values)
    assert row is not None
    return int(row[0])


async def build(database: Database, view: str, until: str, since: str = "NULL") -> None:
    """Build a view as a scheduled refresh does."""
    await database.run(f"CALL refresh_continuous_aggregate('{view}', {since}, now() - interval '{until}')")


async def run_job(database: Database, name: str) -> None:
    """Run a job of the bars, as TimescaleDB would when it is due."""
    await database.run(f"CALL run_job({await number(database, JOB, name)})")


async def compress(database: Database) -> int:
    """Compress all chunks of the bars; how many there are."""
    return await number(database, COMPRESS)
