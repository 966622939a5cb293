"""Coming back without a hole, many symbols on one connection, Server-Sent Events, and what is refused."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from market_data.push import client as client_module
from market_data.push import hub as hub_module
from market_data.push import session
from market_data.store import universe

from .conftest import AAPL, BITCOIN, PATIENCE_SECONDS, Served, Serving, minutes, told, until

pytestmark = pytest.mark.anyio

OPEN = "2024-07-03T13:30:00Z"


async def say(client: ClientConnection, **command: object) -> None:
    await client.send(json.dumps(command))


async def told_until(client: ClientConnection, kind: str) -> list[Any]:
    """The messages up to the first of a kind, with it."""
    found = [await told(client)]
    while found[-1]["type"] != kind:
        found.append(await told(client))
    return found


async def closed(client: ClientConnection) -> tuple[int, str]:
    """The code and the reason with which the server closes."""
    with pytest.raises(ConnectionClosed) as ended:
        await asyncio.wait_for(_read(client), PATIENCE_SECONDS)
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code, ended.value.rcvd.reason


async def _read(client: ClientConnection) -> None:
    while True:
        await client.recv()


async def rewrite(served: Served, volumes: range, symbol: str = "AAPL") -> None:
    """Revisions of the first minute, one for each volume."""
    for volume in volumes:
        await served.write([(*minutes(OPEN, 1)[0][:5], float(volume))], symbol=symbol)


# ---- coming back


async def test_a_client_that_comes_back_is_told_exactly_what_it_missed_revisions_included(
    served: Served,
) -> None:
    await served.write(minutes(OPEN, 2))
    async with served.follow("AAPL") as client:
        await told_until(client, "replay")
        await rewrite(served, range(1, 3))
        seen = [await told(client) for _ in range(2)]
    await rewrite(served, range(3, 6))
    await served.write(minutes(OPEN, 1), symbol="BTC-USD")
    async with served.follow(f"AAPL?since={seen[-1]['position']}") as client:
        replay = await told(client)
        await rewrite(served, range(6, 7))
        live = await told(client)
    assert (replay["type"], replay["recovered"], replay["more"]) == ("replay", True, False)
    assert replay["since"] == seen[-1]["position"]
    assert [(bar["volume"], bar["revision"]) for bar in replay["bars"]] == [(3.0, 3), (4.0, 4), (5.0, 5)]
    assert (live["type"], live["volume"]) == ("bar", 6.0)
    assert [bar["type"] for bar in replay["bars"]] == ["bar"] * 3


async def test_the_position_of_an_opening_is_good_to_come_back_with(served: Served) -> None:
    await served.write(minutes(OPEN, 2))
    async with served.follow("AAPL") as client:
        snapshot, replay = await told_until(client, "replay")
    assert snapshot["position"] == replay["position"]
    await rewrite(served, range(1, 3))
    async with served.follow(f"AAPL?since={replay['position']}") as client:
        missed = await told(client)
    assert [bar["volume"] for bar in missed["bars"]] == [1.0, 2.0]


async def test_coming_back_to_another_replica_is_the_same(served: Served, serving: Serving) -> None:
    async with served.follow("AAPL") as client:
        await told_until(client, "replay")
        await served.write(minutes(OPEN, 1))
        seen = await told(client)
    await rewrite(served, range(1, 4))
    other = await serving()
    async with other.follow(f"AAPL?since={seen['position']}") as client:
        missed = await told(client)
        await rewrite(served, range(4, 5))
        live = await told(client)
    assert [bar["volume"] for bar in missed["bars"]] == [1.0, 2.0, 3.0]
    assert live["volume"] == 4.0


async def test_a_long_absence_is_told_in_pieces(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "REPLAY_BARS", 7)
    await served.write(minutes(OPEN, 1))
    position = str(served.parts.hub.position)
    async with served.follow("AAPL") as client:
        position = (await told_until(client, "replay"))[-1]["position"]
    await served.write(minutes(OPEN, 60))
    async with served.follow(f"AAPL?since={position}") as client:
        pieces = [await told(client)]
        while pieces[-1]["more"]:
            pieces.append(await told(client))
    assert [len(one["bars"]) for one in pieces] == [7] * 8 + [3]
    assert [bar["close"] for one in pieces for bar in one["bars"]] == [100.0 + at for at in range(1, 60)]
    assert [one["since"] for one in pieces[1:]] == [one["position"] for one in pieces[:-1]]


@pytest.mark.parametrize("position", ["1-1", "99999999999999-5"])
async def test_a_position_that_is_not_kept_is_answered_with_a_fresh_snapshot(
    served: Served, position: str
) -> None:
    await served.write(minutes(OPEN, 3))
    async with served.follow(f"AAPL?since={position}") as client:
        snapshot, replay = await told_until(client, "replay")
    assert (snapshot["recovered"], replay["recovered"]) == (False, False)
    assert [bar["close"] for bar in replay["bars"]] == [100.0, 101.0, 102.0]


async def test_when_redis_forgets_a_client_that_stays_gets_a_fresh_snapshot(served: Served) -> None:
    await served.write(minutes(OPEN, 2))
    async with served.follow("AAPL") as client, served.follow() as many:
        await told_until(client, "replay")
        await say(many, type="subscribe", symbols=["*"])
        await told_until(many, "subscribed")
        await served.parts.redis.flushall()
        await rewrite(served, range(1, 2))
        snapshot, replay = await told_until(client, "replay")
        assert (snapshot["recovered"], replay["bars"][0]["volume"]) == (False, 1.0)
        await told_until(many, "subscribed")
        await rewrite(served, range(2, 3))
        assert (await told_until(client, "bar"))[-1]["volume"] == 2.0
        assert (await told_until(many, "bar"))[-1]["volume"] == 2.0


# ---- many symbols


async def test_one_connection_can_follow_many_symbols_and_leave_them(served: Served) -> None:
    await served.write(minutes(OPEN, 1))
    async with served.follow() as client:
        await say(client, type="subscribe", symbols=["aapl", "BTC-USD", "AAPL"])
        first = await told_until(client, "subscribed")
        assert [(one["type"], one.get("symbol")) for one in first] == [
            ("snapshot", "AAPL"),
            ("replay", "AAPL"),
            ("snapshot", "BTC-USD"),
            ("replay", "BTC-USD"),
            ("subscribed", None),
        ]
        await rewrite(served, range(1, 2))
        await rewrite(served, range(1, 2), "BTC-USD")
        assert [(await told(client))["symbol"] for _ in range(2)] == ["AAPL", "BTC-USD"]
        await say(client, type="unsubscribe", symbols=["AAPL"])
        assert (await told(client)) == {"type": "unsubscribed", "symbols": ["AAPL"], "interval": "1m"}
        await rewrite(served, range(2, 3))
        await rewrite(served, range(2, 3), "BTC-USD")
        assert (await told(client))["symbol"] == "BTC-USD"


async def test_a_star_is_every_symbol_and_comes_back_exactly_too(served: Served) -> None:
    await rewrite(served, range(20, 21))
    async with served.follow() as client:
        await say(client, type="subscribe", symbols=["*"])
        (ready,) = await told_until(client, "subscribed")
        await served.write(minutes(OPEN, 1))
        await served.write(minutes(OPEN, 1), symbol="BTC-USD")
        seen = [await told(client) for _ in range(2)]
        assert [one["symbol"] for one in seen] == ["AAPL", "BTC-USD"]
        await say(client, type="subscribe", symbols=["AAPL"])  # its bars come once all the same
        await told_until(client, "subscribed")
        await rewrite(served, range(1, 3))
        assert [(await told(client))["volume"] for _ in range(2)] == [1.0, 2.0]
    async with served.follow() as client:
        await say(client, type="subscribe", symbols=["*"], since=ready["position"])
        replay, _ = await told_until(client, "subscribed")
        assert [(bar["symbol"], bar["volume"]) for bar in replay["bars"]] == [
            ("AAPL", 10.0),
            ("BTC-USD", 10.0),
            ("AAPL", 1.0),
            ("AAPL", 2.0),
        ]


async def test_days_are_a_series_of_their_own(served: Served) -> None:
    async with served.follow("AAPL?interval=1d") as client:
        snapshot, replay = await told_until(client, "replay")
        assert (snapshot["interval"], replay["interval"]) == ("1d", "1d")


async def test_what_cannot_be_subscribed_says_why_and_what_would_be_right(serving: Serving) -> None:
    served = await serving(WS_MAX_SYMBOLS="1")
    await universe.put(served.parts.database, [AAPL, BITCOIN])
    async with served.follow() as client:
        commands: list[tuple[dict[str, object], str, str]] = [
            ({"symbols": ["MSFT"]}, "4404", "market-data universe add MSFT"),
            ({"symbols": ["AAPL"], "interval": "5m"}, "4400", "1m and 1d are"),
            ({"symbols": ["AAPL"], "since": "yesterday"}, "4400", "1790947800000-42"),
            ({"symbols": ["AAPL", "BTC-USD"]}, "4400", "1 symbols a client at most"),
        ]
        for command, code, why in commands:
            await say(client, type="subscribe", **command)
            error = await told(client)
            assert (error["type"], error["code"]) == ("error", code)
            assert why in error["detail"]
        await say(client, type="subscribe", symbols=["AAPL"])
        await told_until(client, "subscribed")


@pytest.mark.parametrize(
    ("question", "code"), [("interval=5m", 4400), ("since=x", 4400), ("since=1-x", 4400)]
)
async def test_a_bad_question_in_the_url_closes_with_4400(served: Served, question: str, code: int) -> None:
    async with served.follow(f"AAPL?{question}") as client:
        assert (await told(client))["type"] == "error"
        assert (await closed(client))[0] == code


# ---- limits


async def test_a_flood_of_messages_is_refused(served: Served) -> None:
    async with served.follow() as client:
        for _ in range(200):
            await say(client, type="subscribe", symbols=["AAPL"])
        code, reason = await closed(client)
    assert (code, "come back later" in reason) == (4429, True)


async def test_a_message_that_is_too_long_is_refused(served: Served) -> None:
    async with served.follow() as client:
        await client.send("x" * 70_000)
        assert (await closed(client))[0] == 1009


async def test_who_follows_nothing_is_sent_away(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(hub_module, "HEARTBEAT_SECONDS", 0.1)
    async with served.follow() as idle, served.follow("AAPL") as follows:
        beating = asyncio.create_task(served.parts.hub.beat())
        assert (await closed(idle))[0] == 4408
        await told_until(follows, "replay")
        heartbeat = json.loads(await follows.recv())
        assert heartbeat == {
            "type": "heartbeat",
            "position": str(served.parts.hub.position),
            "recoverable": True,
        }
        beating.cancel()


@pytest.mark.parametrize(
    ("origin", "allowed", "status"),
    [
        ("https://evil.example", "", 403),
        ("https://evil.example", "https://charts.example.com", 403),
        ("https://charts.example.com", "https://charts.example.com", 101),
        ("https://evil.example", "*", 101),
        ("own", "", 101),
    ],
)
async def test_pages_from_elsewhere_are_refused_unless_they_are_named(
    serving: Serving, origin: str, allowed: str, status: int
) -> None:
    served = await serving(WS_ORIGINS=allowed)
    await universe.put(served.parts.database, [AAPL])
    said = served.url if origin == "own" else origin
    if status == 101:
        async with served.follow("AAPL", origin=said) as client:
            await told_until(client, "replay")
        return
    with pytest.raises(InvalidStatus) as refused:
        async with served.follow("AAPL", origin=said):
            pass
    assert refused.value.response.status_code == status
    assert b"WS_ORIGINS" in (refused.value.response.body or b"")


@pytest.mark.parametrize("path", ["AAPL/1m/5m", "../stream"])
async def test_there_is_no_websocket_elsewhere(served: Served, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with served.follow(path):
            pass
    assert refused.value.response.status_code == 404


async def test_a_client_that_reads_nothing_is_told_what_it_lost_or_sent_away_and_hurts_nobody(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "SLOW_SECONDS", 0.2)
    async with served.follow("AAPL") as quick:
        await told_until(quick, "replay")
        with _deaf(served) as deaf:
            await until(lambda: len(served.parts.hub.clients) == 2, "the deaf one is there")
            for number in range(1, 1000):
                await served.write(minutes(OPEN, 60, price=100.0 * number))
                for _ in range(60):
                    await told(quick)
                if (await _dropped(served)) > 0:
                    break
            await asyncio.sleep(0.3)
            for one in list(served.parts.hub.clients):
                one.beat(b"")
            await until(lambda: len(served.parts.hub.clients) == 1, "the deaf one has been sent away")
            assert deaf
        assert await _dropped(served) > 0


async def _dropped(served: Served) -> float:
    """What ws_dropped_messages_total says."""
    lines = (await served.get("/metrics")).text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("ws_dropped_messages_total ")))


def _deaf(served: Served) -> socket.socket:
    """A client that has asked and never reads."""
    host, port = served.url.removeprefix("http://").split(":")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((host, int(port)))
    deaf.sendall(
        f"GET /ws/AAPL HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    return deaf


@pytest.mark.parametrize("over", ["websocket", "sse"])
async def test_a_client_that_meets_a_bug_is_told_to_come_back(
    served: Served, monkeypatch: pytest.MonkeyPatch, over: str
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(hub_module.Hub, "state", broken)
    if over == "websocket":
        async with served.follow("AAPL") as client:
            assert (await closed(client))[0] == 1013
    else:
        async with served.session.get(f"{served.url}/sse/AAPL") as reply:
            assert [one["event"] async for one in _events(reply)] == ["error"]
    await until(lambda: not served.parts.hub.clients, "it has been sent away")


# ---- over HTTP


async def test_what_was_missed_can_be_asked_for_over_http(served: Served) -> None:
    await served.write(minutes(OPEN, 2))
    async with served.follow("AAPL") as client:
        position = (await told_until(client, "replay"))[-1]["position"]
    await rewrite(served, range(1, 4))
    await served.write(minutes(OPEN, 1), symbol="BTC-USD")
    await until(lambda: str(served.parts.hub.position).endswith("-6"), "all is handed on")
    first = (await served.get("/ws/replay", since=position, symbol="aapl", limit=2)).json
    assert (first["recovered"], first["more"]) == (True, True)
    assert [bar["volume"] for bar in first["bars"]] == [1.0, 2.0]
    rest = (await served.get("/ws/replay", since=first["position"], symbol="AAPL")).json
    assert ([bar["volume"] for bar in rest["bars"]], rest["more"]) == ([3.0], False)
    everything = (await served.get("/ws/replay", since=position)).json
    assert [bar["symbol"] for bar in everything["bars"]] == ["AAPL"] * 3 + ["BTC-USD"]
    gone = (await served.get("/ws/replay", since="1-1", symbol="AAPL")).json
    assert (gone["recovered"], [bar["volume"] for bar in gone["bars"]]) == (False, [3.0, 10.0])
    assert (await served.get("/ws/replay", since="x")).problem["status"] == 422
    assert (await served.get("/ws/replay", since="1-1", symbol="MSFT")).problem["status"] == 404
    assert (await served.get("/ws/replay", since="1-1", interval="5m")).problem["status"] == 422


async def test_server_sent_events_tell_the_same_and_come_back_by_their_last_id(served: Served) -> None:
    await served.write(minutes(OPEN, 2))
    async with served.session.get(f"{served.url}/sse/AAPL") as reply:
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        events = _events(reply)
        snapshot, replay = await anext(events), await anext(events)
        await served.write(minutes(OPEN, 7))  # five of them are new, and come at once
        several = [await anext(events) for _ in range(5)]
        await rewrite(served, range(1, 2))
        bar = await anext(events)
    assert [one["data"]["close"] for one in several] == [102.0, 103.0, 104.0, 105.0, 106.0]
    assert [one["event"] for one in (snapshot, replay, *several, bar)] == ["snapshot", "replay", *["bar"] * 6]
    assert "id" not in snapshot
    assert (replay["id"], bar["id"]) == (replay["data"]["position"], bar["data"]["position"])
    await until(lambda: not served.parts.hub.clients, "it has left")
    await rewrite(served, range(2, 4))
    async with served.session.get(f"{served.url}/sse/AAPL", headers={"Last-Event-ID": bar["id"]}) as reply:
        missed = await anext(_events(reply))
    assert [one["volume"] for one in missed["data"]["bars"]] == [2.0, 3.0]
    assert (await served.get("/sse/MSFT")).problem["status"] == 404
    assert (await served.get("/sse/AAPL", since="x")).problem["status"] == 422
    assert (await served.get("/sse/AAPL", interval="1h")).problem["status"] == 422


async def test_events_end_when_the_service_stops(served: Served) -> None:
    async with served.session.get(f"{served.url}/sse/AAPL") as reply:
        events = _events(reply)
        await anext(events)
        began = time.monotonic()
        stopping = asyncio.create_task(served.stop())
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert [one["event"] async for one in events] == ["replay"]
            await stopping
    assert time.monotonic() - began < 5


async def _events(reply: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    async for raw in reply.content:
        line = raw.decode().rstrip("\n")
        name, _, value = line.partition(": ")
        if line:
            event[name] = json.loads(value) if name == "data" else value
        elif "data" in event and event["event"] != "heartbeat":
            yield event
            event = {}
        else:
            event = {}
