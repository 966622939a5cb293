"""What the handlers work with: the parts of the service that wiring has put together."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from litestar.di import NamedDependency
from litestar.params import SkipValidation
from redis.asyncio import Redis

from market_data.backfill.find import Finder
from market_data.calendar import check_row
from market_data.collect.fetch import Fetcher
from market_data.collect.intake import Intake
from market_data.collect.quote import Quoter
from market_data.errors import BadQuestion
from market_data.events import Tell
from market_data.loops import Loops, Tasks
from market_data.market.foreign import exchange_of
from market_data.market.instrument import Instrument, read_symbol
from market_data.push.client import Client, Desk
from market_data.push.hub import Hub
from market_data.push.quotes import Quotes
from market_data.queue import Queue
from market_data.reload import Reload
from market_data.replicas import Replicas
from market_data.route.router import Router
from market_data.settings import InForce, Settings
from market_data.store import quotes, universe
from market_data.store.connect import Database
from market_data.store.quotes import KnownQuote

COVERAGE_AT_ONCE = 2
"""Answers of /stats/coverage that one replica computes at the same time; the others wait."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The service as the handlers see it. Times are epoch seconds."""

    in_force: InForce
    reload: Reload
    database: Database
    redis: Redis
    queue: Queue
    replicas: Replicas
    router: Router
    hub: Hub
    fetcher: Fetcher
    quoter: Quoter
    quotes: Quotes
    finder: Finder
    intake: Intake
    loops: Loops
    following: Tasks[Client]  # what clients of the stream ask for is done there
    tell: Tell
    clock: Callable[[], float]
    started_at: float
    swept_at: Callable[[], float | None]  # when this replica last went through a sweep, its own or another's
    metrics_text: Callable[[], Awaitable[bytes]]
    asking: "dict[str, asyncio.Task[KnownQuote]]" = field(default_factory=dict)
    """By symbol, the question for a quote that is under way: callers share it."""

    covering: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(COVERAGE_AT_ONCE))

    async def find(self, symbol: str) -> Instrument:
        """The instrument of a symbol; BadQuestion (404) where the universe does not hold it, NoCalendar (422)
        where the exchange of its row is unknown."""
        try:
            name = read_symbol(symbol)
        except ValueError as error:
            raise BadQuestion(str(error), status=404) from None
        found = await universe.named(self.database, name)
        if found is None:
            if now := await universe.renamed(self.database, name):
                raise BadQuestion(f"{name} is {now[0]} since {now[1]:%Y-%m-%d}: ask for that", status=404)
            home = f" --exchange {exchange}" if (exchange := exchange_of(name)) else ""
            raise BadQuestion(
                f"{name} is not in the universe: `market-data universe add {name}{home}` adds it", status=404
            )
        check_row(found)
        return found

    @property
    def desk(self) -> Desk:
        """What clients of the stream are served from, with the settings in force."""
        return Desk(
            hub=self.hub,
            quotes=self.quotes,
            find=self.find,
            quote=lambda symbol: quotes.newest(self.database, symbol),
            tell=self.tell,
            outbox_size=self.settings.ws_outbox_max_messages,
            most_symbols=self.settings.ws_max_symbols,
            now=time.monotonic,
        )

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.in_force.settings


Given = NamedDependency[SkipValidation[Parts]]
"""The type of a handler's `parts` argument."""
