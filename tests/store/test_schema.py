"""The check of the schema: what fits, what is out of date, what is newer, each with what to do."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from market_data.errors import BadConfig, StoreUnavailable
from market_data.store.connect import check, migrate, open_database
from market_data.store.schema import Version, known

pytestmark = pytest.mark.anyio

UNVERSIONED = (Path(__file__).parent / "schemas" / "0.1.0.sql").read_text(encoding="utf-8")
NEWER = "INSERT INTO schema_version (part, version) VALUES ('core', $1)"
ROLE = """
DO $$ BEGIN CREATE ROLE reading LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA public TO reading;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reading;
"""


async def test_a_database_of_this_program_fits(postgres_url: str) -> None:
    async with open_database(postgres_url, 1) as database:
        assert await check(database) is None


async def test_an_empty_database_is_told_how_to_get_tables(empty_postgres_url: str) -> None:
    async with open_database(empty_postgres_url, 1) as database:
        with pytest.raises(BadConfig, match=r"has no tables of the service yet: `market-data migrate`"):
            await check(database)


async def test_what_is_out_of_date_is_named_with_the_command(empty_postgres_url: str) -> None:
    async with open_database(empty_postgres_url, 1) as database:
        await database.run(UNVERSIONED)
    async with open_database(empty_postgres_url, 1) as database:
        steps = ", ".join(str(one) for one in known() if one.part == "core")
        with pytest.raises(BadConfig, match=f"lacks {steps}: run `market-data migrate --demo`"):
            await check(database, "market-data migrate --demo")


async def test_a_newer_schema_is_a_warning_while_a_deploy_is_under_way(postgres_url: str) -> None:
    async with open_database(postgres_url, 1) as database:
        await database.run(NEWER, "0.99.0")
        warning = await check(database)
        assert warning is not None
        assert "is core 0.99.0, newer than this program" in warning
        assert await migrate(database) == []


async def test_a_schema_with_another_first_number_is_refused(postgres_url: str) -> None:
    async with open_database(postgres_url, 1) as database:
        await database.run(NEWER, "99.0.0")
        for refused in (check, migrate):
            with pytest.raises(BadConfig, match=r"core 99\.0\.0, which this program cannot use"):
                await refused(database)


async def test_a_role_that_may_only_read_can_check(postgres_url: str) -> None:
    async with open_database(postgres_url, 1) as owner:
        await owner.run(ROLE)
    async with open_database(postgres_url.replace("postgres@", "reading@"), 1) as database:
        assert (await database.fetch("SELECT current_user AS name"))[0]["name"] == "reading"
        assert await check(database) is None
        assert await migrate(database) == []


async def test_a_role_that_may_only_read_is_told_who_may_migrate(empty_postgres_url: str) -> None:
    async with open_database(empty_postgres_url, 1) as owner:
        await owner.run(ROLE)
    async with open_database(empty_postgres_url.replace("postgres@", "reading@"), 1) as database:
        with pytest.raises(BadConfig, match="only its owner may change the schema"):
            await migrate(database)


def test_versions_are_in_order_and_those_of_a_part_rise() -> None:
    parts = {one.part for one in known()}
    assert parts == {"core", "timescaledb"}
    for part in parts:
        own: Sequence[Version] = [one for one in known() if one.part == part]
        assert own == sorted(set(own))
    assert Version.of("core", "0.10.0") > Version.of("core", "0.9.0")


async def test_it_gives_up_after_its_last_try_and_says_what_it_waits_for(empty_postgres_url: str) -> None:
    reasons: list[str] = []
    async with open_database(empty_postgres_url, 2) as database:
        await database.run(UNVERSIONED)
    async with open_database(empty_postgres_url, 2) as database, database.transaction() as reader:
        await reader.execute("SET application_name = 'nightly dump'; SELECT FROM candles_intraday")
        pid = await reader.fetchval("SELECT pg_backend_pid()")
        with pytest.raises(StoreUnavailable) as failed:
            await migrate(database, reasons.append, pauses=(0.01,))
        assert await reader.fetchval("SELECT to_regclass('schema_version')") is None
    said = str(failed.value)
    assert "could not be changed (tries: 2)" in said
    assert f"the table candles_intraday and did not get it within 3s: it is used by process {pid}" in said
    assert "(nightly dump), in a transaction since" in said
    assert "run `market-data migrate`" in said
    assert len(reasons) == 1
    assert reasons[0].endswith("next try in 0.01 s")


async def test_it_goes_on_when_the_reader_has_ended(empty_postgres_url: str) -> None:
    async with open_database(empty_postgres_url, 2) as database:
        await database.run(UNVERSIONED)
    async with open_database(empty_postgres_url, 2) as database:
        refused = asyncio.Event()
        async with database.transaction() as reader:
            await reader.execute("SELECT FROM vacancies")
            work = asyncio.create_task(migrate(database, lambda _: refused.set(), pauses=(0.5,)))
            async with asyncio.timeout(10):
                await refused.wait()
        assert await work == [one for one in known() if one.part == "core"]
