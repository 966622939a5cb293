"""The work of market-data backup and restore: the whole database in a file, and back."""

import asyncio
import time
from pathlib import Path

from market_data.cli import stores
from market_data.cli.files import whole
from market_data.cli.output import print_json, say, step
from market_data.errors import BadQuestion
from market_data.hosting import database_url
from market_data.store import dump
from market_data.store.connect import migrate, open_database, sql


def back_up(file: Path, *, force: bool, demo: bool, as_json: bool) -> None:
    """Write the database to a file, which is there once it is whole.

    BadQuestion where the file is there already, unless `force`; then the old one stays until the new one is
    whole.
    """
    if file.exists() and not force:
        raise BadQuestion(f"{file} is there already: name another file, or replace it with --force")
    settings = stores.settings_of(demo=demo)
    stores.check_made(settings, demo=demo)

    async def work() -> None:
        async with database_url(settings) as url, open_database(url, 1) as database:
            with whole(file) as part:
                await dump.dump(database, url, part)

    started = time.perf_counter()
    with step(f"backing up to {file}"):
        asyncio.run(work())
    size, took = file.stat().st_size, time.perf_counter() - started
    if as_json:
        print_json({"file": str(file), "bytes": size, "seconds": round(took, 3)})
    else:
        say(f"{size:,} bytes in {file}: `market-data restore` reads them into an empty database")


def restore(file: Path, *, demo: bool, as_json: bool) -> None:
    """Fill an empty database from a backup, and bring its tables up to date."""
    if not file.is_file():
        raise BadQuestion(f"{file} is not there", status=404)
    settings = stores.settings_of(demo=demo)

    async def work() -> dict[str, int]:
        async with database_url(settings) as url, open_database(url, 1) as database:
            await dump.restore(database, url, file)
            await migrate(database, say)
            await database.run("ANALYZE", seconds=dump.DUMP_SECONDS)
            row = await database.fetch_one(sql("restore_counts"))
            return dict(row or {})

    with step(f"restoring {file}"):
        rows = asyncio.run(work())
    if as_json:
        print_json({"rows": rows})
    else:
        say(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in rows.items()))
