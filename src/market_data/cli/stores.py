"""Opens the database for the commands that read or change it while the service runs or does not."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from market_data import closures
from market_data.cli.demo import demo_environment
from market_data.cli.output import say
from market_data.errors import BadQuestion
from market_data.hosting import database_url
from market_data.settings import Settings, read
from market_data.store.connect import Database, check, migrate, open_database, standing
from market_data.store.schema import COMMAND

COMMAND_CONNECTIONS = 2
"""Connections that a command may open."""

_T = TypeVar("_T")


def settings_of(*, demo: bool) -> Settings:
    """The settings of the service, or of its demo."""
    configuration = read(demo_environment(os.environ), dotenv=None) if demo else read()
    return configuration.settings


def check_made(settings: Settings, *, demo: bool) -> None:
    """BadQuestion (404) where there is no database yet, and none is named."""
    if settings.database_url is None and not (settings.data_dir / "postgres" / "PG_VERSION").exists():
        raise BadQuestion(
            f"there are no data in {settings.data_dir} yet: `market-data {'demo' if demo else 'serve'}` "
            "collects some" + ("" if demo else "; the data of `market-data demo` are shown with --demo"),
            status=404,
        )


def run(
    work: Callable[[Database], Awaitable[_T]], *, demo: bool = False, make: bool = False, fitting: bool = True
) -> _T:
    """Run `work` on the database; an embedded one that does not run is started for as long.

    One that runs is shared, and left running. With `make` the tables are made in an empty database; without
    it an embedded one that was never made is not made now either: BadQuestion (404) says so. BadConfig where
    the schema is not one that this program can work with, unless `fitting` is False.
    """
    settings = settings_of(demo=demo)
    if not make:
        check_made(settings, demo=demo)

    async def whole() -> _T:
        async with database_url(settings) as url, open_database(url, COMMAND_CONNECTIONS) as database:
            if not fitting:
                return await work(database)
            await _fit(database, demo=demo, make=make)
            async with closures.in_force(database):
                return await work(database)

    return asyncio.run(whole())


async def _fit(database: Database, *, demo: bool, make: bool) -> None:
    """Only an empty database is made here: in others a step may have to wait for readers, and they for it."""
    if make and not (await standing(database)).made:
        await migrate(database, say)
    if warning := await check(database, f"{COMMAND} --demo" if demo else COMMAND):
        say(f"warning: {warning}")
