"""TimescaleDB's migration: once, again, on nothing, on plain tables with bars, and interrupted."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from market_data.errors import BadConfig
from market_data.store import touched
from market_data.store.connect import check, describe, migrate, open_database
from market_data.store.schema import Version, known, script

from ..conftest import Program  # noqa: TID252 - the tests of the store have no name of their own
from .conftest import CORE, TIMESCALE, Fresh
from .days import VIEWS, built, differences, fill, number, run_job

pytestmark = pytest.mark.anyio

Apply = Callable[[str, Path], None]
VERIFY = (
    ("SELECT * FROM timescaledb_information.hypertables;", {"candles_intraday": 1, "quotes_l1": 1}),
    ("SELECT * FROM timescaledb_information.compression_settings;", {"candles_intraday": 3}),
    (
        "SELECT * FROM timescaledb_information.continuous_aggregates;",
        {"public|candles_5m": 1, "public|candles_1h": 1},
    ),
    (
        "\\dt",
        {"symbol_universe": 1, "candles_intraday": 1, "candles_daily": 1, "quotes_l1": 1, "backfill_jobs": 1},
    ),
)
"""The guide's "Verify Database Setup", and what each of them names how often."""
CHUNKS = """
SELECT hypertable_name, column_name, time_interval::text FROM timescaledb_information.dimensions
WHERE hypertable_name = 'candles_intraday'
"""
COMPRESSED = """
SELECT attname, segmentby_column_index, orderby_column_index, orderby_asc
FROM timescaledb_information.compression_settings WHERE hypertable_name = 'candles_intraday' ORDER BY attname
"""
BUILT = """
SELECT view_name, materialized_only FROM timescaledb_information.continuous_aggregates ORDER BY view_name
"""
JOBS = """
SELECT proc_name, config - 'hypertable_id' - 'mat_hypertable_id' AS config, scheduled,
       next_start = 'infinity' AS waits
FROM timescaledb_information.jobs
WHERE job_id >= 1000 AND hypertable_name NOT IN ('quotes_l1', 'candle_revisions') ORDER BY job_id
"""
BESIDE = """
SELECT hypertable_name::text, proc_name, config - 'hypertable_id' AS config FROM timescaledb_information.jobs
WHERE hypertable_name IN ('quotes_l1', 'candle_revisions') ORDER BY 1, 2
"""
WAITING = "SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000 AND next_start = 'infinity'"
PAUSE = "SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs WHERE job_id >= 1000"
LOCKS = """
SELECT relation::regclass::text AS name, mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND locktype = 'relation'
  AND relnamespace IN ('public'::regnamespace, '_timescaledb_internal'::regnamespace)
"""
BARS = "SELECT count(*) FROM candles_intraday"
OLD = "SELECT count(*) FROM candles_intraday WHERE ts < now() - interval '367 days'"


async def _state(url: str) -> list[list[tuple[object, ...]]]:
    """What was made: chunks, compression, aggregates, jobs of bars, jobs of quotes and revisions."""
    async with open_database(url, 1) as database:
        return [
            [tuple(one) for one in await database.fetch(query)]
            for query in (CHUNKS, COMPRESSED, BUILT, JOBS, BESIDE)
        ]


async def _service(url: str) -> list[Version]:
    async with open_database(url, 1) as database:
        applied = await migrate(database)
        while await touched.refresh(database):
            pass
        assert await check(database) is None
        return applied


async def _done(way: str, url: str, apply: Apply) -> None:
    if way == "service":
        await _service(url)
    else:
        await asyncio.to_thread(apply, url, {"psql": TIMESCALE, "core": CORE}[way])


@pytest.mark.parametrize(
    "ways",
    [("psql",), ("psql", "psql"), ("core", "psql"), ("service", "psql"), ("psql", "service", "core")],
    ids="-".join,
)
async def test_every_way_to_apply_it_makes_what_was_promised(
    timescale_url: str, apply: Apply, ways: Sequence[str]
) -> None:
    for way in ways:
        await _done(way, timescale_url, apply)
    chunks, compressed, built, jobs, beside = await _state(timescale_url)
    assert chunks == [("candles_intraday", "ts", "1 day")]
    assert compressed == [("interval", 2, None, None), ("symbol", 1, None, None), ("ts", None, 1, True)]
    assert built == [("candles_1h", False), ("candles_5m", False)]
    refresh = '{"end_offset": "02:00:00", "start_offset": "3 days"}'
    compress = '{"compress_after": "14 days"}'
    assert jobs == [
        ("policy_compression", compress, True, False),
        ("policy_retention", '{"drop_after": "365 days"}', True, False),
        *2
        * [
            ("policy_refresh_continuous_aggregate", refresh, True, False),
            ("policy_compression", compress, True, False),
        ],
    ]
    assert beside == [
        ("candle_revisions", "policy_compression", '{"compress_after": "14 days"}'),
        ("candle_revisions", "policy_retention", '{"drop_after": "3650 days"}'),
        ("quotes_l1", "policy_compression", '{"compress_after": "1 day"}'),
        ("quotes_l1", "policy_retention", '{"drop_after": "14 days"}'),
    ]


