"""/ws/{symbol}: snapshot, replay, live bars, and how it ends."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from market_data.store import universe

from .conftest import AAPL, BITCOIN, PATIENCE_SECONDS, Served, Serving, minutes, told, until

pytestmark = pytest.mark.anyio

OPEN = "2024-07-03T13:30:00Z"


async def test_a_client_gets_a_snapshot_then_the_last_120_bars(served: Served) -> None:
    served.clock.now += 3600
    await served.write(minutes(OPEN, 140))
    async with served.follow("aapl") as client:
        snapshot, replay = await told(client), await told(client)
    assert (snapshot["type"], snapshot["symbol"], snapshot["price"]) == ("snapshot", "AAPL", 239.0)
    assert [bar["close"] for bar in snapshot["bars"]] == [238.0, 239.0]
    assert replay["type"] == "replay"
    assert [bar["close"] for bar in replay["bars"]] == [100.0 + i for i in range(20, 140)]


async def test_a_client_of_a_symbol_without_bars_gets_an_empty_start_and_then_the_first(
    served: Served,
) -> None:
    async with served.follow("AAPL") as client:
        snapshot, replay = await told(client), await told(client)
        assert (snapshot["price"], snapshot["bars"], replay["bars"]) == (None, [], [])
        await served.write(minutes(OPEN, 1))
        bar = await told(client)
    assert (bar["type"], bar["symbol"], bar["interval"], bar["close"]) == ("bar", "AAPL", "1m", 100.0)


async def test_live_bars_come_as_they_are_written_and_none_of_the_replay_comes_again(served: Served) -> None:
    await served.write(minutes(OPEN, 3))
    async with served.follow("AAPL") as client:
        await _opened(client)
        await served.write(minutes(OPEN, 5))  # three of them are known already
        closes = [(await told(client))["close"] for _ in range(2)]
        await served.write([(*minutes(OPEN, 1)[0][:5], 77.0)])
        corrected = await told(client)
    assert closes == [103.0, 104.0]
    assert (corrected["status"], corrected["revision"], corrected["volume"]) == ("corrected", 1, 77.0)


async def test_every_client_of_a_symbol_gets_its_bars_and_no_other(served: Served) -> None:
    async with served.follow("AAPL") as one, served.follow("AAPL") as two, served.follow("BTC-USD") as other:
        for client in (one, two, other):
            await _opened(client)
        await served.write(minutes(OPEN, 1, price=5.0), symbol="BTC-USD")
        await served.write(minutes(OPEN, 1))
        assert [(await told(client))["close"] for client in (one, two, other)] == [100.0, 100.0, 5.0]


@pytest.mark.parametrize("symbol", ["MSFT", "no%20symbol", "%C3%A9" * 60])
async def test_an_unknown_symbol_is_told_why_and_closed_with_4404(served: Served, symbol: str) -> None:
    async with served.follow(symbol) as client:
        error = await told(client)
        assert (error["type"], error["code"]) == ("error", "4404")
        code, reason = await _closed(client)
    assert code == 4404
    assert error["detail"].startswith(reason)
    assert len(served.parts.hub.clients) == 0


async def test_one_client_more_than_the_limit_is_closed_with_4429(serving: Serving) -> None:
    served = await serving(WS_MAX_CLIENTS="3")
    await universe.put(served.parts.database, [AAPL, BITCOIN])
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(served.follow("AAPL")) for _ in range(8)]
        first = [await told(client) for client in clients]
        assert [one["type"] for one in first].count("snapshot") == 3
        refused = [client for client, one in zip(clients, first, strict=True) if one["type"] == "error"]
        assert [(await _closed(client))[0] for client in refused] == [4429] * 5
    await until(lambda: len(served.parts.hub.clients) == 0, "every client has left")
    async with served.follow("AAPL") as client:
        await _opened(client)


async def test_a_client_that_leaves_or_vanishes_leaves_no_outbox(served: Served) -> None:
    async with served.follow("AAPL") as polite, served.follow("AAPL") as rude:
        await _opened(polite)
        await _opened(rude)
        assert len(served.parts.hub.clients) == 2
        rude.transport.abort()
        await polite.close()
        await until(lambda: len(served.parts.hub.clients) == 0, "both clients have left")


async def test_what_cannot_be_understood_is_told_and_the_stream_goes_on(served: Served) -> None:
    async with served.follow("AAPL") as client:
        await _opened(client)
        for said in ("hello", b"\x00\xff", '{"type":"subscribe"}', '{"type":"subscribe","symbols":[]}', "7"):
            await client.send(said)
            error = await told(client)
            assert (error["type"], error["code"]) == ("error", "4400"), said
            assert '{"type":"subscribe","symbols":["AAPL"]' in error["detail"]
        await served.write(minutes(OPEN, 1))
        assert (await told(client))["type"] == "bar"


async def test_a_service_that_stops_closes_with_1012(served: Served) -> None:
    async with served.follow("AAPL") as client:
        await _opened(client)
        stopping = asyncio.create_task(served.stop())
        assert (await _closed(client))[0] == 1012
        await stopping
    assert len(served.parts.hub.clients) == 0


async def test_a_client_that_does_not_read_does_not_hold_up_others(served: Served) -> None:
    async with served.follow("AAPL") as slow, served.follow("AAPL") as quick:
        slow.transport.pause_reading()
        await _opened(quick)
        for round_ in range(5):
            await served.write(minutes(OPEN, 60, price=100.0 + round_))
        closes = [(await told(quick))["close"] for _ in range(300)]
        slow.transport.abort()
    assert closes[-1] == 100.0 + 4 + 59


async def test_metrics_count_the_clients(served: Served) -> None:
    async with served.follow("AAPL") as client:
        await _opened(client)
        assert "ws_clients_gauge 1.0" in (await served.get("/metrics")).text


async def _opened(client: ClientConnection) -> None:
    assert [(await told(client))["type"] for _ in range(2)] == ["snapshot", "replay"]


async def _closed(client: ClientConnection) -> tuple[int, str]:
    """The code and the reason with which the server closes."""
    with pytest.raises(ConnectionClosed) as closed:
        await asyncio.wait_for(_read(client), PATIENCE_SECONDS)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


async def _read(client: ClientConnection) -> None:
    while True:
        await client.recv()
