"""Two real TimescaleDBs: one in WebAssembly where Node.js is, a full one where TEST_TIMESCALE_URL names it.

The first serves one connection at a time and knows no COPY; its jobs run only when they are called.
"""

import asyncio
import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from market_data.store.connect import migrate, open_database

from ..conftest import Program  # noqa: TID252 - the tests of the store have no name of their own

MIGRATIONS = Path(__file__).parents[3] / "db" / "migrations"
CORE = MIGRATIONS / "20251008_market_data_core.sql"
TIMESCALE = MIGRATIONS / "20251008_timescale_market_data.sql"
FOLDER = Path(__file__).parent
INSTALL_SECONDS = 300.0
"""How long npm may take."""
NO_NODE = "Node.js and npm are not installed: TimescaleDB in WebAssembly cannot run"
NO_SERVER = (
    "TEST_TIMESCALE_URL names no TimescaleDB (a superuser of a server that has it): nothing to test on"
)
QUIET = "SELECT _timescaledb_functions.stop_background_workers()"
"""Else jobs would run whenever they like; tests call them."""

Fresh = Callable[..., str]


@pytest.fixture(scope="session")
def wasm_server() -> Iterator[Fresh]:
    """Makes a new, empty database in WebAssembly in the place of the one before; returns its URL.

    A bare one is a database in which nobody has made the extension yet.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(NO_NODE)
    _install(npm)
    words = [node, str(FOLDER / "server.mjs")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asked, answered = process.stdin, process.stdout

        def fresh(*, bare: bool = False) -> str:
            asked.write("bare\n" if bare else "\n")
            asked.flush()
            port = int(answered.readline())
            return f"postgresql://postgres:postgres@127.0.0.1:{port}/template1?sslmode=disable"

        yield fresh
        asked.close()


def _install(npm: str) -> None:
    """What package-lock.json names; one worker installs, the others wait for it."""
    lock = FOLDER / "package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = FOLDER / "node_modules" / ".package-lock.json"
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            subprocess.run([npm, "ci", "--silent"], cwd=FOLDER, timeout=INSTALL_SECONDS, check=True)
            done.touch()


@pytest.fixture(scope="session")
def full_server() -> str:
    """The URL of the full server."""
    url = os.environ.get("TEST_TIMESCALE_URL")
    if not url:
        pytest.skip(NO_SERVER)
    return url


@contextmanager
def full_database(server: str) -> Iterator[str]:
    """The URL of a new, empty database on the full server; it is dropped afterwards."""
    name = f"test_{uuid4().hex}"
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    asyncio.run(_run(server, f"CREATE DATABASE {name}"))
    try:
        asyncio.run(_run(url, "CREATE EXTENSION IF NOT EXISTS timescaledb", QUIET))
        yield url
    finally:
        asyncio.run(_run(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(params=["wasm", "full"])
def timescale_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database with TimescaleDB."""
    if request.param == "wasm":
        yield request.getfixturevalue("wasm_server")()
    else:
        with full_database(request.getfixturevalue("full_server")) as url:
            yield url


@pytest.fixture
def empty_postgres_url(full_server: str) -> Iterator[str]:
    """What the store's tests run on, here."""
    with full_database(full_server) as url:
        yield url


@pytest.fixture
def postgres_url(empty_postgres_url: str) -> str:
    """The same, migrated."""

    async def apply() -> None:
        async with open_database(empty_postgres_url, 1) as database:
            await migrate(database)

    asyncio.run(apply())
    return empty_postgres_url


@pytest.fixture
def apply(program: Program) -> Callable[[str, Path], None]:
    """Applies a migration as the deployment guide does; a complaint is a failure."""

    def applied(url: str, file: Path) -> None:
        program("psql", url, "--quiet", "-v", "ON_ERROR_STOP=1", "-f", str(file))

    return applied


async def _run(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
