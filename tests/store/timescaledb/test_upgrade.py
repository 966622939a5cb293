"""Databases with TimescaleDB of every version that was tagged become databases of this one, with every row.

A version's database is its dump with plain tables, on which its own migration for TimescaleDB was applied.
"""

from pathlib import Path

import asyncpg
import pytest

from market_data.store import touched
from market_data.store.connect import check, migrate, open_database
from market_data.store.schema import known, script

from ..tables import columns_of, rows_of  # noqa: TID252 - the tests of the store have no name of their own
from .conftest import Fresh

pytestmark = pytest.mark.anyio

SCHEMAS = Path(__file__).parents[1] / "schemas"
DUMPS = sorted(SCHEMAS.glob("*.timescaledb.sql"))
COMPRESS = "SELECT compress_chunk(one) FROM show_chunks('candles_intraday') AS one"
STATE = {
    "columns": """
        SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema = 'public'
    """,
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    """,
    "functions": """
        SELECT oid::regprocedure::text, prosrc FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
          AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
    """,
    "triggers": """
        SELECT tgrelid::regclass::text, pg_get_triggerdef(pg_trigger.oid)
        FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
        WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace
    """,
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "aggregates": """
        SELECT view_name, materialized_only, view_definition
        FROM timescaledb_information.continuous_aggregates
    """,
    "compression": """
        SELECT hypertable_name, attname, segmentby_column_index, orderby_column_index
        FROM timescaledb_information.compression_settings WHERE hypertable_schema = 'public'
    """,
    "jobs": """
        SELECT proc_name, config - 'hypertable_id' - 'mat_hypertable_id', scheduled, next_start = 'infinity'
        FROM timescaledb_information.jobs WHERE job_id >= 1000
    """,
    "versions": "SELECT part, version FROM schema_version",
}


async def _state(url: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(url)
    try:
        return {
            name: sorted(repr(tuple(row)) for row in await connection.fetch(query))
            for name, query in STATE.items()
        }
    finally:
        await connection.close()


async def _restore(url: str, dump: Path) -> None:
    connection = await asyncpg.connect(url)
    try:
        plain = SCHEMAS / dump.name.replace(".timescaledb", "")
        await connection.execute(plain.read_text(encoding="utf-8"))
        await connection.execute(script(dump))
        await connection.execute(COMPRESS)
        assert await connection.fetchval("SELECT count(*) FROM show_chunks('candles_intraday')") > 0
    finally:
        await connection.close()


async def _migrate(url: str) -> None:
    async with open_database(url, 1) as database:
        assert await migrate(database)
        while await touched.refresh(database):
            pass
        assert await check(database) is None
        assert await migrate(database) == []


def test_there_is_one_of_the_first_version() -> None:
    assert DUMPS[0].name == "0.1.0.timescaledb.sql"
    assert {one.part for one in known()} == {"core", "timescaledb"}


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
async def test_it_gets_the_schema_of_a_new_database(wasm_server: Fresh, dump: Path) -> None:
    url = wasm_server()
    await _restore(url, dump)
    await _migrate(url)
    upgraded = await _state(url)
    url = wasm_server()  # in the place of the other
    await _migrate(url)
    assert upgraded == await _state(url)


@pytest.mark.parametrize("dump", DUMPS, ids=lambda path: path.stem)
async def test_no_row_is_lost_and_compressed_bars_can_be_read(timescale_url: str, dump: Path) -> None:
    await _restore(timescale_url, dump)
    columns = await columns_of(timescale_url)
    del columns["candles_touched"]  # notes are worked off
    before = await rows_of(timescale_url, columns)
    assert [table for table, rows in before.items() if not rows] == []
    await _migrate(timescale_url)
    assert await rows_of(timescale_url, columns) == before
