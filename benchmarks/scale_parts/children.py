"""The service and the simulator as processes of their own whose market is in session, whatever the day."""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
import uvloop

from fanout_parts.processes import BENCHMARKS, stop
from market_data.hosting import Stores
from market_data.providers import discover
from market_data.serve.app import build
from market_data.serve.server import address, answer, listen
from market_data.serve.socket import Sockets
from market_data.settings import read
from market_data.simulate import Plan, SimulatorConfig, start
from market_data.telemetry import logs
from market_data.wiring import service

START_SECONDS = 120.0
SESSIONS_KEPT = 9000
"""Of the simulator: to make the minutes of all symbols anew for each question would be most of the work."""
DAYS_KEPT = 250_000
"""And the two weeks of days that every quote looks back on."""


class Service(msgspec.Struct, frozen=True, tag=True):
    """`market-data serve`, but for the clock, which is so many seconds `ahead`."""

    database_url: str
    redis_url: str
    ahead: float
    settings: dict[str, str]


class Market(msgspec.Struct, frozen=True, tag=True):
    """The provider simulator with plans without limits."""

    ahead: float


class Ready(msgspec.Struct, frozen=True):
    """It answers there."""

    url: str
    base_urls: dict[str, str] = {}


Task = TypeVar("Task", Service, Market)


@asynccontextmanager
async def running(
    task: Service | Market, log: Path, *, build: Path | None = None
) -> AsyncIterator[tuple[int, Ready]]:
    """The process that does a task, as long as the block: its id, and where it answers.

    `build` is the folder of another build that does it; without it, this one.
    """
    sources = (
        (BENCHMARKS, BENCHMARKS.parent / "src") if build is None else (build / "benchmarks", build / "src")
    )
    paths = os.pathsep.join(map(str, sources))
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scale_parts.children", msgspec.json.encode(task).decode()),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": paths},
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if not line:
            raise RuntimeError(f"{task} did not start: see {log}")
        yield process.pid, msgspec.json.decode(line, type=Ready)
    finally:
        await stop(process)


def _say(ready: Ready) -> None:
    print(msgspec.json.encode(ready).decode(), flush=True)


async def _serve(task: Service) -> None:
    configuration = read(task.settings, dotenv=None)
    logs.set_up(configuration)
    at = Stores(task.database_url, task.redis_url)
    with listen("127.0.0.1", 0) as listener:
        gc.collect()
        async with service(configuration, at, clock=lambda: time.time() + task.ahead) as parts:
            app = await asyncio.to_thread(build, parts)
            _say(Ready(address(listener)))
            gc.freeze()  # as market-data serve does
            await answer(app, Sockets(parts), listener, parts.loops.finish_work)


async def _simulate(task: Market) -> None:
    plans = dict.fromkeys(discover(), Plan.UNLIMITED)
    config = SimulatorConfig(plans=plans, sessions_kept=SESSIONS_KEPT, days_kept=DAYS_KEPT)
    async with await start(config, lambda: time.time() + task.ahead) as running:
        _say(Ready(running.url, dict(running.base_urls)))
        await asyncio.Event().wait()


async def _until_told(task: Service | Market) -> None:
    work = asyncio.ensure_future(_serve(task) if isinstance(task, Service) else _simulate(task))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    await asyncio.wait({work})
    if not work.cancelled():
        work.result()


def providers(base_urls: Mapping[str, str]) -> dict[str, str]:
    """The settings that point the providers of stocks at the simulator."""
    found = discover()
    return {
        f"{found[name].facts.settings_prefix}_{suffix}": value
        for name, url in base_urls.items()
        for suffix, value in (("BASE_URL", url), ("API_KEY", "hunter2"), ("SECRET", "hunter2"))
    }


if __name__ == "__main__":
    uvloop.run(_until_told(msgspec.json.decode(sys.argv[1], type=Service | Market)))
