"""Opens the database: a pool, named queries from sql/, and outages under their own names."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from market_data.errors import AccessRefused, BadConfig, Interrupted, StoreUnavailable
from market_data.store.address import address
from market_data.store.outage import PORT, SETTING, explained, outage
from market_data.store.schema import APACHE, COMMAND, Standing, Version, migrations, script

CONNECT_SECONDS = 10.0
"""How long opening a connection, or waiting for a free one, may take."""
STATEMENT_SECONDS = 60.0
"""How long one statement may take."""
STREAM_SECONDS = 900.0
"""How long one stream may take: as long as it does, the database cannot tidy up behind it."""
LOCK_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 20.0, 20.0)
"""Pauses in seconds between the tries of a migration that waits for a table. With the tries it is 94 s, so
that the reason is logged before a Kubernetes startup probe (120 s) ends the process."""
MIGRATION_SECONDS = 6 * 3600.0
"""How long one migration may take: on TimescaleDB it moves the bars of a plain table into chunks."""

ROWS_AT_ONCE = 1000
"""Rows that are decoded in one turn of the event loop, where a statement has thousands."""
AGAIN_SECONDS = (0.05, 0.2, 0.5, 1.0)
"""Pauses before what was interrupted is done again; then it is an outage."""
RENEW_SECONDS = 5.0
"""How often, at most, all connections are replaced while the database is read-only."""

Result = TypeVar("Result")
Keep = Callable[[bytes], Coroutine[Any, Any, None]]
Waiting = Callable[[str], None]
"""Is given the reason when something has to wait."""

if TYPE_CHECKING:
    Connection = PoolConnectionProxy[asyncpg.Record]  # generic in asyncpg's stubs only
else:
    Connection = PoolConnectionProxy


@cache
def sql(name: str, **names: str) -> str:
    """The query in sql/`name`.sql; marks like `{table}` are filled from `names`: ours, never input."""
    text = files("market_data.store").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    for mark, value in names.items():
        text = text.replace("{" + mark + "}", value)
    return text


class Database:
    """A pool of connections. Calls raise StoreUnavailable where PostgreSQL cannot do its work at present.

    What counts as that says `store.outage`; other errors of the driver are bugs, and are raised as they are.
    """

    def __init__(self, pool: asyncpg.Pool, at: str) -> None:
        self._pool = pool
        self._at = at
        self._renewed_at = -RENEW_SECONDS
        self._most_streams = max(pool.get_max_size() // 2, 1)
        self._streams = asyncio.Semaphore(self._most_streams)

    async def fetch(self, query: str, *values: object) -> Sequence[asyncpg.Record]:
        """The rows of one statement."""
        async with self._outages():
            rows: Sequence[asyncpg.Record] = await self._pool.fetch(query, *values)
            return rows

    async def fetch_many(self, query: str, *values: object) -> list[asyncpg.Record]:
        """The rows of a statement that has thousands, all of one moment.

        They are read in parts: to decode all of them in one turn would hold the event loop.
        """
        rows: list[asyncpg.Record] = []
        async with self.transaction() as connection:
            cursor = await connection.cursor(query, *values)
            while part := await cursor.fetch(ROWS_AT_ONCE):
                rows += part
                if len(part) < ROWS_AT_ONCE:
                    break
        return rows

    async def fetch_one(self, query: str, *values: object) -> asyncpg.Record | None:
        """The first row of one statement, or None."""
        async with self._outages():
            return await self._pool.fetchrow(query, *values)

    async def run(self, query: str, *values: object, seconds: float = STATEMENT_SECONDS) -> str:
        """Run one statement, or, without values, a script; returns the server's tag."""
        async with self._outages():
            tag: str = await self._pool.execute(query, *values, timeout=seconds)
            return tag

    async def again(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """What `work` returns; it is done again after each pause of AGAIN_SECONDS while it is interrupted."""
        for pause in AGAIN_SECONDS:
            try:
                return await work()
            except Interrupted:
                await asyncio.sleep(pause)
        return await work()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection on which each statement is a transaction of its own."""
        async with self._outages(), self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
            yield connection

    async def copied(self, keep: Keep, query: str, *values: object) -> None:
        """Give `keep` the bytes that a binary COPY of `query` sends, as they come; it is waited for."""
        async with self.connection() as connection:
            await _copy(connection, keep, query, values, STATEMENT_SECONDS)

    async def streamed(self, keep: Keep, query: str, *values: object) -> None:
        """Like `copied`, for a `keep` that takes its time; they have half of the connections at most."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._streams.acquire()
        except TimeoutError:
            raise StoreUnavailable(
                f"{self._most_streams} streams are under way, as many as DATABASE_POOL_SIZE allows"
            ) from None
        try:
            async with self.connection() as connection:
                await _copy(connection, keep, query, values, STREAM_SECONDS)
        finally:
            self._streams.release()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction that commits if the block ends without an error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @property
    def read_only(self) -> str:
        """What to say where it can be read but not written."""
        return explained("25006", self._at)

    async def renew(self) -> None:
        """Replace every connection before its next use: one to a demoted primary would stay read-only.

        Called again within RENEW_SECONDS it does nothing.
        """
        now = monotonic()
        if now - self._renewed_at >= RENEW_SECONDS:
            self._renewed_at = now
            await self._pool.expire_connections()

    @asynccontextmanager
    async def _outages(self) -> AsyncIterator[None]:
        """Turns errors of the driver that are outages into StoreUnavailable."""
        async with _outages(self._at):
            try:
                yield
            except (asyncpg.ReadOnlySQLTransactionError, asyncpg.InternalClientError):
                await self.renew()
                raise


async def _copy(
    connection: Connection, keep: Keep, query: str, values: tuple[object, ...], seconds: float
) -> None:
    try:
        await connection.copy_from_query(query, *values, output=keep, format="binary", timeout=seconds)
    except BaseException:
        # what is on its way would be taken for the end of it, and the next statement would meet the rest
        connection.terminate()
        raise


@asynccontextmanager
async def _outages(at: str) -> AsyncIterator[None]:
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        if found := outage(error, at):
            raise found from error
        raise


@asynccontextmanager
async def open_database(url: str, size: int) -> AsyncIterator[Database]:
    """A Database of up to `size` connections at `url`.

    Raises StoreUnavailable if it cannot be reached, BadConfig if it refuses user, password or database name.
    The errors never carry the URL, which has a password in it.
    """
    at = address(url, PORT)
    settings = {"application_name": "market-data-service", "timezone": "UTC", "jit": "off"}
    async with AsyncExitStack() as stack:
        try:
            async with _outages(at):
                pool = await asyncpg.create_pool(
                    url,
                    min_size=0,  # else a task of the driver reconnects by itself, and logs each failure
                    max_size=size,
                    timeout=CONNECT_SECONDS,
                    command_timeout=STATEMENT_SECONDS,
                    server_settings=settings,
                    init=_set_up,
                    reset=_as_it_is,
                )
                stack.push_async_callback(pool.close)
                async with pool.acquire(timeout=CONNECT_SECONDS):
                    pass  # it can be reached
        except AccessRefused as error:
            raise BadConfig([str(error)]) from None
        except (ValueError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            # the URL, or how the server wants users to prove who they are; its words may repeat the URL
            raise BadConfig([f"{SETTING}: it cannot be used ({type(error).__name__})"]) from None
        yield Database(pool, at)


async def _set_up(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A session on TimescaleDB has settings of its own; elsewhere nothing is set."""
    await connection.execute(sql("timescale_session"))


async def _as_it_is(_: object) -> None:
    """Nothing is left in a session that would have to be reset: that would be a statement after each use."""


async def migrate(
    database: Database, waiting: Waiting = lambda _: None, pauses: Sequence[float] = LOCK_PAUSES
) -> list[Version]:
    """Apply the steps that the database lacks; returns those. Where it lacks none, no lock is taken.

    A step gives up while a reader holds its tables, so that nobody waits behind it for long, and is tried
    again after each of `pauses` (seconds); `waiting` is given the reason. StoreUnavailable, and nothing
    changed, after the last. BadConfig where only a later version of this program can use the database.
    """
    before = await standing(database)
    if before.foreign or not before.missing:
        _refuse(before.problem())
        return []
    for path in migrations()[: 1 + before.scaled]:
        await _apply(database, path, waiting, pauses)
    found = (await standing(database)).found
    return [one for one in before.missing if one in found]


async def check(database: Database, command: str = COMMAND) -> str | None:
    """Compare the schema with what this program needs; takes no lock that anybody waits for.

    Returns a warning, or None. BadConfig where it does not fit: it names the `command` that applies what is
    missing.
    """
    found = await standing(database)
    _refuse(found.problem(command))
    return found.warning


async def standing(database: Database) -> Standing:
    """How the schema compares with what this program knows."""
    return (await _look(database))[0]


async def describe(database: Database) -> dict[str, Any]:
    """What the database is: {"postgresql": "18.4", "timescaledb": "2.23.0" or None, "license": "timescale",
    "apache" or None, "writable": bool, "migrated": bool, "schema": "core 0.2.0"}; "schema" is "" where it has
    no versions."""
    found, row = await _look(database)
    return {**row, "schema": str(found)}


async def _look(database: Database) -> tuple[Standing, dict[str, Any]]:
    row = dict(await database.fetch_one(sql("describe")) or {})
    rows = await database.fetch(sql("schema_found")) if row.pop("versioned") else []
    found = tuple(Version.of(one["part"], one["version"]) for one in rows)
    there, apache = row["timescaledb"] is not None, row["license"] == APACHE
    return Standing(found, made=row["migrated"], scaled=there and not apache, apache=apache), row


async def _apply(database: Database, path: Path, waiting: Waiting, pauses: Sequence[float]) -> None:
    for pause in (*pauses, None):
        try:
            async with database.connection() as connection:
                await _run_script(connection, script(path))
        except AccessRefused as error:
            why = error.__cause__ or error
            raise BadConfig([f"{SETTING}: only its owner may change the schema ({why})"]) from None
        except Interrupted as error:
            said = error.__cause__
            reason = getattr(said, "message", None) or str(error)
            if pause is None:
                tries = len(pauses) + 1
                advice = getattr(said, "hint", None) or f"run `{COMMAND}` again later"
                raise StoreUnavailable(
                    f"the schema could not be changed (tries: {tries}): {reason}. {advice}"
                ) from error
            waiting(f"the schema cannot be changed yet: {reason}; next try in {pause:g} s")
            await asyncio.sleep(pause)
        else:
            return


async def _run_script(connection: Connection, script: str) -> None:
    """Run a script with transactions of its own; the one that an error leaves open is ended."""
    try:
        await connection.execute(script, timeout=MIGRATION_SECONDS)
    except asyncpg.PostgresError:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        raise


def _refuse(problem: str | None) -> None:
    if problem is not None:
        raise BadConfig([f"{SETTING}: {problem}"])
