"""The commands and the schema: migrate applies, the others check, a long reader is in nobody's way."""

import asyncio
import json
import os
import sys
from pathlib import Path

import anyio.to_thread
import asyncpg
import pytest

from beside import busy, dumping
from market_data.providers import discover
from market_data.store.schema import known

from .conftest import SOURCES, Ran, Run

pytestmark = pytest.mark.anyio

PROMPT_SECONDS = 1.0
"""How long a statement of another client takes at most, on a machine that is busy starting processes."""
LOG = "log"
START_SECONDS = 60.0
"""How long a start of the service may take."""
OLD = (Path(__file__).parents[1] / "store" / "schemas" / "0.1.0.sql").read_text(encoding="utf-8")
MEMBER = "INSERT INTO symbol_universe (symbol, exchange) VALUES ('AAPL', 'NASDAQ')"
STEPS = [str(one) for one in known() if one.part == "core"]
NO_CALLS = {f"{one.facts.settings_prefix}_BASE_URL": "http://127.0.0.1:1" for one in discover().values()}


@pytest.fixture
def old_url(empty_postgres_url: str) -> str:
    """The URL of a database of version 0.1.0."""
    asyncio.run(_run(empty_postgres_url, OLD))
    return empty_postgres_url


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _beside(run: Run, *words: str, **settings: str) -> Ran:
    """Beside the event loop, which the other clients need."""
    return await anyio.to_thread.run_sync(lambda: run(*words, **settings))


@pytest.mark.parametrize(
    "words", [("bars", "AAPL"), ("universe", "list"), ("plan",), ("universe", "add", "MSFT"), ("migrate",)]
)
async def test_a_command_beside_a_dump_keeps_nobody_waiting(
    run: Run, postgres_url: str, words: tuple[str, ...]
) -> None:
    await _run(postgres_url, MEMBER)
    async with dumping(postgres_url), busy(postgres_url, PROMPT_SECONDS):
        ran = await _beside(run, *words)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize("words", [("bars", "AAPL"), ("universe", "add", "MSFT"), ("backfill", "list")])
def test_a_command_on_an_old_schema_changes_nothing_and_names_the_one_that_does(
    run: Run, old_url: str, words: tuple[str, ...]
) -> None:
    ran = run(*words, DATABASE_URL=old_url)
    assert ran.code == 3
    assert ran.err.splitlines()[-1] == (
        f"error: DATABASE_URL: the schema of the database is out of date, it lacks {', '.join(STEPS)}:"
        " run `market-data migrate` (the service may run meanwhile)"
    )
    assert run("migrate", "--json", DATABASE_URL=old_url).json["applied"] == STEPS


def test_the_coordinator_on_an_old_schema_ends_with_the_same_error(
    run: Run, old_url: str, redis_url: str
) -> None:
    ran = run("coordinate", DATABASE_URL=old_url, RLC_REDIS_URL=redis_url)
    assert ran.code == 3
    assert "run `market-data migrate`" in ran.err


def test_migrate_says_what_it_applied_or_that_nothing_was_missing(run: Run, old_url: str) -> None:
    first, second = (run("migrate", DATABASE_URL=old_url) for _ in range(2))
    assert first.err.splitlines()[:-1] == [f"applied {step}" for step in STEPS]
    assert second.err.splitlines()[:-1] == [f"the schema is up to date: {STEPS[-1]}"]
    third = run("migrate", "--json", DATABASE_URL=old_url).json
    assert third["applied"] == []
    assert third["database"]["schema"] == STEPS[-1]
    assert run("bars", "AAPL", DATABASE_URL=old_url).code == 0


async def test_migrate_on_a_newer_schema_leaves_it_alone_and_warns(run: Run, postgres_url: str) -> None:
    await _run(postgres_url, MEMBER)
    await _run(postgres_url, "INSERT INTO schema_version (part, version) VALUES ('core', '0.99.0')")
    for words in (("migrate",), ("bars", "AAPL")):
        ran = await _beside(run, *words)
        assert ran.code == 0
        assert "warning: the schema of the database is core 0.99.0, newer than this program" in ran.err


def test_the_first_symbol_makes_the_tables_of_an_empty_database(run: Run, empty_postgres_url: str) -> None:
    assert run("universe", "list", DATABASE_URL=empty_postgres_url).code == 3
    ran = run("universe", "add", "AAPL", "--tier", "T0", DATABASE_URL=empty_postgres_url)
    assert ran.code == 0, ran.err
    assert run("migrate", "--json", DATABASE_URL=empty_postgres_url).json["applied"] == []


async def test_doctor_shows_the_schema_and_what_is_missing(run: Run, postgres_url: str, old_url: str) -> None:
    for url, found, mend in (
        (postgres_url, f"schema {STEPS[-1]}", ""),
        (old_url, "schema without a version, older than", "run `market-data migrate`"),
    ):
        ran = await _beside(run, "doctor", "--no-ask", "--json", DATABASE_URL=url)
        (store,) = [one for one in ran.json["findings"] if one["name"] == "postgresql"]
        assert found in store["found"]
        assert mend in store["mend"]


async def _start(url: str, redis: str, folder: Path) -> tuple[str, str]:
    """Start the service until it answers, and stop it: what /health says, and its log, which is in a file."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        **NO_CALLS,
        "PYTHONPATH": str(SOURCES),
        "DATABASE_URL": url,
        "RLC_REDIS_URL": redis,
        "LOCAL_SWEEP_ENABLED": "false",
    }
    with (folder / LOG).open("w") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "market_data", "serve", "--port", "0", "--json"),
            cwd=folder,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
        answer = ""
        if line:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(json.loads(line)["url"].split(":")[-1])
            )
            writer.write(b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            answer = (await reader.read()).decode()
            writer.close()
    finally:
        process.terminate()
        await process.communicate()
    return answer, (folder / LOG).read_text()


def _log(folder: Path) -> str:
    return (folder / LOG).read_text() if (folder / LOG).exists() else ""


async def test_a_start_beside_a_dump_keeps_nobody_waiting_and_waits_for_nobody(
    postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with dumping(postgres_url), busy(postgres_url, PROMPT_SECONDS):
        answer, log = await _start(postgres_url, redis_url, tmp_path)
    assert f'"schema":"{STEPS[-1]}"' in answer, log


async def test_a_start_that_needs_a_step_waits_for_the_dump_and_then_applies_it(
    old_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with dumping(old_url) as pid, busy(old_url, 3.0 + PROMPT_SECONDS):
        starting = asyncio.create_task(_start(old_url, redis_url, tmp_path))
        async with asyncio.timeout(START_SECONDS):
            while f"used by process {pid} of" not in _log(tmp_path):
                assert not starting.done(), _log(tmp_path)
                await asyncio.sleep(0.1)
    answer, log = await starting
    assert f'"schema":"{STEPS[-1]}"' in answer, log
    assert "(pg_dump)" in log
