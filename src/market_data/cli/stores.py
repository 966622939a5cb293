"""Opens the database for the commands that read or change it while the service runs or does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from market_data.settings import read
from market_data.store.connect import Database, migrate, open_database
from market_data.wiring import database_url

COMMAND_CONNECTIONS = 2
"""Connections that a command may open."""

_T = TypeVar("_T")


@asynccontextmanager
async def opened() -> AsyncIterator[Database]:
    """The migrated database of the settings; an embedded one is started for as long as it is needed."""
    settings = read().settings
    async with database_url(settings) as url, open_database(url, COMMAND_CONNECTIONS) as database:
        await migrate(database)
        yield database


def run(work: Callable[[Database], Awaitable[_T]]) -> _T:
    """Run `work` on the database of the settings."""

    async def whole() -> _T:
        async with opened() as database:
            return await work(database)

    return asyncio.run(whole())
