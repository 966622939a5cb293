"""Aggregates of 0.1.0 are rebuilt: bars whose minutes are gone stay, and so does what an operator chose."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from market_data.store import touched, universe
from market_data.store.connect import Database, migrate, open_database

from .days import VIEWS, compress, fill, number, run_job

pytestmark = pytest.mark.anyio

Apply = Callable[[str, Path], None]
SCHEMAS = Path(__file__).parents[1] / "schemas"
MIXED = """
UPDATE candles_intraday
SET volume_scope = CASE WHEN extract(minute FROM ts) < 20 THEN 'venue' ELSE 'consolidated' END
WHERE ts > now() - interval '200 days'
"""
PAUSED = """
SELECT alter_job(job_id, schedule_interval => interval '7 minutes', scheduled => false)
FROM timescaledb_information.jobs WHERE hypertable_name = 'candles_5m' AND proc_name LIKE 'policy_refresh%'
"""
CHANGED = (
    PAUSED,
    "SELECT remove_compression_policy('candles_1h')",
    "SELECT add_retention_policy('candles_5m', interval '900 days')",
    "ALTER MATERIALIZED VIEW candles_1h SET (timescaledb.materialized_only = true)",
    "DO $$ BEGIN CREATE ROLE built_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
    "GRANT SELECT ON candles_1h TO built_reader, PUBLIC",
)
CHOSEN = """
SELECT hypertable_name, proc_name, config - 'mat_hypertable_id' - 'hypertable_id', schedule_interval,
       scheduled
FROM timescaledb_information.jobs WHERE hypertable_name IN ('candles_5m', 'candles_1h') ORDER BY 1, 2
"""
SETTINGS = """
SELECT view_name, materialized_only, compression_enabled, attname, segmentby_column_index,
       orderby_column_index, orderby_asc
FROM timescaledb_information.continuous_aggregates
LEFT JOIN timescaledb_information.compression_settings AS packed
     ON packed.hypertable_name = materialization_hypertable_name
ORDER BY view_name, attname
"""
READERS = """
SELECT grantee::regrole::text, privilege_type FROM pg_class, aclexplode(relacl)
WHERE pg_class.oid = 'candles_1h'::regclass AND grantee <> relowner ORDER BY 1, 2
"""
SCOPES = """
SELECT symbol, date_bin($1, ts, 'epoch') AS ts, count(DISTINCT volume_scope) > 1 AS mixed,
       min(volume_scope) AS scope
