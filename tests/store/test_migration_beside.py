"""Migrations beside a reader that holds its transaction open: nobody waits, or for a bounded time."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from beside import busy, dumping
from market_data.store.connect import check, migrate, open_database
from market_data.store.schema import CORE, TIMESCALE, known, migrations

from .conftest import Program

pytestmark = pytest.mark.anyio

LOCK_SECONDS = 3.0
"""The lock_timeout of the migrations."""
PROMPT_SECONDS = 0.5
"""How long a statement of a client takes at most where nothing is in its way."""
AGAIN_SECONDS = 5.0
"""How long applying a file again takes at most; psql's start is most of it."""
OLD = Path(__file__).parent / "schemas" / "0.1.0.sql"
LOCKS = """
SELECT relation::regclass::text || ' ' || mode FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relnamespace <> 'pg_catalog'::regnamespace
"""
Again = Callable[[str, Program], Awaitable[None]]


async def _psql(file: str, url: str, program: Program) -> None:
    path = next(path for path in migrations() if path.name == file)
    words = ("--quiet", "-v", "ON_ERROR_STOP=1", "-f", str(path))
    if file == CORE:
        await asyncio.to_thread(program, "psql", url, *words)
    else:
        with pytest.raises(AssertionError, match="this database has no TimescaleDB"):
            await asyncio.to_thread(program, "psql", url, *words)


async def _service(url: str, _: Program) -> None:
    async with open_database(url, 1) as database:
        assert await migrate(database) == []
        assert await check(database) is None


AGAIN: dict[str, Again] = {
    "psql core": partial(_psql, CORE),
    "psql timescaledb": partial(_psql, TIMESCALE),
    "migrate and check": _service,
}


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
async def test_applied_again_nobody_is_kept_waiting(
    postgres_url: str, program: Program, again: Again
) -> None:
    async with dumping(postgres_url), busy(postgres_url, PROMPT_SECONDS), asyncio.timeout(AGAIN_SECONDS):
        for _ in range(3):
            await again(postgres_url, program)


@pytest.mark.parametrize("again", AGAIN.values(), ids=AGAIN)
async def test_applied_again_it_needs_no_table_of_data(
    postgres_url: str, program: Program, again: Again
) -> None:
    everything = dumping(postgres_url, "ACCESS EXCLUSIVE", besides=("schema_version",))
    async with everything, asyncio.timeout(AGAIN_SECONDS):
        await again(postgres_url, program)


async def test_applied_again_it_reads_the_versions_and_that_is_all(postgres_url: str) -> None:
    script = migrations()[0].read_text(encoding="utf-8")
    begun, commit, rest = script.rpartition("COMMIT;")
    assert (commit, rest.strip()) == ("COMMIT;", "")
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(begun)
        held = {one[0] for one in await connection.fetch(LOCKS)}
    finally:
        await connection.close()
    assert held == {"schema_version AccessShareLock", "schema_version_pkey AccessShareLock"}


async def test_a_step_keeps_others_waiting_for_its_lock_timeout_at_most(
    empty_postgres_url: str, program: Program
) -> None:
    url = empty_postgres_url
    await asyncio.to_thread(program, "psql", url, "-q", "-o", "/dev/null", "-f", str(OLD))
    waits: list[str] = []
    tried = asyncio.Event()

    def waiting(reason: str) -> None:
        waits.append(reason)
        tried.set()

    async with open_database(url, 1) as database, busy(url, LOCK_SECONDS + PROMPT_SECONDS) as took:
        async with dumping(url) as pid:
            work = asyncio.create_task(migrate(database, waiting, pauses=(0.2, 0.2)))
            async with asyncio.timeout(2 * LOCK_SECONDS):
                await tried.wait()
            assert not work.done()
        assert await work == [one for one in known() if one.part == "core"]
        await asyncio.sleep(0.2)
    assert f"used by process {pid} of" in waits[0]
    assert "(pg_dump)" in waits[0]
    assert 1.0 < max(took) < LOCK_SECONDS + PROMPT_SECONDS


async def test_the_locks_of_a_step_take_no_longer_together_than_one_may(
    empty_postgres_url: str, program: Program
) -> None:
    url = empty_postgres_url
    await asyncio.to_thread(program, "psql", url, "-q", "-o", "/dev/null", "-f", str(OLD))
    first, second = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        await first.execute("BEGIN; SELECT FROM candles_intraday")
        await second.execute("BEGIN; SELECT FROM vacancies")
        async with open_database(url, 1) as database, busy(url, LOCK_SECONDS + PROMPT_SECONDS) as took:
            tried = asyncio.Event()
            work = asyncio.create_task(migrate(database, lambda _: tried.set(), pauses=(0.1, 0.1)))
            await asyncio.sleep(LOCK_SECONDS / 2)
            await first.execute("ROLLBACK")  # now it waits for the other: for what is left of its time
            async with asyncio.timeout(LOCK_SECONDS):
                await tried.wait()
            await second.execute("ROLLBACK")
            await work
    finally:
        await first.close()
        await second.close()
    assert max(took) > LOCK_SECONDS / 2
