"""The only file that knows which implementation: puts the service together and takes it apart in order."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from market_data import closures, expire, refresh, timekeeping
from market_data.backfill.find import Finder
from market_data.backfill.rebase import Rebaser
from market_data.backfill.work import Worker
from market_data.calendar import hours_of
from market_data.collect.alone import Alone
from market_data.collect.coordinate import Coordinator
from market_data.collect.fetch import Fetcher
from market_data.collect.intake import Intake
from market_data.collect.quote import Quoter
from market_data.collect.quotes import QuoteSweeper
from market_data.collect.sweep import Sweeper, Sweeps
from market_data.events import Event, SchemaNoticed, Tell
from market_data.gather import Gather
from market_data.hosting import Stores
from market_data.ingest import Ingest
from market_data.loops import Loop, Loops, Step, Tasks, each, shared
from market_data.market.instrument import AssetType
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.push.hub import Hub
from market_data.push.quotes import Quotes
from market_data.queue import Queue
from market_data.queue.intake import Orders
from market_data.reload import Reload, Reread
from market_data.replicas import Replicas
from market_data.route.account import accounts
from market_data.route.budget import QUIET_SECONDS, Budget
from market_data.route.call import Caller
from market_data.route.roster import Roster
from market_data.route.router import Router, Sleep
from market_data.route.vendor_time import VendorTime
from market_data.serve.parts import Parts
from market_data.settings import Configuration, InForce
from market_data.store import cursor
from market_data.store.connect import Database, check, migrate, open_database
from market_data.store.redis import open_any
from market_data.stream import Stream
from market_data.telemetry import logs
from market_data.telemetry.metrics import Metrics
from market_data.telemetry.scrape import Scrape
from market_data.telemetry.stalls import watched
from market_data.ticker import Ticker
from market_data.transport import Transport

Clock = Callable[[], float]


@asynccontextmanager
async def service(
    configuration: Configuration, at: Stores, *, reread: Reread | None = None, clock: Clock = time.time
) -> AsyncIterator[Parts]:
    """The running service: stores opened, the schema up to date, loops under way; all stopped when the block
    ends.

    `reread` reads the configuration's sources anew for a reload; without it the configuration stays.

    Raises StoreUnavailable or BadConfig if it cannot start.
    """
    metrics, in_force = Metrics(), InForce(configuration)

    def tell(event: Event) -> None:
        metrics.tell(event)
        logs.tell(event)

    async with AsyncExitStack() as stack:
        # the calendar takes a second to load: beside the database, not after it
        calendar = shared(asyncio.to_thread(hours_of, "XNYS", AssetType.EQUITY))
        stack.push_async_callback(_ended, calendar)
        database = await stack.enter_async_context(
            open_database(at.database_url, in_force.settings.database_pool_size)
        )
        redis = await open_any(at.redis_url)
        stack.push_async_callback(redis.aclose)
        await migrate(database, lambda reason: tell(SchemaNoticed(reason)))
        await _fits(database, tell)
        await stack.enter_async_context(closures.in_force(database))
        transport = await stack.enter_async_context(Transport())
        vendor_time = VendorTime(clock)
        assembly = _Assembly(in_force, database, redis, transport, tell, vendor_time.now, vendor_time)
        if at.redis_is_ours or await _quiet(database, clock()):
            await assembly.budget.vouch(discover())
        parts = assembly.parts(metrics, reread or (lambda _: configuration))
        await calendar
        stack.enter_context(watched(metrics.histogram("event_loop_stall_ms").observe, tell))
        parts.loops.start()
        stack.push_async_callback(_gone, parts)
        yield parts


@asynccontextmanager
async def coordinator(
    configuration: Configuration, at: Stores, *, clock: Clock = time.time
) -> AsyncIterator[Loops]:
    """The rate-limit coordinator over opened stores; its loop, to be started, ends with the block.

    Raises StoreUnavailable or BadConfig if it cannot start.
    """
    in_force, tell, name = InForce(configuration), logs.tell, _name()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(at.database_url, 2))
        redis = await open_any(at.redis_url)
        stack.push_async_callback(redis.aclose)
        await _fits(database, tell)
        await stack.enter_async_context(closures.in_force(database))
        providers = discover()
        roster = Roster(providers, accounts(configuration, providers), in_force, clock)
        queue = Queue(redis, name)
        work = Coordinator(
            redis=redis,
            sweeper=Sweeper(database, queue, roster, tell),
            quotes=QuoteSweeper(database, queue, roster),
            roster=roster,
            name=name,
            tell=tell,
            clock=clock,
        )
        follow: dict[str, Loop] = {"calendar": lambda: closures.follow(database, tell)}
        loops = Loops({"coordinate": work.run}, follow, tell)
        stack.push_async_callback(loops.stop)
        yield loops


@dataclass(frozen=True)
class _Assembly:
    """The parts over opened stores, each made when it is first needed."""

    in_force: InForce
    database: Database
    redis: Redis
    transport: Transport
    tell: Tell
    clock: Clock  # ours, where it is wrong that of the providers
    vendor_time: VendorTime

    @cached_property
    def replicas(self) -> Replicas:
        return Replicas(self.redis, _name(), self.tell)

    @cached_property
    def queue(self) -> Queue:
        return Queue(self.redis, self.replicas.name, self.tell, self.clock)

    @cached_property
    def budget(self) -> Budget:
        return Budget(self.redis, others=self.replicas)

    @cached_property
    def router(self) -> Router:
        return routing(
            self.in_force,
            self.transport,
            self.budget,
            tell=self.tell,
            clock=self.clock,
            vendor_time=self.vendor_time,
        )

    @cached_property
    def stream(self) -> Stream:
        return Stream(self.redis)

    @cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.database, self.stream, self.clock)

    @cached_property
    def hub(self) -> Hub:
        return Hub(
            database=self.database,
            stream=self.stream,
            publisher=self.publisher,
            newest=lambda: self.in_force.settings.ws_replay_max_bars,
            tell=self.tell,
            clock=self.clock,
        )

    @cached_property
    def finder(self) -> Finder:
        return Finder(self.database, self.router.roster, self.in_force, self.tell, self.clock)

    @cached_property
    def gather(self) -> Gather:
        ingest = Ingest(self.database, self.publisher, self.tell, self.clock, self.in_force)
        return Gather(self.router, ingest, self.clock, Rebaser(self.database, self.tell).look)

    @cached_property
    def ticker(self) -> Ticker:
        return Ticker(self.redis)

    @cached_property
    def quoter(self) -> Quoter:
        return Quoter(
            router=self.router,
            database=self.database,
            ticker=self.ticker,
            tell=self.tell,
            clock=self.clock,
        )

    @cached_property
    def quotes(self) -> Quotes:
        return Quotes(self.ticker)

    @cached_property
    def fetcher(self) -> Fetcher:
        return Fetcher(
            queue=self.queue,
            gather=self.gather,
            quoter=self.quoter,
            incomplete=self.finder.look,
            tell=self.tell,
            clock=self.clock,
        )

    @cached_property
    def sweeper(self) -> Sweeper:
        return Sweeper(self.database, self.queue, self.router.roster, self.tell)

    @cached_property
    def quote_sweeper(self) -> QuoteSweeper:
        return QuoteSweeper(self.database, self.queue, self.router.roster)

    @cached_property
    def sweeps(self) -> Sweeps:
        return Sweeps(self.in_force, self.clock)

    @cached_property
    def intake(self) -> Intake:
        return Intake(
            orders=Orders(self.redis, self.replicas.name),
            queue=self.queue,
            database=self.database,
            backfill=lambda one, interval, span, tier: self.finder.series(
                one, interval, span, asked_for=tier
            ),
            in_force=self.in_force,
            tell=self.tell,
            clock=self.clock,
        )

    @cached_property
    def alone(self) -> Alone:
        return Alone(
            replicas=self.replicas,
            sweeper=self.sweeper,
            quotes=self.quote_sweeper,
            fetcher=self.fetcher,
            in_force=self.in_force,
            clock=self.clock,
        )

    def loops(self) -> Loops:
        """What finds and does work, and what serves."""
        worker = Worker(
            database=self.database,
            gather=self.gather,
            in_force=self.in_force,
            owner=self.replicas.name,
            tell=self.tell,
            clock=self.clock,
        )
        work: dict[str, Loop] = {
            "fetch": self.fetcher.work,
            "sweep": lambda: self.sweeps.run(
                self.sweeper.sweep, lambda: self.in_force.settings.local_sweep_tick_sec
            ),
            "quotes": lambda: Sweeps(self.in_force, self.clock).run(
                self.quote_sweeper.sweep, lambda: self.quote_sweeper.tick
            ),
            "alone": self.alone.run,
            "intake": self.intake.run,
            "scan": self.finder.run,
            "backfill": worker.run,
            "expire": lambda: expire.run(self.database, self.in_force, self.tell, self.vendor_time),
            "clock": lambda: timekeeping.run(self.database, self.vendor_time, self.tell),
            "refresh": lambda: refresh.run(self.database, self.in_force, self.tell),
        }
        return Loops(work, self._serving(), self.tell)

    def _serving(self) -> dict[str, Loop]:
        return {
            "replicas": self.replicas.run,
            "budget": self.budget.watch,
            "push": self.hub.run,
            "heartbeat": self.hub.beat,
            "ticker": self.quotes.run,
            "publish": self.publisher.run,
            "calendar": lambda: closures.follow(self.database, self.tell),
        }

    def parts(self, metrics: Metrics, reread: Reread) -> Parts:
        """All of it, as the handlers see it."""
        in_force = self.in_force
        scrape = Scrape(
            metrics,
            database=self.database,
            redis=self.redis,
            queue=self.queue,
            router=self.router,
            hub=self.hub,
            in_force=in_force,
            clock=self.clock,
        )
        return Parts(
            in_force=in_force,
            reload=Reload(in_force, self.router, reread, lambda: logs.set_up(in_force.configuration)),
            database=self.database,
            redis=self.redis,
            queue=self.queue,
            replicas=self.replicas,
            router=self.router,
            hub=self.hub,
            fetcher=self.fetcher,
            quoter=self.quoter,
            quotes=self.quotes,
            finder=self.finder,
            intake=self.intake,
            loops=self.loops(),
            following=Tasks("client", self.tell),
            tell=self.tell,
            clock=self.clock,
            started_at=self.clock(),
            swept_at=lambda: self.sweeps.at,
            metrics_text=scrape.text,
        )


async def _fits(database: Database, tell: Tell) -> None:
    """BadConfig unless the schema is one that this program can work with."""
    if warning := await check(database):
        tell(SchemaNoticed(warning))


async def _quiet(database: Database, now: float) -> bool:
    """Whether so long ago is the last call that no Redis needs to know of it."""
    asked = await cursor.last_asked(database)
    return asked is None or abs(now - asked) > QUIET_SECONDS


async def _gone(parts: Parts) -> None:
    """End the loops, and be no replica any more; what cannot be done of it the others see by themselves."""
    await parts.loops.stop()
    steps: list[tuple[str, Step]] = [
        ("end the clients", lambda: parts.following.stop(0.0)),
        ("leave the replicas", parts.replicas.leave),
        ("leave the queue", parts.queue.leave),
    ]
    await each(steps, parts.tell)


def _name() -> str:
    """What this replica is called in Redis and in the ledger: another each time that it starts."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"


def routing(
    in_force: InForce,
    transport: Transport,
    budget: Budget,
    *,
    tell: Tell,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
    vendor_time: VendorTime | None = None,
) -> Router:
    """A router over every provider that is installed, with the accounts of the configuration in force."""
    providers = discover()
    roster = Roster(providers, accounts(in_force.configuration, providers), in_force, clock)
    caller = Caller(roster, transport, budget, tell=tell, clock=clock, vendor_time=vendor_time)
    return Router(roster, caller, clock, sleep)


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})
