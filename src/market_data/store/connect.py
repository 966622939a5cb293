"""Opens the database: a pool, named queries from sql/, and one place that says what an outage is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from market_data.errors import BadConfig, Interrupted, StoreUnavailable

CONNECT_SECONDS = 10.0
"""How long opening a connection, or waiting for a free one, may take."""
STATEMENT_SECONDS = 60.0
"""How long one statement may take."""
STREAM_SECONDS = 900.0
"""How long one stream may take: as long as it does, the database cannot tidy up behind it."""
MIGRATION_SECONDS = 6 * 3600.0
"""How long one migration may take: on TimescaleDB it moves the bars of a plain table into chunks."""

AGAIN_SECONDS = (0.05, 0.2, 0.5, 1.0)
"""Pauses before what was interrupted is done again; then it is an outage."""

_INTERRUPTIONS = (
    ConnectionError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
_OUTAGES = (
    *_INTERRUPTIONS,
    OSError,  # includes TimeoutError: a statement over its time is an outage too
    asyncpg.OperatorInterventionError,  # starting, stopping, or somebody ended the statement
    asyncpg.InsufficientResourcesError,  # no connection, memory or disk left
)

Result = TypeVar("Result")
Keep = Callable[[bytes], Coroutine[Any, Any, None]]

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
    """A pool of connections. Calls raise StoreUnavailable where PostgreSQL cannot be reached in time."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._most_streams = max(pool.get_max_size() // 2, 1)
        self._streams = asyncio.Semaphore(self._most_streams)

    async def fetch(self, query: str, *values: object) -> Sequence[asyncpg.Record]:
        """The rows of one statement."""
        with _outages():
            rows: Sequence[asyncpg.Record] = await self._pool.fetch(query, *values)
            return rows

    async def fetch_one(self, query: str, *values: object) -> asyncpg.Record | None:
        """The first row of one statement, or None."""
        with _outages():
            return await self._pool.fetchrow(query, *values)

    async def run(self, query: str, *values: object, seconds: float = STATEMENT_SECONDS) -> str:
        """Run one statement, or, without values, a script; returns the server's tag."""
        with _outages():
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
        with _outages():
            async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
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
        with _outages():
            async with self._pool.acquire(timeout=CONNECT_SECONDS) as connection, connection.transaction():
                yield connection


async def _copy(
    connection: Connection, keep: Keep, query: str, values: tuple[object, ...], seconds: float
) -> None:
    try:
        await connection.copy_from_query(query, *values, output=keep, format="binary", timeout=seconds)
    except BaseException:
        # what is on its way would be taken for the end of it, and the next statement would meet the rest
        connection.terminate()
        raise


class _outages:  # noqa: N801 - reads as a statement: `with _outages():`
    """Turns the driver's connection errors into StoreUnavailable."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, _OUTAGES) and not isinstance(error, asyncpg.ClientConfigurationError):
            kind = Interrupted if isinstance(error, _INTERRUPTIONS) else StoreUnavailable
            raise kind(f"PostgreSQL cannot be reached: {type(error).__name__}") from error


@asynccontextmanager
async def open_database(url: str, size: int) -> AsyncIterator[Database]:
    """A Database of up to `size` connections at `url`.

    Raises StoreUnavailable if it cannot be reached, BadConfig if it refuses user, password or database name.
    The errors never carry the URL, which has a password in it.
    """
    settings = {"application_name": "market-data-service", "timezone": "UTC", "jit": "off"}
    try:
        with _outages():
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                server_settings=settings,
                init=_set_up,
                reset=_as_it_is,
            )
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        ValueError,
    ) as error:
        raise BadConfig([f"DATABASE_URL: PostgreSQL refused it ({type(error).__name__})"]) from None
    try:
        yield Database(pool)
    finally:
        await pool.close()


async def _set_up(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """A session on TimescaleDB has settings of its own; elsewhere nothing is set."""
    await connection.execute(sql("timescale_session"))


async def _as_it_is(_: object) -> None:
    """Nothing is left in a session that would have to be reset: that would be a statement after each use."""


CORE = "20251008_market_data_core.sql"
"""The migration for any PostgreSQL."""
TIMESCALE = "20251008_timescale_market_data.sql"
"""The migration for TimescaleDB, which includes the other."""
_INCLUDED = f"\\ir {CORE}\n"
_LAST = "-- Last: "
"""What follows in a migration is for psql: here the service does it, in the background."""


def migrations() -> list[Path]:
    """The migration files, in the order in which they are applied: the last one only to TimescaleDB."""
    packaged = Path(str(files("market_data.store").joinpath("migrations")))
    folder = packaged if packaged.is_dir() else Path(__file__).parents[3] / "db" / "migrations"
    found = [folder / CORE, folder / TIMESCALE]
    if not all(one.is_file() for one in found):
        raise BadConfig([f"no migration files in {folder}: the installation is incomplete"])
    return found


async def migrate(database: Database) -> list[str]:
    """Apply every migration for this database, each safe to apply again; returns their names."""
    applied: list[str] = []
    scaled = (await describe(database))["timescaledb"] is not None
    for path in migrations()[: 1 + scaled]:
        script = path.read_text(encoding="utf-8").partition(_LAST)[0].replace(_INCLUDED, "")
        await database.run(script, seconds=MIGRATION_SECONDS)
        applied.append(path.name)
    return applied


async def describe(database: Database) -> dict[str, Any]:
    """What the database is: {"postgresql": "18.4", "timescaledb": "2.23.0" or None, "migrated": bool, …}."""
    row = await database.fetch_one(sql("describe"))
    return dict(row) if row else {}
