"""What each error of PostgreSQL means, by its SQLSTATE: an outage that passes, or a bug."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import asyncpg
import pytest

from market_data.errors import AccessRefused, Interrupted, MarketDataError, ReadOnly, StoreUnavailable
from market_data.store.connect import Database, describe, open_database
from market_data.store.outage import MEANINGS, outage
from own_postgres import OwnPostgres, own_postgres

pytestmark = pytest.mark.anyio

PASSWORD = "first-of-its-passwords"  # noqa: S105 - what must not leak
AT = "db.example:5432"

OUTAGES = {
    "08006": Interrupted,
    "08P01": Interrupted,
    "25006": ReadOnly,
    "28000": AccessRefused,
    "28P01": AccessRefused,
    "3D000": AccessRefused,
    "40001": Interrupted,
    "40P01": Interrupted,
    "42501": AccessRefused,
    "53000": StoreUnavailable,
    "53100": StoreUnavailable,
    "53200": StoreUnavailable,
    "53300": StoreUnavailable,
    "55P03": Interrupted,
    "57014": StoreUnavailable,
    "57P01": Interrupted,
    "57P02": Interrupted,
    "57P03": Interrupted,
    "58030": StoreUnavailable,
}
BUGS = (
    "0A000",
    "21000",
    "22003",
    "22012",
    "22P02",
    "23502",
    "23505",
    "25001",
    "42601",
    "42703",
    "42P01",
    "P0001",
)


@pytest.mark.parametrize(("code", "kind"), OUTAGES.items())
async def test_what_passes_is_an_outage(database: Database, code: str, kind: type[MarketDataError]) -> None:
    raising = f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$"
    with pytest.raises(StoreUnavailable, match=r"^DATABASE_URL: ") as caught:
        await database.run(raising)
    assert type(caught.value) is kind
    with pytest.raises(kind):
        async with database.transaction() as connection:
            await connection.execute(raising)


@pytest.mark.parametrize("code", BUGS)
async def test_what_will_never_pass_is_a_bug(database: Database, code: str) -> None:
    with pytest.raises(asyncpg.PostgresError) as caught:
        await database.run(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")
    assert caught.value.sqlstate == code


async def test_an_argument_of_a_wrong_type_is_a_bug(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        await database.fetch("SELECT $1::int", "no number")


async def test_a_wrong_use_of_a_connection_is_a_bug(database: Database) -> None:
    async with database.connection() as connection:
        both = asyncio.gather(connection.execute("SELECT pg_sleep(0.2)"), connection.execute("SELECT 1"))
        with pytest.raises(asyncpg.InterfaceError, match="another operation is in progress"):
            await both
        await asyncio.sleep(0.3)


async def test_a_connection_that_is_lost_between_two_statements_is_an_outage(database: Database) -> None:
    async def lose() -> None:
        async with database.transaction() as connection:
            number = await connection.fetchval("SELECT pg_backend_pid()")
            await database.fetch("SELECT pg_terminate_backend($1)", number)
            await asyncio.sleep(0.1)
            await connection.execute("SELECT 1")

    with pytest.raises(Interrupted):
        await lose()


async def test_a_connection_of_which_the_driver_lost_track_is_an_outage_and_is_not_used_again(
    database: Database,
) -> None:
    """Seen where a server stopped while the driver prepared a statement."""

    async def pid() -> int:
        async with database.connection() as connection:
            return int(await connection.fetchval("SELECT pg_backend_pid()"))

    async def lose() -> None:
        async with database.connection():
            raise asyncpg.InternalClientError(
                "cannot switch to state 12; another operation (2) is in progress"
            )

    before = await pid()
    with pytest.raises(Interrupted):
        await lose()
    assert await pid() != before


async def test_what_goes_wrong_in_the_clean_up_after_an_outage_is_that_outage(database: Database) -> None:
    """Seen where sessions were ended during a COPY: the driver could not roll back, and said so last."""

    async def lose() -> None:
        async with database.connection():
            try:
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
            finally:
                raise asyncpg.InterfaceError("cannot perform operation: another operation is in progress")

    with pytest.raises(Interrupted):
        await lose()


@pytest.mark.parametrize("code", MEANINGS)
def test_each_text_names_the_setting_and_the_place(code: str) -> None:
    error = asyncpg.PostgresError.new({"C": code.ljust(5, "0"), "M": "words of the server", "S": "ERROR"})
    found = outage(error, AT)
    assert found is not None
    assert str(found).startswith("DATABASE_URL: ")
    assert AT in str(found)


@pytest.fixture
def own() -> Iterator[OwnPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    try:
        with own_postgres(folder, PASSWORD) as running:
            yield running
    finally:
        rmtree(folder, ignore_errors=True)


async def _writes(database: Database) -> None:
    await database.run("INSERT INTO universe_versions (version_tag) VALUES (gen_random_uuid()::text)")


async def _until(writable: bool, database: Database) -> None:
    """Write until it can be, or cannot: each session reads the server's configuration again by itself."""
    for _ in range(200):
        try:
            await _writes(database)
            written = True
        except ReadOnly:
            written = False
        if written is writable and (await describe(database))["writable"] is writable:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"never {'writable' if writable else 'read-only'}")


async def test_a_read_only_server_is_an_outage_until_it_can_be_written_again(own: OwnPostgres) -> None:
    async with open_database(own.url(PASSWORD), 2) as database:
        await _writes(database)
        await own.read_only(True)
        await _until(False, database)
        await own.read_only(False)
        await _until(True, database)


async def test_connections_to_a_demoted_server_are_replaced(own: OwnPostgres) -> None:
    """A session keeps the default with which it began, as one of an old primary keeps that server."""
    await own.does("ALTER DATABASE postgres SET default_transaction_read_only = on")
    async with open_database(own.url(PASSWORD), 2) as database:
        assert (await describe(database))["writable"] is False
        await own.does(
            "SET default_transaction_read_only = off",
            "ALTER DATABASE postgres RESET default_transaction_read_only",
        )
        with pytest.raises(ReadOnly):
            await _writes(database)  # the session is of before, and is dropped
        await _writes(database)


async def test_a_password_that_changes_is_an_outage_of_new_connections(own: OwnPostgres) -> None:
    async with open_database(own.url(PASSWORD), 2) as database:
        await own.password("second-of-its-passwords")
        await _writes(database)  # a session lives on
        await own.cut()
        for _ in range(2):  # the first meets the session that was cut
            with pytest.raises(StoreUnavailable) as caught:
                await _writes(database)
        assert type(caught.value) is AccessRefused
        assert "refuses the user or the password" in str(caught.value)
        assert PASSWORD not in str(caught.value)
        await own.password(PASSWORD)
        await _writes(database)


async def test_a_lock_that_is_not_to_be_had_in_time_is_an_outage(own: OwnPostgres) -> None:
    await own.does("ALTER DATABASE postgres SET lock_timeout = '50ms'")
    async with open_database(own.url(PASSWORD), 2) as database, database.transaction() as holding:
        await holding.execute("LOCK TABLE universe_versions IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Interrupted, match="lock was not available"):
            await _writes(database)


async def test_a_server_that_stops_is_an_outage_and_is_found_again(own: OwnPostgres) -> None:
    async with open_database(own.url(PASSWORD), 2) as database:
        await asyncio.to_thread(own.server.__exit__, None, None, None)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match=r"^DATABASE_URL: "):
                await _writes(database)
        with pytest.raises(Interrupted, match="nothing listens at"):
            await _writes(database)
        await asyncio.to_thread(own.server.__enter__)
        await _writes(database)
