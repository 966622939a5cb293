"""Databases of every version that was tagged become databases of this one, with every row.

A version's database is `schemas/<version>.sql`. To add one: at its tag, put some rows into every table, then
`pg_dump --inserts --rows-per-insert=100 --no-owner --no-privileges`, without SET, comments and psql's
commands; and beside it the tag's migration for TimescaleDB as `<version>.timescaledb.sql`, for the tests in
the folder timescaledb.
"""

import asyncio
from pathlib import Path

import pytest

from market_data.store.connect import check, migrate, open_database
from market_data.store.schema import Version, known

from .conftest import Program, schema
from .tables import columns_of, rows_of

DUMPS = [
    path for path in sorted((Path(__file__).parent / "schemas").glob("*.sql")) if path.stem.count(".") == 2
]
FIRST = pytest.mark.parametrize("dump", DUMPS[:1], indirect=True, ids=lambda path: path.stem)
"""Tests of what becomes of the rows of one version."""
FILE = Path(__file__).parents[2] / "db" / "migrations" / "20251008_market_data_core.sql"


def version(dump: Path) -> Version:
    return Version.of("core", dump.stem)


@pytest.fixture(params=DUMPS, ids=lambda path: path.stem)
def dump(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def restored(dump: Path, program: Program, empty_postgres_url: str) -> str:
    """The URL of a database of the dump's version."""
    program(
        "psql", empty_postgres_url, "--quiet", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-f", str(dump)
    )
    return empty_postgres_url


async def _migrated(url: str) -> list[Version]:
    async with open_database(url, 1) as database:
        applied = await migrate(database)
        assert await check(database) is None
        return applied


def test_there_is_a_dump_of_the_first_version() -> None:
    assert DUMPS[0].name == "0.1.0.sql"
    assert {version(one) for one in DUMPS} <= set(known())


@pytest.mark.parametrize("way", ["migrate", "psql"])
def test_it_gets_the_schema_of_a_new_database(
    restored: str, postgres_url: str, program: Program, way: str
) -> None:
    if way == "psql":
        program("psql", restored, "--quiet", "-v", "ON_ERROR_STOP=1", "-f", str(FILE))
    else:
        asyncio.run(_migrated(restored))
    assert schema(program, restored) == schema(program, postgres_url)


def test_no_row_is_lost_and_every_table_had_some(restored: str) -> None:
    columns = asyncio.run(columns_of(restored))
    before = asyncio.run(rows_of(restored, columns))
    assert [table for table, rows in before.items() if not rows] == []
    asyncio.run(_migrated(restored))
    assert asyncio.run(rows_of(restored, columns)) == before


def test_only_later_steps_are_applied(restored: str, dump: Path) -> None:
    applied = asyncio.run(_migrated(restored))
    cores = [one for one in known() if one.part == "core"]
    has_row = version(dump) > Version.of("core", "0.1.0")  # the first version had no such table
    assert applied == [step for step in cores if not has_row or step > version(dump)]


@FIRST
def test_vacancies_without_evidence_are_provisional_and_due(program: Program, restored: str) -> None:
    said = "SELECT confirmed, newer, looks, look_at <= now(), providers <> '{}' FROM vacancies"
    before = int(program("psql", restored, "-At", "-c", "SELECT count(*) FROM vacancies"))
    asyncio.run(_migrated(restored))
    assert program("psql", restored, "-At", "-c", said).splitlines() == ["f|f|0|t|t"] * before


@FIRST
def test_backfills_keep_their_place_and_count_as_gaps(program: Program, restored: str) -> None:
    asyncio.run(_migrated(restored))
    said = "SELECT DISTINCT reason, forced, postponed FROM backfill_jobs"
    assert program("psql", restored, "-At", "-c", said) == "gap|f|0\n"
    added = """INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier)
               SELECT symbol, interval, start_ts, end_ts, tier FROM backfill_jobs LIMIT 1 RETURNING id"""
    assert int(program("psql", restored, "-Atq", "-c", added)) == 5  # numbers go on, too


@FIRST
def test_a_universe_goes_on_being_remembered(program: Program, restored: str) -> None:
    asyncio.run(_migrated(restored))
    program("psql", restored, "-q", "-c", "UPDATE symbol_universe SET tier = 'T1' WHERE symbol = 'AAPL'")
    said = (
        "SELECT tier, valid_to = 'infinity' FROM universe_history WHERE symbol = 'AAPL' ORDER BY valid_from"
    )
    assert program("psql", restored, "-At", "-c", said).splitlines() == ["T0|f", "T1|t"]
