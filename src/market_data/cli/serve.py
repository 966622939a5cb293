"""market-data serve and demo: run the service until it is told to stop."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
import uvicorn
import uvloop

from market_data import __version__
from market_data.cli.child import running_simulator
from market_data.cli.demo import demo_environment, fill_universe
from market_data.cli.output import words
from market_data.errors import BadConfig
from market_data.serve.app import build
from market_data.serve.parts import Parts
from market_data.settings import Configuration, Settings, read
from market_data.store.connect import Database, migrate, open_database
from market_data.telemetry import logs
from market_data.wiring import service, stores

DRAIN_SECONDS = 10
"""How long requests under way may take to end when the service stops."""

Host = Annotated[str | None, typer.Option(help="Address to listen on; HOST, or the loopback.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; PORT, or 8001.")]


def serve(host: Host = None, port: Port = None) -> None:
    """Run the service with real providers.

    Without DATABASE_URL and RLC_REDIS_URL it brings its own PostgreSQL and Valkey, their data in DATA_DIR.
    Ctrl-C stops everything that was started; the next start finds its data again.
    """
    _run(lambda: _serve(read(_environment(host, port))))


def demo(
    port: Port = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated market.")] = 7,
) -> None:
    """Run the service on a simulated market: nothing to configure, nothing leaves this machine.

    The provider simulator speaks the real protocols of Finnhub, Yahoo and Alpha Vantage; at the address that
    is printed faults can be switched on. Stocks keep New York's hours, BTC-USD and ETH-USD trade always.
    """
    _run(lambda: _demo(port, seed))


def _run(start: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(start())


def _environment(host: str | None, port: int | None) -> Mapping[str, str]:
    """The process's environment, with what the command line sets over it."""
    given = {"HOST": host, "PORT": str(port) if port is not None else None}
    return {**os.environ, **{name: value for name, value in given.items() if value is not None}}


async def _demo(port: int | None, seed: int) -> None:
    async with running_simulator(seed) as simulator:
        words.print(f"simulated providers: {simulator.url} (switch faults on there)", highlight=False)
        configuration = read(demo_environment(simulator, os.environ, port), dotenv=None)
        await _serve(configuration, prepare=fill_universe)


async def _serve(
    configuration: Configuration, prepare: Callable[[Database], Awaitable[None]] | None = None
) -> None:
    """Start everything, answer requests until a signal comes, stop everything in the opposite order."""
    settings = configuration.settings
    logs.set_up(settings.log_level, settings.log_format)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    listener = _listener(settings)
    url = f"http://{settings.host}:{listener.getsockname()[1]}"
    words.print(f"market data service {__version__}: starting", highlight=False)
    async with stores(settings) as at:
        if prepare is not None:
            async with open_database(at.database_url, 2) as database:
                await migrate(database)
                await prepare(database)
        async with service(configuration, at) as parts:
            words.print(_welcome(url, settings), highlight=False)
            await _answer(parts, listener, stop)
            words.print("stopping: no new requests, jobs under way are finished", highlight=False)
    words.print("stopped; the data are kept and the next start finds them", highlight=False)


async def _answer(parts: Parts, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve HTTP and WebSocket on `listener` until `stop` is set."""
    server = _Server(
        uvicorn.Config(
            build(parts),
            http="httptools",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving


class _Server(uvicorn.Server):
    """uvicorn, leaving signals to us: it would end the process before the stores are stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listener(settings: Settings) -> socket.socket:
    """The socket to listen on, taken before anything is started; BadConfig if it cannot be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        where = f"{settings.host}:{settings.port}"
        raise BadConfig(
            [f"PORT: {where} cannot be had ({error.strerror}): choose another with --port"]
        ) from error
    return listener


def _welcome(url: str, settings: Settings) -> str:
    kept = "the database of DATABASE_URL" if settings.database_url else str(settings.data_dir.resolve())
    return f"""ready: {url}
  {url}/health            state of the service
  {url}/docs              every call, to try out
  {url}/stats/providers   who is asked, and why
  ws{url[4:]}/ws/BTC-USD      bars as they are written
data in {kept}; Ctrl-C stops everything"""
