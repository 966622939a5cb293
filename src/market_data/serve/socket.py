"""WebSockets at /ws and /ws/{symbol}: clients of the hub, on uvicorn's connections without ASGI in between.

A frame is made once and its bytes are handed to the transport of every client; `websockets` shakes hands and
reads what clients say.
"""

import asyncio
import logging
import os
import random
import socket
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from market_data.market.instrument import read_symbol
from market_data.push import frame
from market_data.push.client import Client
from market_data.push.quotes import EVERYTHING
from market_data.push.session import Close, Subscribe
from market_data.serve.parts import Parts

LARGEST_MESSAGE = 64 * 1024
"""Bytes that a client may say at once."""
WRITE_BUFFER = 64 * 1024
"""Bytes that wait in a client's transport before its messages wait in its outbox."""
SEND_BUFFER = 128 * 1024
"""Bytes, about, that wait for a client in the system before they wait here: else it would take megabytes."""
LONGEST_REASON = 123
"""Bytes of a close frame's reason (RFC 6455, section 5.5)."""
CLOSE_SECONDS = 5.0
"""How long a client may take to read what was written before it was closed on."""
DRAIN_SECONDS = 5.0
"""Over how long clients are sent away when the service stops."""
LONGEST_APART = 0.05
"""Seconds between two of them, at most."""
RESTARTS = "the service restarts: come back, with the last position as since"

_log = logging.getLogger("websockets.server")


class Sockets:
    """The `ws` of uvicorn: makes a Socket of each connection that asks for one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.draining = False

    def __call__(
        self,
        config: object,  # noqa: ARG002 - uvicorn's; nothing in it is about what we do here
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002 - there is no ASGI application here
    ) -> asyncio.Protocol:
        """A connection."""
        return Socket(self._parts, self, server_state)

    def drain(self) -> None:
        """Send every client away, spread over DRAIN_SECONDS, so that they do not all come back at once."""
        self.draining = True
        clients, loop = list(self._parts.hub.clients), asyncio.get_running_loop()
        random.shuffle(clients)
        apart = min(DRAIN_SECONDS / max(len(clients), 1), LONGEST_APART)
        for place, client in enumerate(clients):
            loop.call_later(place * apart, client.close, Close.RESTART, RESTARTS)


class Socket(asyncio.Protocol):
    """One connection: bytes to what the client says, and back."""

    def __init__(self, parts: Parts, sockets: Sockets, server: ServerState) -> None:
        self._parts = parts
        self._sockets = sockets
        self._server = server
        self._protocol = ServerProtocol(max_size=LARGEST_MESSAGE, logger=_log)
        self._transport: asyncio.Transport
        self._client: Client | None = None
        self._task: asyncio.Task[object] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._direct = False  # nothing waits in the transport
        self._said: list[bytes] = []  # the frames of a message that is not whole yet

    # ---- what the transport does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._file = own.fileno()
        self._server.connections.add(self)  # type: ignore[arg-type]  # it needs `shutdown` only

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self._protocol.receive_data(data)
        if self._client is not None:
            self._client.heard()
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._shake_hands(event)
            else:
                self._take(event)
        self._answer()

    def eof_received(self) -> None:
        """The client says nothing more."""
        self._protocol.receive_eof()
        self._answer()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        """The connection has ended, however it did."""
        self._server.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._client is not None:
            self._client.gone()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads slowly: what it has not read waits here."""
        if self._client is not None:
            self._client.pause()

    def resume_writing(self) -> None:
        """It has read most of it."""
        if self._client is not None:
            self._client.resume()

    def shutdown(self) -> None:
        """uvicorn stops: whoever is no client yet has come too late; the others are sent away by `drain`."""
        if self._client is None:
            self._transport.close()

    # ---- what the client does with it

    def write(self, frames: bytes) -> None:
        """Send whole frames.

        While nothing waits in the transport they go to the socket at once, which costs half of what queueing
        them there does. What the socket does not take is the transport's, and so is all behind it.
        """
        transport = self._transport
        if (self._direct or transport.get_write_buffer_size() == 0) and not transport.is_closing():
            try:
                sent = os.write(self._file, frames)
            except OSError:  # full, or broken: the transport finds out which
                sent = 0
            self._direct = sent == len(frames)
            if self._direct:
                return
            frames = frames[sent:]
        transport.write(frames)

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.write(frame.PING)

    def close(self, code: Close, reason: str) -> None:
        """Say goodbye; the connection ends when the client has answered, or after CLOSE_SECONDS."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
            self._answer()
        self._timer = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._transport.abort)

    def _answer(self) -> None:
        """Send what the protocol has to say; an empty piece says that it was the last."""
        for data in self._protocol.data_to_send():
            if data:
                self.write(data)
            else:
                self._transport.close()

    def _shake_hands(self, request: Request) -> None:
        parts = urlsplit(request.path)
        first, _, name = parts.path.lstrip("/").partition("/")
        origin = request.headers.get("Origin")
        if first != "ws" or not _is_symbol(name):
            response = self._protocol.reject(404, "There are WebSockets at /ws and /ws/{symbol}.\n")
        elif origin is not None and not self._welcome(origin, request.headers.get("Host", "")):
            response = self._protocol.reject(403, f"WS_ORIGINS does not name {origin}.\n")
        else:
            response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._answer()
        if self._protocol.state is State.OPEN:
            self._serve(unquote(name), dict(parse_qsl(parts.query)))

    def _welcome(self, origin: str, host: str) -> bool:
        """Whether pages of `origin` may open a WebSocket here: our own, and those that are named."""
        allowed = self._parts.settings.ws_origins
        return EVERYTHING in allowed or origin in allowed or urlsplit(origin).netloc == host

    def _serve(self, symbol: str, asked: dict[str, str]) -> None:
        hub, most = self._parts.hub, self._parts.settings.ws_max_clients
        self._client = Client(self._parts.desk, self)
        if self._sockets.draining:
            self._client.close(Close.RESTART, RESTARTS)
            return
        if len(hub.clients) >= most:
            self._client.close(Close.TOO_MANY, f"this replica serves {most} clients at most: come back later")
            return
        hub.clients.add(self._client)
        first = None
        if symbol:
            first = Subscribe(
                symbols=[symbol],
                interval=asked.get("interval", "1m"),
                since=asked.get("since") or None,
                quotes=asked.get("quotes", "true").lower() != "false",
            )
        self._task = self._parts.following.start(self._client.run(first), self._client)

    def _take(self, event: object) -> None:
        """A frame of the client: messages are whole texts."""
        if not isinstance(event, Frame) or self._client is None:
            return
        if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._said.append(bytes(event.data))
            if event.fin:
                said, self._said = b"".join(self._said), []
                self._client.say(said)


def _is_symbol(name: str) -> bool:
    """Whether the rest of a path can be a symbol: BTC/USD is one, AAPL/1m is none."""
    try:
        return "/" not in name or (name.count("/") == 1 and bool(read_symbol(name)))
    except ValueError:
        return False
