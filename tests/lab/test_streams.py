"""Clients of the stream, and a provider that asks for a rest: as they were, they stay."""

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from .conftest import Lab
from .market import MINUTES_ONLY, Market, crypto, equity
from .rows import at, minutes, session

pytestmark = pytest.mark.anyio

DAY = "2024-06-12"
CLIENTS = 60


def socket(market: Market, path: str) -> connect:
    return connect(f"ws{market.inside.url[4:]}/ws/{path}", proxy=None, max_queue=None, open_timeout=30)


async def told(client: Any, kind: str) -> list[Any]:
    """The messages of a kind that come until the client is quiet for a second."""
    found = []
    try:
        while True:
            message = json.loads(await asyncio.wait_for(client.recv(), 1.0))
            found += [message] if message["type"] == kind else []
    except TimeoutError:
        return found


async def test_clients_that_come_back_at_once_get_every_bar_once_and_in_order(lab: Lab) -> None:
    market = await lab(f"{DAY} 03:20", only=("binance",), **MINUTES_ONLY)
    market.trades("STORM-USD", minutes(f"{DAY} 00:00", 700, 60_000.0, 1.0, step=0.1))
    await market.follows(crypto("STORM-USD"))
    await market.turn()
    async with socket(market, "STORM-USD") as first:
        position = json.loads(await first.recv())["position"]
    await market.at(f"{DAY} 04:20")
    await market.turn()

    async def client() -> list[str]:
        labels: list[str] = []
        async with socket(market, f"STORM-USD?since={position}") as one:
            while len(labels) < 90:
                message = json.loads(await asyncio.wait_for(one.recv(), 20))
                if message["type"] == "replay":
                    labels += [bar["ts"] for bar in message["bars"] if bar["status"] == "final"]
                elif message["type"] == "bar" and message["status"] == "final":
                    labels.append(message["ts"])
        return labels

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    await asyncio.sleep(0.3)
    await market.at(f"{DAY} 05:00")
    await market.turn()
    seen = await asyncio.gather(*clients)
    assert all(sorted(set(one)) == sorted(one) for one in seen), "once each"
    assert {one[-1][:16] for one in seen} <= {f"{DAY}T04:{minute:02d}" for minute in range(40, 60)}


async def test_a_client_beside_a_backfill_gets_its_bars(lab: Lab) -> None:
    market = await lab(f"{DAY} 15:00", only=("alpaca",), **MINUTES_ONLY)
    market.trades("MARK", [*session("2024-06-04", step=0.01), *session(DAY, step=0.01)])
    await market.follows(equity("MARK"))
    await market.turn()
    async with socket(market, "MARK") as client:
        await told(client, "bar")
        await market.backfill("MARK", "2024-06-04 13:30", "2024-06-04 19:59")
        bars = await told(client, "bar")
    assert len({bar["ts"] for bar in bars}) == len(bars) == 390


@pytest.mark.parametrize(("seconds", "least"), [(90.0, 90), (None, 60)])
async def test_a_provider_that_asks_for_a_rest_gets_it(lab: Lab, seconds: float | None, least: int) -> None:
    market = await lab(f"{DAY} 15:00", only=("yahoo",), **MINUTES_ONLY, FETCH_DEADLINE_SEC="20")
    market.trades("REST", session(DAY))
    await market.follows(equity("REST"))
    await market.turn()
    yahoo = market.provider("yahoo")
    calls = yahoo.calls()
    yahoo.suffers("http_429", seconds, times=1)
    asked = []
    while market.world.now < at(f"{DAY} 15:06"):
        await market.later(5)
        await market.inside.sweep()
        if yahoo.calls() > calls:
            asked.append(market.world.now)
            calls = yahoo.calls()
    assert asked[1] - asked[0] >= least - 1, asked
