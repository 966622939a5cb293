"""A simulator on a free port, with a clock that the test sets and a client that looks like a browser."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from market_data.market.span import epoch
from market_data.simulate import Running, SimulatorConfig, start

DATA = Path(__file__).parent / "data"
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"


def at(text: str) -> int:
    """Epoch seconds of an ISO time."""
    return epoch(datetime.fromisoformat(text))


@dataclass
class Clock:
    now: float

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Got:
    status: int
    headers: dict[str, str]  # names in lower case
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Rig:
    running: Running
    session: aiohttp.ClientSession
    clock: Clock
    heard: list[bytes] = field(default_factory=list)
    """What has come of the newest answer's body, also if it never came whole."""

    async def ask(self, method: str, path: str, **options: Any) -> Got:
        async with self.session.request(
            method, self.running.url + path, allow_redirects=False, **options
        ) as reply:
            headers = {name.lower(): value for name, value in reply.headers.items()}
            self.heard.clear()
            async for chunk in reply.content.iter_any():
                self.heard.append(chunk)
            return Got(reply.status, headers, b"".join(self.heard).decode())

    async def get(self, path: str, **params: object) -> Got:
        return await self.ask("GET", path, params={name: str(value) for name, value in params.items()})

    async def yahoo(self, symbol: str, **params: object) -> Got:
        return await self.get(f"/yahoo/v8/finance/chart/{symbol}", **params)

    async def finnhub(self, endpoint: str, **params: object) -> Got:
        return await self.get(f"/finnhub/api/v1/{endpoint}", **{"token": "k", **params})

    async def alpha_vantage(self, function: str, **params: object) -> Got:
        return await self.get("/alphavantage/query", **{"function": function, "apikey": "k", **params})

    async def alpaca(self, endpoint: str, **params: object) -> Got:
        keys = {"APCA-API-KEY-ID": "k", "APCA-API-SECRET-KEY": "s"}
        asked = {name: str(value) for name, value in params.items()}
        return await self.ask("GET", f"/alpaca/{endpoint}", params=asked, headers=keys)

    async def binance(self, endpoint: str, **params: object) -> Got:
        return await self.get(f"/binance/api/v3/{endpoint}", **params)

    async def coinbase(self, path: str, **params: object) -> Got:
        return await self.get(f"/coinbase/{path}", **params)

    async def switch(self, **told: object) -> Got:
        return await self.ask("POST", "/sim/faults", json=told)


Rigged = Callable[..., Awaitable[Rig]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def rig() -> AsyncIterator[Rigged]:
    """Starts simulators: `await rig("2024-07-03T14:00:00Z", seed=7)`; all stop when the test ends."""
    async with AsyncExitStack() as stack:

        async def started(now: str, **config: Any) -> Rig:
            clock = Clock(float(at(now)))
            running = await stack.enter_async_context(await start(SimulatorConfig(**config), clock))
            session = await stack.enter_async_context(
                aiohttp.ClientSession(headers={"User-Agent": BROWSER}, timeout=aiohttp.ClientTimeout(20))
            )
            return Rig(running, session, clock)

        yield started
