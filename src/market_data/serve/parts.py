"""What the handlers work with: the parts of the service that wiring has put together."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from litestar.params import Dependency
from redis.asyncio import Redis

from market_data.events import Tell
from market_data.market.instrument import AssetType, Instrument
from market_data.push.hub import Hub
from market_data.queue import Queue
from market_data.route.router import Router
from market_data.settings import Configuration, Settings
from market_data.store.connect import Database
from market_data.store.quotes import KnownQuote


@dataclass(frozen=True, slots=True)
class Parts:
    """The service as the handlers see it. Times are epoch seconds."""

    configuration: Configuration
    database: Database
    redis: Redis
    queue: Queue
    router: Router
    hub: Hub
    tell: Tell
    clock: Callable[[], float]
    started_at: float
    swept_at: Callable[[], float | None]  # when this replica last looked whether a sweep was due
    metrics_text: Callable[[], Awaitable[bytes]]
    fetch_quote: Callable[[str, AssetType], Awaitable[KnownQuote]]
    find: Callable[[str], Awaitable[Instrument]]  # BadQuestion (404) where the universe does not hold it

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.configuration.settings


Given = Annotated[Parts, Dependency(skip_validation=True)]
"""The type of a handler's `parts` argument."""