FROM candles_intraday WHERE interval = '1m' GROUP BY 1, 2
"""
NEXT = "SELECT count(*) FROM timescaledb_information.continuous_aggregates WHERE view_name LIKE '%_next'"
MATERIALIZED = """
SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS name
FROM timescaledb_information.continuous_aggregates WHERE view_name = $1
"""


async def _old(url: str, folder: Path, apply: Apply) -> None:
    """The schema of 0.1.0, with TimescaleDB."""
    for name, source in (
        ("20251008_market_data_core.sql", "0.1.0.sql"),
        ("all.sql", "0.1.0.timescaledb.sql"),
    ):
        (folder / name).write_text((SCHEMAS / source).read_text(encoding="utf-8"), encoding="utf-8")
    await asyncio.to_thread(apply, url, folder / "all.sql")


@pytest.fixture
async def old(
    timescale_url: str, tmp_path: Path, apply: Apply, anyio_backend: str
) -> AsyncIterator[Database]:
    """A database of 0.1.0 with built bars of 500 days and minutes of the last 365, some scopes apart."""
    await _old(timescale_url, tmp_path, apply)
    async with open_database(timescale_url, 1) as database:
        await fill(database, symbols=2, first=500, last=0, every=20)
        await database.run(MIXED)
        await touched.refresh(database)
        await compress(database)
        await run_job(database, "policy_retention")
        yield database


async def _bars(database: Database, view: str) -> dict[tuple[str, Any], tuple[Any, ...]]:
    rows = await database.fetch(f"SELECT * FROM {view}")  # noqa: S608 - ours
    return {(row["symbol"], row["ts"]): tuple(row)[2:] for row in rows}


async def _expected(database: Database) -> list[dict[tuple[str, Any], tuple[Any, ...]]]:
    """What both views are to be: prices as they are, volumes unless minutes are of different scopes."""
    found = []
    for view, width in zip(VIEWS, ("5 minutes", "1 hour"), strict=True):
        scopes = {
            (one["symbol"], one["ts"]): one
            for one in await database.fetch(SCOPES.replace("$1", f"interval '{width}'"))
        }
        bars = {}
        for key, (*prices, volume) in (await _bars(database, view)).items():
            scope = scopes.get(key)
            if scope is None:
                bars[key] = (*prices, volume, "unknown")
            elif scope["mixed"]:
                bars[key] = (*prices, None, "mixed")
            else:
                bars[key] = (*prices, volume, scope["scope"])
        found.append(bars)
    return found


async def _done(database: Database) -> None:
    while await touched.refresh(database):
        pass


async def test_bars_whose_minutes_are_gone_stay_and_the_rest_is_built_anew(old: Database) -> None:
    expected = await _expected(old)
    assert {bar[-1] for bar in expected[1].values()} == {"unknown", "mixed", "venue", "consolidated"}
    await migrate(old)
    assert [set(await _bars(old, view)) for view in VIEWS] == [set(one) for one in expected]  # the old ones
    await _done(old)
    assert [await _bars(old, view) for view in VIEWS] == expected
    assert await number(old, NEXT) == 0
    await migrate(old)
    await _done(old)
    assert [await _bars(old, view) for view in VIEWS] == expected


async def test_what_an_operator_chose_is_carried_over(old: Database) -> None:
    for statement in CHANGED:
        await old.run(statement)
    before = [[tuple(one) for one in await old.fetch(query)] for query in (CHOSEN, SETTINGS, READERS)]
    assert len(before[0]) == 4
    assert before[2]
    await migrate(old)
    await _done(old)
    assert await number(old, NEXT) == 0
    assert [[tuple(one) for one in await old.fetch(query)] for query in (CHOSEN, SETTINGS, READERS)] == before


async def _half(database: Database) -> None:
    """Make them anew until 250 days ago, and be cut off."""
    await database.run("ALTER FUNCTION candles_take_over(text, text) RENAME TO not_yet")
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await database.run("CALL candles_remake(now() - interval '364 days', now() - interval '250 days')")
    await database.run("ALTER FUNCTION not_yet(text, text) RENAME TO candles_take_over")
    assert await number(database, NEXT) == 2
    row = await database.fetch_one(MATERIALIZED, "candles_5m_next")
    assert row is not None
    assert await number(database, f"SELECT count(*) FROM {row['name']}") > 0  # noqa: S608 - ours


async def test_interrupted_it_goes_on_and_what_is_read_is_whole_meanwhile(old: Database) -> None:
    expected = await _expected(old)
    await migrate(old)
    for _ in range(2):
        await _half(old)
        assert [set(await _bars(old, one)) for one in VIEWS] == [set(one) for one in expected]
    await _done(old)
    assert [await _bars(old, view) for view in VIEWS] == expected


async def test_a_symbol_that_is_renamed_meanwhile_keeps_all_its_bars(old: Database) -> None:
    await old.run("INSERT INTO symbol_universe VALUES ('S1', 'NASDAQ')")
    names = {"S1": "S9"}
    expected = [
        {(names.get(symbol, symbol), ts): bar for (symbol, ts), bar in one.items()}
        for one in await _expected(old)
    ]
    await migrate(old)
    await _half(old)
    async with old.transaction() as connection:
        assert await universe.rename(connection, "S1", "S9")
    await _done(old)
    assert [await _bars(old, view) for view in VIEWS] == expected


async def test_what_is_built_on_them_is_named_before_anything_is_done(old: Database) -> None:
    await old.run("CREATE VIEW mine AS SELECT symbol, max(high) AS high FROM candles_1h GROUP BY symbol")
    with pytest.raises(
        asyncpg.RaiseError, match="candles_1h must be rebuilt, and mine is built on it"
    ) as raised:
        await migrate(old)
    assert "Drop mine" in str(raised.value.hint)
    assert await number(old, NEXT) == 0
    await old.run("DROP VIEW mine")
    await migrate(old)
    await _done(old)
    assert await number(old, NEXT) == 0
