"""Quotes on the stream: at the tier's cadence, to all who follow, on every replica, unless unwanted."""

import asyncio
import json
from string import ascii_uppercase
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe

from .conftest import AAPL, BITCOIN, NOW, PATIENCE_SECONDS, Clock, Served, Serving, at, pauses, told

pytestmark = pytest.mark.anyio

OTHERS = [Instrument(f"X{letter}", "NYSE", AssetType.EQUITY, Tier.T0) for letter in ascii_uppercase]
QUOTING = {
    "LOCAL_SWEEP_ENABLED": "true",
    "LOCAL_SWEEP_TICK_SEC": "1",
    "CADENCE_T0": "quotes_l1=1",
    "POLICY_QUOTES_L1": "yahoo",
}


async def quotes(client: ClientConnection, count: int) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        message = await told(client)
        if message["type"] == "quote":
            found.append(message)
    return found


async def test_quotes_come_at_their_cadence_and_are_stored(serving: Serving) -> None:
    served = await serving(Clock(at(NOW), pace=1.0), **QUOTING)
    await universe.put(served.parts.database, [AAPL, BITCOIN, *OTHERS])
    async with served.follow("AAPL") as client:
        first, second = await quotes(client, 2)
    assert (first["symbol"], second["symbol"]) == ("AAPL", "AAPL")
    assert second["as_of"] > first["as_of"]
    assert first["price"] > 0
    for pause in pauses():
        rows = await served.parts.database.fetch("SELECT DISTINCT symbol FROM quotes_l1")
        if len(rows) == len(OTHERS) + 2:
            break
        await asyncio.sleep(pause)
    assert {row["symbol"] for row in rows} == {"AAPL", "BTC-USD", *(one.symbol for one in OTHERS)}
    price = (await served.get("/stocks/AAPL/price")).json
    assert (price["source"], price["stale"]) == ("quote", False)


async def test_a_quote_that_is_asked_for_reaches_the_followers_of_every_replica(
    served: Served, serving: Serving
) -> None:
    other = await serving(served.clock)
    async with served.follow("AAPL") as here, other.follow("AAPL") as there, other.follow() as every:
        await every.send(json.dumps({"type": "subscribe", "symbols": ["*"]}))
        while (await told(every))["type"] != "subscribed":
            continue
        for client in (here, there):
            while (await told(client))["type"] != "replay":
                continue
        price = (await served.get("/stocks/AAPL/price")).json
        for client in (here, there, every):
            (quote,) = await quotes(client, 1)
            assert (quote["symbol"], quote["price"], quote["provider"]) == (
                "AAPL",
                price["price"],
                price["provider"],
            )
            assert "position" not in quote


async def test_who_wants_no_quotes_gets_none(served: Served) -> None:
    async with served.follow("AAPL?quotes=false") as without, served.follow("AAPL") as with_them:
        for client in (without, with_them):
            while (await told(client))["type"] != "replay":
                continue
        await served.get("/stocks/AAPL/price")
        await quotes(with_them, 1)
        await without.send(json.dumps({"type": "unsubscribe", "symbols": ["AAPL"]}))
        assert (await told(without))["type"] == "unsubscribed"


async def test_after_unsubscribing_no_quote_comes(served: Served) -> None:
    async with served.follow("AAPL") as client, served.follow("AAPL") as other:
        for one in (client, other):
            while (await told(one))["type"] != "replay":
                continue
        await client.send(json.dumps({"type": "unsubscribe", "symbols": ["AAPL"]}))
        assert (await told(client))["type"] == "unsubscribed"
        await served.get("/stocks/AAPL/price")
        await quotes(other, 1)
        await client.send(json.dumps({"type": "subscribe", "symbols": ["BTC-USD"]}))
        assert (await told(client))["symbol"] == "BTC-USD"


async def test_server_sent_events_tell_quotes_without_an_id(served: Served) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS), served.session.get(f"{served.url}/sse/AAPL") as reply:
        lines = aiter(reply.content)
        async for line in lines:
            if line == b"event: replay\n":
                break
        await served.get("/stocks/AAPL/price")
        event: list[bytes] = []
        async for line in lines:
            if line == b"\n":
                if b"event: quote\n" in event:
                    break
                event = []
            else:
                event.append(line)
    assert [one.partition(b":")[0] for one in event] == [b"event", b"data"]
    assert json.loads(event[1].removeprefix(b"data: "))["symbol"] == "AAPL"
