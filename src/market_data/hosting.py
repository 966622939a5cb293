"""Where the stores are: those that the settings name, or embedded ones that run while they are needed."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path

from market_data.errors import BadConfig
from market_data.loops import shared
from market_data.settings import Settings
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are."""

    database_url: str
    redis_url: str
    redis_is_ours: bool = False  # an embedded one: it runs while we do, and nobody else uses it


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database that the settings name; an embedded one runs while the block does."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    async with _running(EmbeddedPostgres(_writable(settings.data_dir) / "postgres")) as url:
        yield url


@asynccontextmanager
async def redis_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the Redis that the settings name; an embedded Valkey runs while the block does.

    The embedded one has one user at a time: see `alone`.
    """
    if settings.rlc_redis_url is not None:
        yield settings.rlc_redis_url.get_secret_value()
        return
    async with _running(EmbeddedValkey(_writable(settings.data_dir) / "valkey")) as url:
        yield url


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the folder of the embedded servers while the block runs; BadConfig if another service has it.

    Commands share the embedded PostgreSQL with a running service. A second service may not: it would stop
    the first one's Valkey as the left-over of a crash. The system lets go of the lock however we end.
    """
    if settings.database_url is not None and settings.rlc_redis_url is not None:
        yield
        return
    folder = _writable(settings.data_dir)
    with (folder / "service.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadConfig(
                [f"DATA_DIR: another service is running on {folder}: stop it, or choose another folder"]
            ) from None
        yield


@asynccontextmanager
async def _running(server: EmbeddedPostgres | EmbeddedValkey) -> AsyncIterator[str]:
    """The URL of an embedded server that runs while the block does; a start that is given up is undone."""
    starting = shared(asyncio.to_thread(server.__enter__))
    try:
        await asyncio.shield(starting)
        yield server.url
    finally:
        await asyncio.wait({starting})
        if starting.exception() is None:
            await asyncio.to_thread(server.__exit__, None, None, None)


def _writable(folder: Path) -> Path:
    """The folder, made if need be; BadConfig if nothing can be kept there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise BadConfig([f"DATA_DIR: {folder} cannot be written ({error.strerror})"]) from None
    return folder.resolve()
