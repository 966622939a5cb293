"""TimescaleDB with its Apache-licensed features alone is named, and used as plain PostgreSQL.

Such a build is not to be had for the embedded PostgreSQL, so a stand-in has its name, its setting and the
parts that are looked at.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from market_data import expire
from market_data.cli import doctor
from market_data.errors import BadConfig
from market_data.settings import Settings, read
from market_data.store import touched
from market_data.store.connect import Database, check, describe, migrate, open_database
from market_data.store.schema import known

from .conftest import TEN, Program, Saying, row, tell

pytestmark = pytest.mark.anyio

FILE = Path(__file__).parents[2] / "db" / "migrations" / "20251008_timescale_market_data.sql"
CONTROL = "default_version = '2.99.0'\nrelocatable = false\ntrusted = true\n"
SCRIPT = """
CREATE SCHEMA timescaledb_information;
CREATE VIEW timescaledb_information.continuous_aggregates AS
    SELECT ''::name AS view_schema, ''::name AS view_name, ''::name AS materialization_hypertable_schema,
           ''::name AS materialization_hypertable_name WHERE false;
CREATE VIEW timescaledb_information.hypertables AS SELECT ''::name AS hypertable_name WHERE false;
"""
MADE = """
ALTER DATABASE {name} SET extension_control_path = '{folder}:$system';
ALTER DATABASE {name} SET timescaledb.license = 'apache';
"""


@pytest.fixture
async def url(empty_postgres_url: str, servers_folder: Path, anyio_backend: str) -> str:
    """A database with the stand-in, whose files lie where the server may read."""
    folder = servers_folder / "stand-in"
    (folder / "extension").mkdir(parents=True, exist_ok=True)
    (folder / "extension" / "timescaledb.control").write_text(CONTROL)
    (folder / "extension" / "timescaledb--2.99.0.sql").write_text(SCRIPT)
    name = urlsplit(empty_postgres_url).path.removeprefix("/")
    async with open_database(empty_postgres_url, 1) as database:
        await database.run(MADE.format(name=name, folder=folder))
    async with open_database(empty_postgres_url, 1) as database:
        await database.run("CREATE EXTENSION timescaledb")
    return empty_postgres_url


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with open_database(url, 2) as opened:
        yield opened


async def test_the_service_uses_it_as_plain_postgresql_and_says_so(database: Database) -> None:
    assert await migrate(database) == [one for one in known() if one.part == "core"]
    warning = await check(database)
    assert warning is not None
    assert "only its Apache-licensed features" in warning
    assert "timescaledb.license = 'timescale'" in warning
    assert (await describe(database))["license"] == "apache"
    await tell(database, [row(TEN)], Saying(at=time.time()))  # a late bar
    assert await touched.refresh(database) is None
    assert await database.fetch("SELECT * FROM candles_touched") == []
    assert len(await database.fetch("SELECT * FROM candles_5m")) == 1
    quote = "INSERT INTO quotes_l1 (symbol, ts, provider, price) VALUES ('AAPL', to_timestamp(0), 'yahoo', 1)"
    await database.run(quote)
    await expire.turn(database, Settings.model_validate({}), lambda _: None, time.time())
    assert await database.fetch("SELECT * FROM quotes_l1") == []  # no policy would drop it


async def test_the_migration_of_timescaledb_names_it_and_what_to_do(url: str, program: Program) -> None:
    with pytest.raises(
        AssertionError, match=r"(?s)only the features under the Apache licence.*community build.*core\.sql"
    ):
        program("psql", url, "-v", "ON_ERROR_STOP=1", "-f", str(FILE))


async def test_a_database_of_the_community_build_is_refused(database: Database) -> None:
    await migrate(database)
    await database.run("INSERT INTO schema_version (part, version) VALUES ('timescaledb', '0.1.0')")
    with pytest.raises(BadConfig, match="made by the community build of TimescaleDB, but now"):
        await check(database)
    with pytest.raises(BadConfig, match="made by the community build of TimescaleDB, but now"):
        await migrate(database)


async def test_doctor_says_what_is_missing_and_what_would_be_right(database: Database, url: str) -> None:
    await migrate(database)
    report = await doctor.examine(read({"DATABASE_URL": url}, dotenv=None), ask=False)
    (found,) = [one for one in report.findings if one.area == "timescaledb"]
    assert not found.ok
    assert "no compression, aggregates or retention" in found.found
    assert "timescaledb.license = 'timescale'" in found.mend
    (store,) = [one for one in report.findings if (one.area, one.name) == ("store", "postgresql")]
    assert store.ok  # its tables are plain, and work
    await database.run("INSERT INTO schema_version (part, version) VALUES ('timescaledb', '0.1.0')")
    report = await doctor.examine(read({"DATABASE_URL": url}, dotenv=None), ask=False)
    (store,) = [one for one in report.findings if (one.area, one.name) == ("store", "postgresql")]
    assert not store.ok
    assert "community build" in store.mend
