"""The work of market-data serve and demo: runs the service until it is told to stop."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack

import uvloop

from market_data import __version__
from market_data.cli.child import running_simulator
from market_data.cli.demo import demo_environment, fill_universe, simulated_providers
from market_data.cli.output import print_json_line, say, step
from market_data.events import SchemaNoticed
from market_data.hosting import Stores, alone, database_url, redis_url
from market_data.reload import Reread
from market_data.serve.app import build
from market_data.serve.server import address, answer, listen
from market_data.serve.socket import Sockets
from market_data.settings import Settings, read
from market_data.store import universe
from market_data.store.connect import Database, migrate, open_database
from market_data.telemetry import lines, logs
from market_data.wiring import Clock, service

Prepare = Callable[[Database], Awaitable[None]]


def run(start: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run until it ends, or until SIGINT or SIGTERM: then what was started is stopped, last things first."""
    lines.catch()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(start()))


async def _until_told(work: Coroutine[None, None, None]) -> None:
    """One way to stop, whether it is still starting or has run for days: the work is cancelled, once."""
    running, told = asyncio.current_task(), False

    def stop() -> None:
        nonlocal told
        if not told:  # a second Ctrl-C must not interrupt the stopping: it has bounds of its own
            told = True
            say("stopping: no new requests, jobs under way are finished")
            assert running is not None  # noqa: S101 - it is a task that runs this
            running.cancel()

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lines.loop_error)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await work
    except asyncio.CancelledError:
        say("stopped; the data are kept and the next start finds them")


async def configured(host: str | None, port: int | None, *, as_json: bool, clock: Clock = time.time) -> None:
    """The service as it is configured, with what the command line sets over the environment.

    A rehearsal on simulated providers gives their clock too.
    """
    given = {"HOST": host, "PORT": None if port is None else str(port)}
    environment = {**os.environ, **{name: value for name, value in given.items() if value is not None}}
    await _serve(lambda over: read({**environment, **over}), as_json=as_json, clock=clock)


async def simulated(port: int | None, simulator_port: int, seed: int, *, as_json: bool) -> None:
    """The service on the provider simulator, which runs beside it on a port of its own (0: a free one)."""
    environment = demo_environment(os.environ) | ({} if port is None else {"PORT": str(port)})
    logs.set_up(read(environment, dotenv=None))  # what is wrong there is reported before anything is started
    async with AsyncExitStack() as stack:
        with step("starting the provider simulator"):
            simulator = await stack.enter_async_context(running_simulator(seed, simulator_port, environment))
        say(f"simulated providers: {simulator.url} (switch faults on there)")
        environment |= simulated_providers(simulator)
        await _serve(
            lambda over: read({**environment, **over}, dotenv=None), prepare=fill_universe, as_json=as_json
        )


async def _serve(
    reread: Reread, *, prepare: Prepare | None = None, as_json: bool = False, clock: Clock = time.time
) -> None:
    """Start everything and answer requests until cancelled; stop everything in the opposite order."""
    configuration = reread({})
    settings = configuration.settings
    logs.set_up(configuration)
    say(f"market data service {__version__}")
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.host, settings.port))
        stack.enter_context(alone(settings))
        with step("starting PostgreSQL" if settings.database_url is None else "opening PostgreSQL"):
            database = await stack.enter_async_context(database_url(settings))
            symbols = await _prepared(database, prepare)
        with step("starting Valkey" if settings.rlc_redis_url is None else "opening Redis"):
            redis = await stack.enter_async_context(redis_url(settings))
        with step("starting the service"):
            stores = Stores(database, redis, redis_is_ours=settings.rlc_redis_url is None)
            running = service(configuration, stores, reread=reread, clock=clock)
            gc.collect()  # before the loops run, which it would hold up
            parts = await stack.enter_async_context(running)
            app = await asyncio.to_thread(build, parts)
        url = address(listener)
        say(_welcome(url, settings, symbols))
        if as_json:
            print_json_line({"url": url})
        # what is there now stays: looking through it again and again would only delay what is sent
        gc.freeze()
        await answer(app, Sockets(parts), listener, parts.loops.finish_work)


async def _prepared(url: str, prepare: Prepare | None) -> list[str]:
    """The symbols of the universe, once the tables are there and `prepare` is done."""
    async with open_database(url, 2) as database:
        await migrate(database, lambda reason: logs.tell(SchemaNoticed(reason)))
        if prepare is not None:
            await prepare(database)
        return [one.symbol for one in await universe.load(database)]


def _welcome(url: str, settings: Settings, symbols: list[str]) -> str:
    kept = "the database of DATABASE_URL" if settings.database_url else str(settings.data_dir.resolve())
    advice = "" if symbols else f"\n{universe.EMPTY}"
    example = "BTC-USD" if "BTC-USD" in symbols else next(iter(symbols), "AAPL")
    return f"""ready: {url}
  {url}/health            state of the service
  {url}/docs              every call
  {url}/stats/providers   who is asked, and why
  ws{url[4:]}/ws/{example}      bars as they are written
data in {kept}; Ctrl-C stops everything{advice}"""
