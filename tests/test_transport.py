"""What the transport makes of servers that answer, hang, break off or send too much: alike on both lanes."""

import gzip
import socket
import traceback
from asyncio import CancelledError, create_task, sleep, start_server, wait_for
from asyncio.streams import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from market_data import transport as transport_module
from market_data.errors import Malformed, ProviderFault, Unavailable
from market_data.provider import Lane, Request
from market_data.redact import redact
from market_data.transport import Transport

pytestmark = pytest.mark.anyio

KEY = "k3y+of/an=account"
PATIENCE = 10.0
"""Seconds; for answers that come at once."""
SHORT = 0.3
"""Seconds; for answers that never come."""
FOR_EVER = 60.0


@dataclass(slots=True)
class Server:
    """A provider on this machine; `arrived` has every request in order."""

    url: str = ""
    arrived: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.arrived.append(request)
        match request.path:
            case "/hang":
                await sleep(FOR_EVER)
            case "/hang_in_body" | "/cut" | "/cut_chunked":
                return await self._begin(request)
            case "/redirect":
                raise web.HTTPFound("/elsewhere")
            case "/packed":
                headers = {"Content-Encoding": "gzip", "X-Thing": "Yes"}
                return web.Response(body=gzip.compress(b"a" * 100_000), headers=headers)
            case "/not_packed":
                return web.Response(body=b"plain", headers={"Content-Encoding": "gzip"})
            case "/error":
                return web.Response(status=503, body=b"broken", headers={"Retry-After": "7"})
        return web.Response(body=b"a" * int(request.query.get("size", 2)), headers={"Set-Cookie": "a=b"})

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        """Half of an answer."""
        reply = web.StreamResponse()
        if request.path == "/cut":
            reply.content_length = 100
        await reply.prepare(request)
        await reply.write(b'{"half":')
        if request.path == "/hang_in_body":
            await sleep(FOR_EVER)
        assert request.transport is not None
        request.transport.close()
        return reply


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    monkeypatch.setenv("NO_PROXY", "*")
    provider = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", provider.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = "http://{}:{}".format(*runner.addresses[0])
    yield provider
    await runner.cleanup()


@pytest.fixture(params=list(Lane))
def lane(request: pytest.FixtureRequest) -> Lane:
    return Lane(request.param)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport() as transport:
        yield transport


def asking(url: str) -> Request:
    return Request(url, {"apikey": KEY}, {"X-Token": KEY})


async def fails(transport: Transport, lane: Lane, url: str, seconds: float = PATIENCE) -> ProviderFault:
    with pytest.raises(ProviderFault) as caught:
        await transport.send(asking(url), lane, seconds)
    assert "k3y" not in "".join(traceback.format_exception(caught.value))  # all that a log could show
    return caught.value


async def test_an_answer_comes_whole_with_header_names_in_lower_case(
    server: Server, transport: Transport, lane: Lane
) -> None:
    response = await transport.send(Request(f"{server.url}/packed"), lane, PATIENCE)
    assert (response.status, response.headers["x-thing"]) == (200, "Yes")
    assert response.body == b"a" * 100_000


async def test_an_error_of_the_server_is_an_answer(server: Server, transport: Transport, lane: Lane) -> None:
    response = await transport.send(Request(f"{server.url}/error"), lane, PATIENCE)
    assert (response.status, response.body, response.headers["retry-after"]) == (503, b"broken", "7")


@pytest.mark.parametrize(
    "path", ["/chart/%5EGSPC", "/chart/EURUSD%3DX", "/a%2Fb", "/%7E", "/50%25", "/BRK-B"]
)
async def test_a_path_goes_out_as_it_is_spelled(
    server: Server, transport: Transport, lane: Lane, path: str
) -> None:
    await transport.send(Request(f"{server.url}{path}", {"interval": "1m"}), lane, PATIENCE)
    assert server.arrived[0].raw_path == f"{path}?interval=1m"


async def test_parameters_and_headers_arrive_as_they_were_given(
    server: Server, transport: Transport, lane: Lane
) -> None:
    params = {"symbol": "^GSPC", "fields": "a,b c", "key": KEY, "empty": "", "percent": "%5E"}
    await transport.send(Request(f"{server.url}/x?of=base", params, {"X-Token": KEY}), lane, PATIENCE)
    assert dict(server.arrived[0].query) == {"of": "base", **params}
    assert server.arrived[0].headers["X-Token"] == KEY


