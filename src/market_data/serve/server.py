"""The HTTP and WebSocket server: one configuration, for the command and for the tests."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import uvicorn
from litestar import Litestar

from market_data.errors import BadConfig
from market_data.loops import shared
from market_data.serve.socket import Sockets

DRAIN_SECONDS = 10
"""How long requests under way may take to end when the service stops."""
BACKLOG = 2048
"""Connections that may wait to be accepted."""


def listen(host: str, port: int) -> socket.socket:
    """The socket to listen on; port 0 takes a free one. BadConfig if it cannot be had.

    It listens at once: two services that start together would else both believe that the port is theirs.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        why = f"{host}:{port} cannot be had ({error.strerror})"
        raise BadConfig([f"PORT: {why}: choose another with --port"]) from error
    return listener


def address(listener: socket.socket) -> str:
    """The URL at which a listener answers."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def answer(
    app: Litestar, sockets: Sockets, listener: socket.socket, finish_work: Callable[[], Awaitable[None]]
) -> None:
    """Answer on `listener` until cancelled.

    Then `finish_work` is awaited, while it still answers, if only that it is not ready; requests under way
    end, and WebSockets are closed with 1012.
    """
    server = _Server(
        uvicorn.Config(
            app,
            http="httptools",
            ws=sockets,  # type: ignore[arg-type]  # it is called like a class
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    serving = shared(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        await finish_work()
        sockets.drain()
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """uvicorn, leaving signals to us: it would end the process before the stores are stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
