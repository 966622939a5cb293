"""Databases of their own on the server of TEST_TIMESCALE_URL, with TimescaleDB and without, and the clock."""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from market_data.store.connect import Database, migrate, open_database

CONNECTIONS = 2


@asynccontextmanager
async def database(server: str, *, timescale: bool) -> AsyncIterator[Database]:
    """A migrated database of its own, with TimescaleDB or without; no job runs in it by itself."""
    name = f"benchmark_{uuid4().hex}"
    url = urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    await _run(server, f"CREATE DATABASE {name}")
    try:
        if timescale:
            await _run(url, "CREATE EXTENSION IF NOT EXISTS timescaledb")
            await _run(url, "SELECT _timescaledb_functions.stop_background_workers()")
        else:
            await _run(url, "DROP EXTENSION IF EXISTS timescaledb")
        async with open_database(url, CONNECTIONS) as opened:
            await migrate(opened)
            yield opened
    finally:
        await _run(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def in_turns(works: Sequence[Callable[[], Awaitable[object]]], rounds: int) -> list[float]:
    """Milliseconds of the median round of each, after two that warm up; other load slows all alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds + 2):
        for work, of_it in zip(works, times, strict=True):
            started = time.perf_counter()
            await work()
            of_it.append((time.perf_counter() - started) * 1000)
    return [statistics.median(of_it[2:]) for of_it in times]


def start(measure: Callable[[str], Awaitable[None]]) -> None:
    """Measure on the server, if there is one."""

    async def whole(server: str) -> None:
        await measure(server)

    if server := os.environ.get("TEST_TIMESCALE_URL"):
        asyncio.run(whole(server))
    else:
        print("left out: TEST_TIMESCALE_URL names no TimescaleDB (as a superuser, who makes databases)")


def progress(text: str) -> None:
    """Say what is under way, apart from the figures."""
    sys.stderr.write(f"{text}\n")
