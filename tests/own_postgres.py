"""A PostgreSQL of a test's own: the test makes it read-only, changes its passwords, stops it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg

from market_data.store.connect import migrate, open_database
from market_data.store.embedded import EmbeddedPostgres

USER = "market"
"""Whoever logs in with a password; the server's own user, who needs none, is `postgres`."""


@dataclass(frozen=True)
class OwnPostgres:
    """A server that runs; `server` stops and starts it."""

    server: EmbeddedPostgres
    folder: Path

    def url(self, password: str) -> str:
        """As whom the service logs in."""
        host = urlsplit(self.server.url).query
        return f"postgresql://{USER}:{quote(password, safe='')}@/postgres?{host}"

    async def does(self, *statements: str) -> None:
        """Run statements as `postgres`, and read the server's configuration again."""
        connection = await asyncpg.connect(self.server.url)
        try:
            for one in (*statements, "SELECT pg_reload_conf()"):
                await connection.execute(one)
        finally:
            await connection.close()

    async def read_only(self, on: bool) -> None:
        """Refuse all writes, as a primary that was demoted does; or not any more."""
        await self.does(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")

    async def password(self, new: str) -> None:
        """Give the service's user another password."""
        await self.does(f"ALTER ROLE {USER} PASSWORD '{new}'")

    async def cut(self) -> None:
        """End all sessions but those of `postgres`."""
        await self.does(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user"
        )


@contextmanager
def own_postgres(folder: Path, password: str) -> Iterator[OwnPostgres]:
    """A migrated PostgreSQL that asks USER for `password` by SCRAM."""
    with EmbeddedPostgres(folder / "postgres") as server:
        own = OwnPostgres(server, folder / "postgres")
        asyncio.run(_prepare(own, password))
        yield own


async def _prepare(own: OwnPostgres, password: str) -> None:
    await own.does("ALTER SYSTEM SET fsync = off")
    await ask_for_password(own.folder, own.server.url, USER, password)
    async with open_database(own.url(password), 1) as database:
        await migrate(database)


async def ask_for_password(data: Path, url: str, user: str, password: str) -> None:
    """Make `user`, who has all rights, or change the password that the server in `data` asks for by SCRAM."""
    rules, rule = data / "pg_hba.conf", f"local all {user} scram-sha-256\n"
    if rule not in rules.read_text():
        rules.write_text(rule + rules.read_text())
    connection = await asyncpg.connect(url)
    try:
        exists = await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", user)
        verb = "ALTER" if exists else "CREATE"
        await connection.execute(f"{verb} ROLE {user} LOGIN SUPERUSER PASSWORD '{password}'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()
