"""The only file that knows which implementation: puts the service together and takes it apart in order."""

import asyncio
import fcntl
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from market_data.calendar import hours_of
from market_data.collect.fetch import Fetcher
from market_data.collect.sweep import Sweeper
from market_data.errors import BadConfig, MarketDataError
from market_data.events import Event, LoopFailed, Tell
from market_data.ingest import Ingest
from market_data.market.instrument import AssetType
from market_data.provider import Account, Facts, Limit, Provider
from market_data.providers import discover
from market_data.push.hub import Hub
from market_data.queue import Queue
from market_data.route.budget import Budget
from market_data.route.router import Router
from market_data.serve.parts import Parts
from market_data.settings import Configuration, Settings
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from market_data.store.redis import open_redis
from market_data.stream import Stream
from market_data.telemetry import logs
from market_data.telemetry.metrics import Metrics
from market_data.telemetry.scrape import Scrape
from market_data.transport import Transport

PAUSE_SECONDS = 2.0
"""How long a loop that failed waits before it starts again."""

Clock = Callable[[], float]
Loop = Callable[[], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the stores are."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database that the settings name; an embedded one runs while the block does."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    async with _running(EmbeddedPostgres(_writable(settings.data_dir) / "postgres")) as url:
        yield url


@asynccontextmanager
async def redis_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the Redis that the settings name; an embedded Valkey runs while the block does.

    The embedded one has one user at a time: see `alone`.
    """
    if settings.rlc_redis_url is not None:
        yield settings.rlc_redis_url.get_secret_value()
        return
    async with _running(EmbeddedValkey(_writable(settings.data_dir) / "valkey")) as url:
        yield url


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold the folder of the embedded servers while the block runs; BadConfig if another service has it.

    Commands share the embedded PostgreSQL with a running service. A second service may not: it would stop
    the first one's Valkey as the left-over of a crash. The system lets go of the lock however we end.
    """
    if settings.database_url is not None and settings.rlc_redis_url is not None:
        yield
        return
    folder = _writable(settings.data_dir)
    with (folder / "service.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadConfig(
                [f"DATA_DIR: another service is running on {folder}: stop it, or choose another folder"]
            ) from None
        yield


@asynccontextmanager
async def _running(server: EmbeddedPostgres | EmbeddedValkey) -> AsyncIterator[str]:
    """The URL of an embedded server that runs while the block does; a start that is given up is undone."""
    starting = asyncio.create_task(asyncio.to_thread(server.__enter__))
    try:
        await asyncio.shield(starting)
        yield server.url
    finally:
        await asyncio.wait({starting})
        if starting.exception() is None:
            await asyncio.to_thread(server.__exit__, None, None, None)


def _writable(folder: Path) -> Path:
    """The folder, made if need be; BadConfig if nothing can be kept there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
    except OSError as error:
        raise BadConfig([f"DATA_DIR: {folder} cannot be written ({error.strerror})"]) from None
    return folder.resolve()


def accounts(configuration: Configuration, providers: Mapping[str, Provider]) -> dict[str, Account]:
    """What the operator has with each provider; BadConfig for limits that cannot be read."""
    return {name: _account(configuration, provider.facts) for name, provider in providers.items()}


def read_limits(text: str) -> tuple[Limit, ...]:
    """Limits spelled `30/1,60/60`: calls, a slash, seconds. Raises ValueError."""
    limits = []
    for part in text.split(","):
        calls, _, seconds = part.partition("/")
        if not (calls.strip().isdigit() and seconds.strip().isdigit() and int(calls) and int(seconds)):
            raise ValueError(f"{part.strip()!r} is not calls/seconds, as in 60/60")
        limits.append(Limit(int(calls), int(seconds)))
    return tuple(limits)


def _account(configuration: Configuration, facts: Facts) -> Account:
    def setting(suffix: str) -> str:
        value = configuration.of_providers.get(f"{facts.settings_prefix}_{suffix}")
        return value.get_secret_value() if value else ""

    try:
        limits = read_limits(setting("LIMITS")) if setting("LIMITS") else facts.limits
    except ValueError as error:
        raise BadConfig([f"{facts.settings_prefix}_LIMITS: {error}"]) from None
    return Account(
        base_url=(setting("BASE_URL") or facts.base_url).rstrip("/"),
        limits=limits,
        key=setting("API_KEY"),
        secret=setting("SECRET"),
    )


class _Sweeps:
    """When this replica last went through a sweep, its own or one that another replica had done."""

    def __init__(self) -> None:
        self.at: float | None = None


@asynccontextmanager
async def service(
    configuration: Configuration, at: Stores, *, clock: Clock = time.time
) -> AsyncIterator[Parts]:
    """The running service: stores opened and migrated, loops under way; all stopped when the block ends.

    Raises StoreUnavailable or BadConfig if it cannot start.
    """
    settings, metrics = configuration.settings, Metrics()

    def tell(event: Event) -> None:
        metrics.tell(event)
        logs.tell(event)

    async with AsyncExitStack() as stack:
        # the calendar takes a second to load: beside the database, not after it
        calendar = asyncio.create_task(asyncio.to_thread(hours_of, "XNYS", AssetType.EQUITY))
        stack.push_async_callback(_stopped, calendar)
        database = await stack.enter_async_context(
            open_database(at.database_url, settings.database_pool_size)
        )
        redis = open_redis(at.redis_url)
        stack.push_async_callback(redis.aclose)
        await migrate(database)
        transport = await stack.enter_async_context(Transport())
        parts, loops = _assembled(
            configuration,
            database=database,
            redis=redis,
            transport=transport,
            metrics=metrics,
            tell=tell,
            clock=clock,
        )
        await parts.queue.open()
        await calendar
        for name, loop in loops.items():
            task = asyncio.create_task(_kept_up(name, loop, tell), name=name)
            stack.push_async_callback(_stopped, task)
        yield parts


def _assembled(
    configuration: Configuration,
    *,
    database: Database,
    redis: Redis,
    transport: Transport,
    metrics: Metrics,
    tell: Tell,
    clock: Clock,
) -> tuple[Parts, dict[str, Loop]]:
    """The parts, and the loops that keep them going."""
    settings, providers, stream = configuration.settings, discover(), Stream(redis)
    queue = Queue(redis, f"{socket.gethostname()}-{os.getpid()}", tell)
    known = accounts(configuration, providers)
    router = Router(providers, known, settings, transport, Budget(redis), tell=tell, clock=clock)
    hub = Hub(stream, settings.ws_outbox_max_messages, tell, clock)
    ingest = Ingest(database, stream, tell, clock)
    fetcher = Fetcher(queue=queue, router=router, ingest=ingest, database=database, tell=tell, clock=clock)
    sweeper = Sweeper(database, queue, settings, providers, tell)
    scrape = Scrape(
        metrics, database=database, queue=queue, router=router, hub=hub, settings=settings, clock=clock
    )
    sweeps = _Sweeps()
    loops: dict[str, Loop] = {"push": hub.run, "fetch": lambda: fetcher.work(settings.fetch_concurrency)}
    if settings.local_sweep_enabled:
        loops["sweep"] = lambda: _sweep(sweeper, sweeps, settings.local_sweep_tick_sec, clock)
    parts = Parts(
        configuration=configuration,
        database=database,
        redis=redis,
        queue=queue,
        router=router,
        hub=hub,
        fetcher=fetcher,
        clock=clock,
        started_at=clock(),
        swept_at=lambda: sweeps.at,
        metrics_text=scrape.text,
    )
    return parts, loops


async def _sweep(sweeper: Sweeper, sweeps: _Sweeps, tick: float, clock: Clock) -> None:
    """Sweep at once, then at every tick."""
    while True:
        now = clock()
        await sweeper.sweep(now)
        sweeps.at = now  # not before: one that hangs must be seen to be late
        # from the tick just swept, not from the clock: a timer that fires a little early would skip one
        following = (now // tick + 1) * tick
        await asyncio.sleep(max(following - clock(), 0.0))


async def _kept_up(name: str, loop: Loop, tell: Tell) -> None:
    """Run a loop for ever: an error ends it, is told, and after a pause it starts again."""
    while True:
        try:
            await loop()
        except MarketDataError as error:
            tell(LoopFailed(name, str(error)))
        except Exception as error:  # noqa: BLE001 - a bug in one unit of work must not end collection
            tell(LoopFailed(name, f"{type(error).__name__}: {error}"))
        await asyncio.sleep(PAUSE_SECONDS)


async def _stopped(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})
