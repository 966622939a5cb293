"""What befalls a service in operation: each a block, in which it is so and after which it is over."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp
import asyncpg

from beside import dumping
from frozen import frozen, frozen_postgres
from market_data.simulate import Fault as Answered
from market_data.simulate import Switched

from .drill import ROLE, START_SECONDS, Field, Replica, login

COMMAND_SECONDS = 30.0
"""How long a command may take beside a reader that holds every table, on a machine that does much else."""
PRICE_SECONDS = 5.0
"""How long an answer about a price may take then."""
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, and whether replicas are ready meanwhile (None: it depends)."""

    name: str
    strikes: Callable[[Field], AbstractAsyncContextManager[None]]
    ready: bool | None


@asynccontextmanager
async def administering(field: Field) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the administrator."""
    connection = await asyncpg.connect(field.postgres.url)
    try:
        yield connection
    finally:
        await connection.close()


async def statements(field: Field, *texts: str) -> None:
    async with administering(field) as connection:
        for text in texts:
            await connection.execute(text)


@asynccontextmanager
async def read_only(field: Field) -> AsyncIterator[None]:
    """The administrator forbids all writing."""
    setting = "ALTER SYSTEM {} default_transaction_read_only {}"
    await statements(field, setting.format("SET", "= on"), "SELECT pg_reload_conf()")
    yield
    async with administering(field) as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(setting.format("RESET", ""))
        await connection.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def standby(field: Field) -> AsyncIterator[None]:
    """A failover: at the address there is a standby, which is promoted in the end."""
    await asyncio.to_thread(field.postgres.__exit__, None, None, None)
    (field.data / "standby.signal").touch()
    await asyncio.to_thread(field.postgres.__enter__)
    yield
    await statements(field, "SELECT pg_promote()")


@asynccontextmanager
async def rotated_password(field: Field) -> AsyncIterator[None]:
    """The password is another one; in the end the replicas get it, one after the other."""
    url = await login(field.data, field.postgres.url, "the-second-password")
    async with administering(field) as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", ROLE
        )
    yield
    await deployed(field, DATABASE_URL=url)


@asynccontextmanager
async def long_reader(field: Field) -> AsyncIterator[None]:
    """A dump holds every table while replicas are deployed and commands are given."""
    async with dumping(field.postgres.url):
        await deployed(field)
        for words in (("migrate",), ("doctor",), ("universe", "list"), ("coverage", field.symbol)):
            await command(field, *words)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PRICE_SECONDS)) as session:
            for one in field.replicas:
                async with session.get(f"{one.url}/stocks/{field.symbol}/price") as reply:
                    assert reply.status == 200, await reply.text()
        yield


@asynccontextmanager
async def full_disk(field: Field) -> AsyncIterator[None]:
    """Nothing is left of the file system that the data are on."""
    ballast = field.data.parent / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass
    with suppress(asyncpg.PostgresError, OSError):  # what is left within its files is used up too
        await statements(
            field, "CREATE TABLE ballast AS SELECT repeat('x', 100) FROM generate_series(1, 1e7)"
        )
    yield
    ballast.unlink()
    # it may have ended: who operates it starts it again
    await asyncio.to_thread(field.postgres.__exit__, None, None, None)
    await asyncio.to_thread(field.postgres.__enter__)


def world_ahead(seconds: float) -> Callable[[Field], AbstractAsyncContextManager[None]]:
    """The machine's clock is wrong by so much, as providers see it; then it is set."""

    @asynccontextmanager
    async def strikes(field: Field) -> AsyncIterator[None]:
        field.world.ahead = seconds
        yield
        field.world.ahead = 0.0

    return strikes


def answered(fault: Answered, value: float) -> Callable[[Field], AbstractAsyncContextManager[None]]:
    """A provider answers like that."""

    @asynccontextmanager
    async def strikes(field: Field) -> AsyncIterator[None]:
        board = field.simulator.switchboard
        board.switch_on(Switched("binance", fault, value=value))
        yield
        board.switch_off()

    return strikes


@asynccontextmanager
async def postgres_stands_still(field: Field) -> AsyncIterator[None]:
    """Each process of PostgreSQL is stopped, none has ended."""
    async with frozen_postgres(field.data, field.postgres.url):
        yield


@asynccontextmanager
async def valkey_stands_still(field: Field) -> AsyncIterator[None]:
    """The process of Valkey is stopped."""
    with frozen([int((field.folder / "drill-valkey" / "valkey.pid").read_text())]):
        yield


@asynccontextmanager
async def replica_stands_still(field: Field) -> AsyncIterator[None]:
    """One of the replicas is stopped; it is not asked meanwhile."""
    one = field.replicas[0]
    url, one.url = one.url, ""
    one.signal(signal.SIGSTOP)
    yield
    one.signal(signal.SIGCONT)
    one.url = url


async def deployed(field: Field, **settings: str) -> None:
    """End each replica and wait until it is up again with its new settings, one after the other."""
    for one in field.replicas:
        one.environment = {**one.environment, **settings}
        one.signal(signal.SIGTERM)
        await up_again(one)


async def up_again(one: Replica) -> None:
    lives = len(one.ends)
    async with asyncio.timeout(START_SECONDS):
        while len(one.ends) == lives or not one.url:  # noqa: ASYNC110 - a process sends no event
            await asyncio.sleep(0.1)


async def command(field: Field, *words: str) -> None:
    """Give a command; it must do what it is for."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_data", *words),
        env=field.replicas[0].environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    assert process.returncode == 0, f"{words}: {said.decode()}"


FAULTS = (
    Fault("writing is forbidden", read_only, False),
    Fault("failover: a standby is at the address", standby, False),
    Fault("another password", rotated_password, False),
    Fault("a dump during a deployment and commands", long_reader, True),
    Fault("the world's clock is an hour ahead of ours", world_ahead(HOUR), True),
    Fault("our clock is an hour ahead of the world's", world_ahead(-HOUR), True),
    Fault("a provider sends a byte a second", answered(Answered.SLOW_BODY, 1), True),
    Fault("a provider sends 100 MB", answered(Answered.LARGE_BODY, 100), True),
    Fault("SIGSTOP of PostgreSQL", postgres_stands_still, False),
    Fault("SIGSTOP of Valkey", valkey_stands_still, True),
    Fault("SIGSTOP of a replica", replica_stands_still, True),
    Fault("the disk is full", full_disk, None),
)
