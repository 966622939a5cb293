"""Real servers for the whole suite: one PostgreSQL and one Valkey a worker, a fresh database a test."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from redis import Redis

from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from unheld import never_held

_TEMPLATE = "migrated"
_CONNECTIONS = 4
_numbers = count()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder with a short name: the path of a Unix socket has 107 bytes at most."""
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(servers_folder: Path) -> Iterator[str]:
    """The URL of a PostgreSQL that has a migrated database to copy."""
    with EmbeddedPostgres(servers_folder / "postgres") as server:
        asyncio.run(_prepare(server.url))
        yield server.url


@pytest.fixture(scope="session")
def valkey_server(servers_folder: Path) -> Iterator[str]:
    with EmbeddedValkey(servers_folder / "valkey") as server:
        yield server.url


@pytest.fixture
def empty_postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a database of this test's own, without any table of ours."""
    yield from _database(postgres_server, "template1")


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a migrated database of this test's own."""
    yield from _database(postgres_server, _TEMPLATE)


@pytest.fixture
async def database(postgres_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    async with open_database(postgres_url, _CONNECTIONS) as opened:
        yield opened


@pytest.fixture
def redis_url(valkey_server: str) -> str:
    """The URL of an empty Valkey; the tests of a worker run one after another."""
    with Redis.from_url(valkey_server) as client:
        client.flushall()
    return valkey_server


@pytest.fixture
async def unheld(anyio_backend: str) -> AsyncIterator[None]:
    """Fails the test if the event loop is held within it."""
    with never_held():
        yield


def _database(server: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    asyncio.run(_run(server, f"CREATE DATABASE {name} TEMPLATE {template}"))
    try:
        yield _named(server, name)
    finally:
        asyncio.run(_run(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _prepare(url: str) -> None:
    # a test's data need not outlive a power cut
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        await _run(url, f"ALTER SYSTEM SET {setting} = off")
    await _run(url, "SELECT pg_reload_conf()")
    await _run(url, f"CREATE DATABASE {_TEMPLATE}")
    async with open_database(_named(url, _TEMPLATE), 1) as template:
        await migrate(template)


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
