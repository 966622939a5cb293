"""The only file that knows which implementation: puts the service together and takes it apart in order."""

import asyncio
import fcntl
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from market_data.backfill.find import Finder
from market_data.backfill.work import Worker
from market_data.calendar import hours_of
from market_data.collect.fetch import Fetcher
from market_data.collect.sweep import Sweeper
from market_data.errors import BadConfig, MarketDataError
from market_data.events import Event, LoopFailed, Tell
from market_data.gather import Gather
from market_data.ingest import Ingest
from market_data.market.instrument import AssetType
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.push.hub import Hub
from market_data.queue import Queue
from market_data.reload import Reload, Reread
from market_data.route.account import accounts
from market_data.route.budget import Budget
from market_data.route.call import Caller
from market_data.route.roster import Roster
from market_data.route.router import Router, Sleep
from market_data.serve.parts import Parts
from market_data.settings import Configuration, InForce, Settings
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


def _log(settings: Settings) -> None:
    logs.set_up(settings.log_level, settings.log_format)


class _Sweeps:
    """When this replica last went through a sweep, its own or one that another replica had done."""

    def __init__(self) -> None:
        self.at: float | None = None


@asynccontextmanager
async def service(
    configuration: Configuration, at: Stores, *, reread: Reread | None = None, clock: Clock = time.time
) -> AsyncIterator[Parts]:
    """The running service: stores opened and migrated, loops under way; all stopped when the block ends.

    `reread` reads the configuration's sources anew for a reload; without it the configuration stays.

    Raises StoreUnavailable or BadConfig if it cannot start.
    """
    metrics, in_force = Metrics(), InForce(configuration)

    def tell(event: Event) -> None:
        metrics.tell(event)
        logs.tell(event)

    async with AsyncExitStack() as stack:
        # the calendar takes a second to load: beside the database, not after it
        calendar = asyncio.create_task(asyncio.to_thread(hours_of, "XNYS", AssetType.EQUITY))
        stack.push_async_callback(_stopped, calendar)
        database = await stack.enter_async_context(
            open_database(at.database_url, in_force.settings.database_pool_size)
        )
        redis = open_redis(at.redis_url)
        stack.push_async_callback(redis.aclose)
        await migrate(database)
        transport = await stack.enter_async_context(Transport())
        parts, loops = _assembled(
            in_force,
            reread or (lambda _: configuration),
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
    in_force: InForce,
    reread: Reread,
    *,
    database: Database,
    redis: Redis,
    transport: Transport,
    metrics: Metrics,
    tell: Tell,
    clock: Clock,
) -> tuple[Parts, dict[str, Loop]]:
    """The parts, and the loops that keep them going."""
    queue = Queue(redis, _name(), tell)
    router = routing(in_force, transport, Budget(redis), tell=tell, clock=clock)
    publisher, hub = _streaming(in_force, database, redis, tell, clock)
    finder = Finder(database, in_force, tell, clock)
    gather = Gather(router, Ingest(database, publisher, tell, clock), clock)
    fetcher = Fetcher(
        queue=queue, gather=gather, database=database, incomplete=finder.look, tell=tell, clock=clock
    )
    owner = f"{_name()}-{uuid4().hex[:8]}"
    worker = Worker(database=database, gather=gather, in_force=in_force, owner=owner, tell=tell, clock=clock)
    sweeper, sweeps = Sweeper(database, queue, router.roster, tell), _Sweeps()
    scrape = Scrape(
        metrics, database=database, queue=queue, router=router, hub=hub, in_force=in_force, clock=clock
    )
    loops: dict[str, Loop] = {
        "push": hub.run,
        "heartbeat": hub.beat,
        "publish": publisher.run,
        "fetch": fetcher.work,
        "sweep": lambda: _sweep(sweeper, sweeps, in_force, clock),
        "scan": lambda: _scan(finder, in_force),
        "backfill": worker.run,
    }
    parts = Parts(
        in_force=in_force,
        reload=Reload(in_force, router.roster, reread, lambda: _log(in_force.settings)),
        database=database,
        redis=redis,
        queue=queue,
        router=router,
        hub=hub,
        fetcher=fetcher,
        finder=finder,
        tell=tell,
        clock=clock,
        started_at=clock(),
        swept_at=lambda: sweeps.at,
        metrics_text=scrape.text,
    )
    return parts, loops


def _streaming(
    in_force: InForce, database: Database, redis: Redis, tell: Tell, clock: Clock
) -> tuple[Publisher, Hub]:
    """What brings bars onto the stream, and from it to the clients."""
    stream = Stream(redis)
    publisher = Publisher(database, stream, clock)
    hub = Hub(
        database=database,
        stream=stream,
        publisher=publisher,
        newest=lambda: in_force.settings.ws_replay_max_bars,
        tell=tell,
        clock=clock,
    )
    return publisher, hub


def _name() -> str:
    """What this replica is called in Redis and in the ledger."""
    return f"{socket.gethostname()}-{os.getpid()}"


def routing(
    in_force: InForce,
    transport: Transport,
    budget: Budget,
    *,
    tell: Tell,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> Router:
    """A router over every provider that is installed, with the accounts of the configuration in force."""
    providers = discover()
    roster = Roster(providers, accounts(in_force.configuration, providers), in_force, clock)
    return Router(roster, Caller(roster, transport, budget, tell=tell, clock=clock), clock, sleep)


async def _sweep(sweeper: Sweeper, sweeps: _Sweeps, in_force: InForce, clock: Clock) -> None:
    """Sweep at once, then at every tick, while sweeping is enabled."""
    while True:
        now = clock()
        if in_force.settings.local_sweep_enabled:
            await sweeper.sweep(now)
            sweeps.at = now  # not before: one that hangs must be seen to be late
        # from the tick just swept, not from the clock: a timer that fires a little early would skip one
        tick = in_force.settings.local_sweep_tick_sec
        following = (now // tick + 1) * tick
        await asyncio.sleep(max(following - clock(), 0.0))


async def _scan(finder: Finder, in_force: InForce) -> None:
    """Look for gaps at once, then again and again, while sweeping is enabled."""
    while True:
        if in_force.settings.local_sweep_enabled:
            await finder.scan()
        await asyncio.sleep(in_force.settings.gap_scan_sec)


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
