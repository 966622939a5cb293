"""Processes that stand still, as under SIGSTOP: they neither work nor end."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg


@contextmanager
def frozen(processes: list[int]) -> Iterator[None]:
    """These processes stand still within the block."""
    _signal(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(processes, signal.SIGCONT)


@asynccontextmanager
async def frozen_postgres(data: Path, url: str) -> AsyncIterator[None]:
    """Every process of the PostgreSQL in `data` stands still within the block."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT pid FROM pg_stat_activity")
    await connection.close()
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    with frozen([postmaster, *(row["pid"] for row in rows)]):
        yield


def _signal(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, number)