@pytest.mark.parametrize(("query", "named"), VERIFY)
async def test_the_guides_queries_tell_that_it_was_applied(
    timescale_url: str, apply: Apply, program: Program, query: str, named: dict[str, int]
) -> None:
    await _done("psql", timescale_url, apply)
    said = await asyncio.to_thread(program, "psql", timescale_url, "-At", "-c", query)
    lines = [line for line in said.splitlines() if line.startswith("public|") or "|public|" in line]
    assert {name: sum(f"{name}|" in line for line in lines) for name in named} == named


async def test_bars_of_plain_tables_move_into_chunks_and_are_built_before_any_is_dropped(
    timescale_url: str, apply: Apply
) -> None:
    await _done("core", timescale_url, apply)
    async with open_database(timescale_url, 1) as database:
        await fill(database, symbols=2, first=500, last=0, every=20)
        bars, views = await built(database, "candles_intraday"), [await built(database, one) for one in VIEWS]
    await _done("psql", timescale_url, apply)
    async with open_database(timescale_url, 1) as database:
        assert await built(database, "candles_intraday") == bars
        await run_job(database, "policy_retention")
        assert await number(database, OLD) == 0 < await number(database, BARS)
        assert [await built(database, one) for one in VIEWS] == views
        assert await number(database, "SELECT count(*) FROM candles_touched") == 0
    await _done("psql", timescale_url, apply)  # again, when minutes are gone
    async with open_database(timescale_url, 1) as database:
        assert [await built(database, one) for one in VIEWS] == views


async def test_interrupted_before_all_is_built_nothing_is_dropped_and_it_goes_on(
    timescale_url: str, apply: Apply
) -> None:
    await _done("core", timescale_url, apply)
    async with open_database(timescale_url, 1) as database:
        await fill(database, symbols=1, first=400, last=10, every=30)
        views = [await built(database, one) for one in VIEWS]
        assert await migrate(database) == [one for one in known() if one.part == "timescaledb"]
        assert await number(database, WAITING) == 6
        assert [await built(database, one) for one in VIEWS] == views
        for view in VIEWS:  # some of it
            await database.run(
                f"CALL refresh_continuous_aggregate('{view}', NULL, now() - interval '200 days')"
            )
        assert [await built(database, one) for one in VIEWS] == views
    await _done("service", timescale_url, apply)
    async with open_database(timescale_url, 1) as database:
        assert await number(database, WAITING) == 0
        assert [await built(database, one) for one in VIEWS] == views
        assert [differ for _, differ in await differences(database)] == [0, 0]


async def test_what_an_operator_changed_stays_changed(timescale_url: str, apply: Apply) -> None:
    await _done("psql", timescale_url, apply)
    async with open_database(timescale_url, 1) as database:
        await database.run("SELECT remove_retention_policy('candles_intraday')")
        await database.run(PAUSE)
    before = await _state(timescale_url)
    for way in ("psql", "service"):
        await _done(way, timescale_url, apply)
        assert await _state(timescale_url) == before


async def test_it_makes_the_extension_where_nobody_has(wasm_server: Fresh, apply: Apply) -> None:
    url = wasm_server(bare=True)
    await asyncio.to_thread(apply, url, CORE)
    async with open_database(url, 1) as database:
        await database.run(
            script(TIMESCALE)
        )  # not by psql: this build of TimescaleDB tells it that it is loaded
        assert str((await describe(database))["timescaledb"]).startswith("2.")
        assert (
            await number(database, "SELECT count(*) FROM timescaledb_information.continuous_aggregates") == 2
        )


async def test_each_step_is_applied_once_and_leaves_its_row(timescale_url: str) -> None:
    assert await _service(timescale_url) == list(known())
    assert await _service(timescale_url) == []


async def test_tables_that_are_plain_still_are_out_of_date(timescale_url: str, apply: Apply) -> None:
    await _done("core", timescale_url, apply)
    async with open_database(timescale_url, 1) as database:
        with pytest.raises(BadConfig, match=r"lacks timescaledb .*: run `market-data migrate`"):
            await check(database)


@pytest.mark.parametrize("file", [CORE, TIMESCALE], ids=lambda path: path.stem)
async def test_applied_again_it_needs_no_table_of_data(timescale_url: str, file: Path) -> None:
    await _service(timescale_url)
    begun, commit, rest = script(file).rpartition("COMMIT;")
    assert (commit, rest.strip()) == ("COMMIT;", "")
    async with open_database(timescale_url, 1) as database, database.connection() as connection:
        await connection.execute(begun)
        held = {(one["name"], one["mode"]) for one in await connection.fetch(LOCKS)}
        await connection.execute("ROLLBACK")
    assert held == {("schema_version", "AccessShareLock"), ("schema_version_pkey", "AccessShareLock")}


async def test_it_is_detected(timescale_url: str) -> None:
    async with open_database(timescale_url, 1) as database:
        assert str((await describe(database))["timescaledb"]).startswith("2.")


async def test_four_at_once_all_succeed(full_server: str, empty_postgres_url: str) -> None:
    await asyncio.gather(*(_service(empty_postgres_url) for _ in range(4)))
    assert len((await _state(empty_postgres_url))[3]) == 6
