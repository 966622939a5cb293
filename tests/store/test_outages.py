"""What an outage or a wrong setting is called, and that no error tells a secret."""

import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis.exceptions import DataError

from market_data.errors import BadConfig, MarketDataError, StoreUnavailable
from market_data.store.connect import Database, open_database
from market_data.store.redis import open_redis, reachable

pytestmark = pytest.mark.anyio

SECRET = "hunter2-hunter2"  # noqa: S105 - what must not leak
NOBODY = "127.0.0.1:1"


async def _fault(asked: Coroutine[Any, Any, None]) -> MarketDataError:
    """The error that is raised, with all that a log of it would show free of the secret."""
    with pytest.raises((StoreUnavailable, BadConfig)) as caught:
        await asked
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown
    return caught.value


async def _open(url: str) -> None:
    async with open_database(url, 1):
        pass


@pytest.mark.parametrize(
    ("where", "url"),
    [
        ("port", f"postgresql://user:{SECRET}@{NOBODY}/market"),
        ("folder", f"postgresql://user:{SECRET}@/market?host={{folder}}"),
        ("none", f"postgresql://user:{SECRET}@/market?host={{folder}}/none"),
    ],
)
async def test_a_database_that_is_not_there_is_named(where: str, url: str, tmp_path: Path) -> None:
    error = await _fault(_open(url.replace("{folder}", str(tmp_path))))
    assert isinstance(error, StoreUnavailable)
    place = {"port": NOBODY, "folder": str(tmp_path), "none": f"{tmp_path}/none"}[where]
    assert str(error) == f"DATABASE_URL: nothing listens at {place} (database market)"


async def test_a_wrong_database_name_is_a_bad_setting(postgres_url: str) -> None:
    url = urlunsplit(urlsplit(postgres_url)._replace(path="/nowhere"))
    error = await _fault(_open(url))
    assert isinstance(error, BadConfig)
    assert str(error).startswith("DATABASE_URL: ")
    assert "(database nowhere) does not exist" in str(error)


async def test_a_wrong_user_is_a_bad_setting(postgres_url: str) -> None:
    url = postgres_url.replace("//postgres@", f"//nobody:{SECRET}@")
    assert type(await _fault(_open(url))) is BadConfig


@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"mysql://user:{SECRET}@localhost/db",
        f"postgresql://user:{SECRET}@localhost:{SECRET}/db",
        f"postgresql://user:{SECRET}@[localhost/db",
        f"postgresql://user:{SECRET}@localhost/db?sslmode={SECRET}",
    ],
    ids=["word", "scheme", "port", "brackets", "option"],
)
async def test_a_url_that_cannot_be_read_is_a_bad_setting(url: str) -> None:
    error = await _fault(_open(url))
    assert isinstance(error, BadConfig)
    assert str(error).startswith("DATABASE_URL: ")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_cancel_backend(pg_backend_pid())",
        "DO $$ BEGIN RAISE SQLSTATE '53300'; END $$",  # too many connections
        "DO $$ BEGIN RAISE SQLSTATE '53100'; END $$",  # disk full
    ],
    ids=["terminated", "cancelled", "full house", "full disk"],
)
async def test_a_statement_that_the_server_gives_up_is_an_outage_and_the_next_one_works(
    database: Database, statement: str
) -> None:
    with pytest.raises(StoreUnavailable, match=r"^DATABASE_URL: "):
        await database.run(statement)
    with pytest.raises(StoreUnavailable, match=r"^DATABASE_URL: "):
        async with database.transaction() as connection:
            await connection.execute(statement)
    row = await database.fetch_one("SELECT 1 AS one")
    assert row is not None
    assert row["one"] == 1


async def test_a_statement_that_is_wrong_is_not_an_outage(database: Database) -> None:
    with pytest.raises(Exception, match='relation "nowhere" does not exist') as caught:
        await database.run("SELECT * FROM nowhere")
    assert not isinstance(caught.value, MarketDataError)


async def test_a_transaction_that_fails_writes_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO universe_versions (version_tag) VALUES ('1')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert list(await database.fetch("SELECT * FROM universe_versions")) == []


@pytest.mark.parametrize(
    ("url", "where"),
    [
        (f"redis://user:{SECRET}@{NOBODY}/0", NOBODY),
        (f"unix://user:{SECRET}@{{folder}}/none.sock", "{folder}/none.sock"),
    ],
    ids=["port", "socket"],
)
async def test_a_redis_that_is_not_there_is_named(url: str, where: str, tmp_path: Path) -> None:
    error = await _fault(_ping(url.replace("{folder}", str(tmp_path))))
    assert isinstance(error, StoreUnavailable)
    place = where.replace("{folder}", str(tmp_path))
    assert str(error) == f"RLC_REDIS_URL: nothing listens at {place}"


async def test_a_wrong_password_of_redis_is_not_told(redis_url: str) -> None:
    error = await _fault(_ping(redis_url.replace("unix://", f"unix://user:{SECRET}@")))
    assert type(error) is StoreUnavailable
    assert str(error).endswith("refuses the user or the password")


async def test_a_wrong_argument_of_a_command_of_redis_is_a_bug(redis_url: str) -> None:
    async with open_redis(redis_url) as redis:
        with pytest.raises(DataError), reachable(redis):
            await redis.set("name", None)  # type: ignore[arg-type]


async def _ping(url: str) -> None:
    async with open_redis(url) as redis:
        with reachable(redis):
            await redis.get("anything")
