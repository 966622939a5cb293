"""Plays lives outside of the suite: `python -m lab.histories FIRST COUNT [HISTORIES]`, a JSON line per life.

Servers of its own are started and stopped. PYTHONPATH names the build (its `src`) and this project's `tests`.
"""

import asyncio
import json
import os
import sys
import tempfile
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from redis import Redis

from lab import database as lab_database
from market_data.hosting import Stores
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

from .life import HISTORIES, live

_numbers = count()
_TEMPLATE = "migrated"
_FASTER = ("fsync", "synchronous_commit", "full_page_writes")


async def main(first: int, lives: int, histories: int) -> None:
    """Play the lives of consecutive seeds."""
    with (
        tempfile.TemporaryDirectory(prefix="md-") as folder,
        EmbeddedPostgres(Path(folder) / "pg") as postgres,
        EmbeddedValkey(Path(folder) / "vk") as valkey,
    ):
        for setting in _FASTER:
            await run(postgres.url, f"ALTER SYSTEM SET {setting} = off")
        await run(postgres.url, "SELECT pg_reload_conf()")
        await run(postgres.url, f"CREATE DATABASE {_TEMPLATE}")
        await migrated(named(postgres.url, _TEMPLATE))
        for seed in range(first, first + lives):
            print(await _one(seed, postgres.url, valkey.url, histories), flush=True)  # noqa: T201


async def _one(seed: int, postgres: str, valkey: str, histories: int) -> str:
    name = f"life_{next(_numbers)}"
    await run(postgres, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    with Redis.from_url(valkey) as client:
        client.flushall()
    url = named(postgres, name)
    await lab_database.shadow_clock(url)
    life = await live(seed, Stores(url, valkey, redis_is_ours=True), histories)
    await run(postgres, f"DROP DATABASE {name} WITH (FORCE)")
    return json.dumps(
        {
            "seed": seed, "seconds": life.seconds, "calls": life.calls, "named": life.named,
            "histories": len(life.told), "text": str(life),
            "violations": [{"kind": violation.kind, "seed": violation.seed} for violation in life.violations],
        }
    )  # fmt: skip


async def migrated(url: str) -> None:
    """Make the tables, as a user of either build does."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_data", "migrate"),
        env={**os.environ, "DATABASE_URL": url}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0, "market-data migrate failed"


def named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


if __name__ == "__main__":
    asyncio.run(
        main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else HISTORIES)
    )