async def test_a_redirect_is_not_followed(server: Server, transport: Transport, lane: Lane) -> None:
    response = await transport.send(asking(f"{server.url}/redirect"), lane, PATIENCE)
    assert response.status == 302
    assert [request.path for request in server.arrived] == ["/redirect"]


async def test_no_cookie_is_kept(server: Server, transport: Transport, lane: Lane) -> None:
    for _ in range(2):
        await transport.send(Request(f"{server.url}/cookie"), lane, PATIENCE)
    assert "Cookie" not in server.arrived[1].headers


@pytest.mark.parametrize("path", ["/hang", "/hang_in_body"])
async def test_an_answer_that_is_not_whole_in_time_is_unavailable(
    server: Server, transport: Transport, lane: Lane, path: str
) -> None:
    fault = await fails(transport, lane, f"{server.url}{path}", SHORT)
    assert isinstance(fault, Unavailable)
    assert fault.detail == f"no answer within {SHORT} s"


@pytest.mark.parametrize("path", ["/cut", "/cut_chunked", "/not_packed"])
async def test_an_answer_that_breaks_off_is_unavailable(
    server: Server, transport: Transport, lane: Lane, path: str
) -> None:
    fault = await fails(transport, lane, f"{server.url}{path}")
    assert isinstance(fault, Unavailable)
    assert fault.detail.startswith("the connection failed: ")


async def test_a_refused_connection_is_unavailable(transport: Transport, lane: Lane) -> None:
    with socket.socket() as bound:  # bound but not listening: nobody else can take the port
        bound.bind(("127.0.0.1", 0))
        fault = await fails(transport, lane, f"http://127.0.0.1:{bound.getsockname()[1]}/")
    assert isinstance(fault, Unavailable)


async def test_an_unknown_host_is_unavailable(transport: Transport, lane: Lane) -> None:
    assert isinstance(await fails(transport, lane, "http://nowhere.invalid/"), Unavailable)


async def test_what_is_not_http_is_unavailable(transport: Transport, lane: Lane) -> None:
    async def greet(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    async with await start_server(greet, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert isinstance(await fails(transport, lane, f"http://127.0.0.1:{port}/"), Unavailable)


@pytest.mark.parametrize("value", ["key\n", "key\r\nX-Other: 1", "k\0y", "schlüssel"])
async def test_a_header_that_could_become_two_is_not_sent(
    server: Server, transport: Transport, lane: Lane, value: str
) -> None:
    with pytest.raises(Unavailable, match=r"^the header X-Token cannot be sent"):
        await transport.send(Request(f"{server.url}/ok", {}, {"X-Token": value}), lane, PATIENCE)
    assert server.arrived == []


@pytest.mark.parametrize("url", ["http://host:port/", "http://[half/", "nowhere", "http:///x"])
async def test_an_address_that_cannot_be_is_unavailable(transport: Transport, lane: Lane, url: str) -> None:
    assert isinstance(await fails(transport, lane, url), Unavailable)


@pytest.mark.parametrize("path", ["/?size=1001", "/?size=1000000", "/packed"])
async def test_an_answer_beyond_the_bound_is_malformed(
    server: Server, transport: Transport, lane: Lane, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "LARGEST_BODY", 1000)
    fault = await fails(transport, lane, f"{server.url}{path}")
    assert isinstance(fault, Malformed)
    assert fault.detail == "an answer of more than 1000 bytes"
    response = await transport.send(asking(f"{server.url}/?size=1000"), lane, PATIENCE)
    assert len(response.body) == 1000


async def test_a_call_that_is_given_up_leaves_the_next_ones_alone(
    server: Server, transport: Transport, lane: Lane
) -> None:
    for path in ("/hang", "/hang_in_body"):
        call = create_task(transport.send(asking(f"{server.url}{path}"), lane, PATIENCE))
        await sleep(SHORT)
        call.cancel()
        with pytest.raises(CancelledError):
            await wait_for(call, PATIENCE)
        response = await transport.send(asking(f"{server.url}/ok"), lane, PATIENCE)
        assert response.body == b"aa"


def test_what_is_shown_of_a_request_has_no_key() -> None:
    assert KEY not in repr(asking("http://127.0.0.1/"))


def test_every_spelling_of_a_secret_is_redacted() -> None:
    text = "?apikey=k3y%2Bof%2Fan%3Daccount&b=k3y+of/an=account&c=longer-word&d=long"
    assert redact(text, [KEY, "long", "longer-word", ""]) == "?apikey=***&b=***&c=***&d=***"
