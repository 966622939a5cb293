"""The real service over real stores and the provider simulator, asked over a real connection."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect

from market_data.calendar import hours_of
from market_data.hosting import Stores
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Bars, Row
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch
from market_data.provider import Reach
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.serve.app import build
from market_data.serve.parts import Parts
from market_data.serve.server import address, answer, listen
from market_data.serve.socket import Sockets
from market_data.settings import Configuration, read
from market_data.simulate import Plan, Running, SimulatorConfig, start
from market_data.store import universe
from market_data.stream import Stream
from market_data.wiring import service
from unheld import never_held

NOW = "2024-07-03T15:00:30Z"
"""A half day: New York trades from 13:30 to 17:00."""
PATIENCE_SECONDS = 20.0
"""How long anything that must happen may take to happen."""

AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
BITCOIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)
REACH = Reach("candles", frozenset(AssetType))


FIRST_THREE = ("finnhub", "yahoo", "alphavantage")
ONLY_THREE = ",".join(sorted(set(discover()) - set(FIRST_THREE)))
"""For PROVIDERS_DISABLED, where a test says who answers."""


def at(text: str) -> int:
    """Epoch seconds of an ISO time."""
    return epoch(datetime.fromisoformat(text))


@dataclass
class Clock:
    """Stands still until it is turned, or runs `pace` times as fast as the world's."""

    now: float
    pace: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def __call__(self) -> float:
        return self.now + (time.monotonic() - self.started) * self.pace


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]  # names in lower case
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> Any:
        """The body, which has to be a problem document."""
        assert self.headers["content-type"] == "application/problem+json", self.text
        assert self.json["status"] == self.status
        return self.json


@dataclass(frozen=True)
class Served:
    """A service that answers at `url`."""

    url: str
    parts: Parts
    simulator: Running
    clock: Clock
    session: aiohttp.ClientSession
    stop: Callable[[], Coroutine[None, None, None]]

    async def ask(self, method: str, path: str, **options: Any) -> Got:
        async with self.session.request(method, self.url + path, **options) as reply:
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return Got(reply.status, headers, await reply.text())

    async def get(self, path: str, **params: object) -> Got:
        return await self.ask("GET", path, params={name: str(value) for name, value in params.items()})

    def follow(self, symbol: str = "", **options: Any) -> connect:
        """A client of the WebSocket, as an async context manager."""
        return connect(f"ws{self.url[4:]}/ws/{symbol}".rstrip("/"), proxy=None, **options)

    async def write(self, bars: Iterable[Row], *, symbol: str = "AAPL", provider: str = "yahoo") -> None:
        """Bars as a provider told them, taken in by the one way in."""
        instrument = await universe.find(self.parts.database, symbol)
        assert instrument is not None
        told = Bars.of(bars)
        publisher = Publisher(self.parts.database, Stream(self.parts.redis), self.clock)
        ingest = Ingest(self.parts.database, publisher, lambda _: None, self.clock)
        await ingest(
            Delivery(
                symbol=symbol,
                interval=Interval.M1,
                span=Span(int(told.ts.min()), int(told.ts.max()) + 60),
                hours=hours_of(instrument.exchange, instrument.asset_type),
                provider=provider,
                reach=REACH,
                bars=told,
                asked_at=self.clock(),
            )
        )


Serving = Callable[..., Awaitable[Served]]


def minutes(first: str, count: int, price: float = 100.0) -> list[Row]:
    """Bars of consecutive minutes; each minute's close is one above the one before."""
    return [
        (at(first) + 60 * i, price + i, price + i + 0.5, price + i - 0.5, price + i, 10.0)
        for i in range(count)
    ]


async def until(done: Callable[[], bool], what: str) -> None:
    """Wait until `done`, or fail after PATIENCE_SECONDS."""
    for pause in pauses():
        if done():
            return
        await asyncio.sleep(pause)
    pytest.fail(f"not within {PATIENCE_SECONDS:g} s: {what}")


def pauses() -> Iterator[float]:
    """How long to sleep between two looks, for PATIENCE_SECONDS in all."""
    waited, pause = 0.0, 0.01
    while waited < PATIENCE_SECONDS:
        yield pause
        waited, pause = waited + pause, min(pause * 1.5, 0.25)


async def told(client: ClientConnection) -> Any:
    """The next message that is no heartbeat."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            message = json.loads(await client.recv())
            if message["type"] != "heartbeat":
                return message


@pytest.fixture
async def serving(postgres_url: str, redis_url: str) -> AsyncIterator[Serving]:
    """Starts services: `await serving(LOCAL_SWEEP_ENABLED="true")`; all stop when the test ends."""
    async with AsyncExitStack() as stack:

        async def served(
            clock: Clock | None = None,
            stores: Stores | None = None,
            recorded: Mapping[str, Path] | None = None,
            providers_clock: Clock | None = None,
            **settings: str,
        ) -> Served:
            at_stores, ours = stores or Stores(postgres_url, redis_url), clock or Clock(at(NOW))
            running = _serving(ours, providers_clock or ours, at_stores, recorded or {}, settings)
            return await stack.enter_async_context(running)

        yield served


@pytest.fixture
async def served(serving: Serving) -> Served:
    """A service with AAPL and BTC-USD that collects nothing by itself, at NOW."""
    found = await serving()
    await universe.put(found.parts.database, [AAPL, BITCOIN])
    return found


@asynccontextmanager
async def _serving(
    clock: Clock,
    providers_clock: Clock,
    stores: Stores,
    recorded: Mapping[str, Path],
    settings: dict[str, str],
) -> AsyncIterator[Served]:
    async with AsyncExitStack() as stack:
        plans = dict.fromkeys(discover(), Plan.UNLIMITED)
        simulator = await stack.enter_async_context(
            await start(SimulatorConfig(plans=plans, recorded=recorded), providers_clock)
        )
        environment = {
            "LOCAL_SWEEP_ENABLED": "false",
            "SLO_SCAN_SEC": "0",
            **_accounts(simulator),
            **settings,
        }

        def reread(over: Mapping[str, str]) -> Configuration:
            return read({**environment, **over}, dotenv=None)

        running = service(reread({}), stores, reread=reread, clock=clock)
        parts = await stack.enter_async_context(running)
        listener = stack.enter_context(listen("127.0.0.1", 0))
        app = await asyncio.to_thread(build, parts)
        answering = asyncio.create_task(answer(app, Sockets(parts), listener, parts.loops.finish_work))

        async def stop() -> None:
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering

        stack.push_async_callback(stop)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS))
        )
        with never_held():
            yield Served(address(listener), parts, simulator, clock, session, stop)


def _accounts(simulator: Running) -> dict[str, str]:
    found = {}
    for name, provider in discover().items():
        prefix = provider.facts.settings_prefix
        found[f"{prefix}_BASE_URL"] = simulator.base_urls[name]
        found[f"{prefix}_API_KEY"] = f"secret-of-{name}"
        found[f"{prefix}_SECRET"] = f"secret-of-{name}-too"
        found[f"{prefix}_LIMITS"] = "1000/1"
    return found
