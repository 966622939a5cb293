"""What a user of /stocks/{symbol}/price notices of an outage of the first provider, once its breaker is open.

    python benchmarks/price_under_outage.py

Three phases of one run, each over symbols that nobody has asked for before, so that every answer comes from
a provider: all is well; the first provider takes requests and never answers, until its circuit is open; the
same after that, while the collector goes on trying it. Printed are p50 and p99, and the ratio of the last
phase to the first. The goal is a ratio of at most 2.
"""

import asyncio
import itertools
import os
import string
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import numpy as np

from market_data.cli.child import Simulator, running_simulator
from market_data.cli.demo import demo_environment, simulated_providers

FIRST = "finnhub"
QUESTIONS = 500
"""In each measured phase, one after the other."""
LONGEST = 120.0
"""Seconds that the circuit may take to open."""
GOAL = 2.0
_LETTERS = itertools.product(string.ascii_uppercase, repeat=3)
SYMBOLS = ["X" + "".join(rest) for rest in itertools.islice(_LETTERS, 1300)]


@asynccontextmanager
async def served(simulator: Simulator, folder: str) -> AsyncIterator[str]:
    environment = demo_environment({"DATA_DIR": folder}) | simulated_providers(simulator)
    environment |= {"CADENCE_T0": "quotes_l1=5", "LOCAL_SWEEP_TICK_SEC": "5", "CALL_TIMEOUT_SEC": "4"}
    roomy = {name: "100000/1" for name in environment if name.endswith("_LIMITS")}
    environment = {"PATH": os.environ["PATH"], **environment, **roomy}
    await finished("universe", "add", *SYMBOLS, "--tier", "T2", environment=environment)
    await finished(
        "universe", "add", "AAPL", "--tier", "T0", environment=environment
    )  # for it trials are made
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_data", "serve", "--port", "0", "--json"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield msgspec.json.decode(await process.stdout.readline())["url"]
    finally:
        process.terminate()
        await process.wait()


async def finished(*words: str, environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "market_data", *words, env=environment
    )
    assert await process.wait() == 0


async def idle(session: aiohttp.ClientSession, url: str) -> None:
    """Wait until the daily bars of all symbols, which are due at once, are there."""
    quiet = 0
    while quiet < 20:
        async with session.get(f"{url}/stats/cadence") as reply:
            depths = (await reply.json())["queue_depth"]
        quiet = quiet + 1 if sum(depths.values()) <= 2 else 0
        await asyncio.sleep(0.5)


async def asked(session: aiohttp.ClientSession, url: str, symbols: list[str]) -> np.ndarray:
    """Milliseconds of each answer."""
    times = []
    for symbol in symbols:
        started = time.perf_counter()
        async with session.get(f"{url}/stocks/{symbol}/price") as reply:
            assert reply.status == 200, await reply.text()
            await reply.read()
        times.append((time.perf_counter() - started) * 1000)
    return np.array(times)


async def opened(session: aiohttp.ClientSession, url: str, symbols: list[str]) -> int:
    """Ask on until the first provider's circuit is open; returns how many questions that took."""
    until = time.monotonic() + LONGEST
    for count, symbol in enumerate(symbols, 1):
        await asked(session, url, [symbol])
        async with session.get(f"{url}/stats/providers") as reply:
            states = {one["provider"]: one["state"] for one in (await reply.json())["providers"]}
        if states[FIRST] == "OPEN":
            return count
        if time.monotonic() > until:
            break
    raise SystemExit(f"the circuit of {FIRST} did not open")


def shown(what: str, times: np.ndarray) -> float:
    median, p99 = np.percentile(times, (50, 99))
    print(f"{what}: p50 {median:.1f} ms, p99 {p99:.1f} ms ({len(times)} questions)")
    return float(p99)


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_simulator(1, 0, os.environ) as simulator,
            served(simulator, folder) as url,
            aiohttp.ClientSession() as session,
        ):
            await idle(session, url)
            fresh = iter(SYMBOLS)
            await asked(session, url, list(itertools.islice(fresh, 50)))
            normal = shown("normal", await asked(session, url, list(itertools.islice(fresh, QUESTIONS))))
            fault = {"provider": FIRST, "fault": "hang"}
            async with session.post(f"{simulator.url}/sim/faults", json=fault) as reply:
                assert reply.ok, await reply.text()
            count = await opened(session, url, list(itertools.islice(fresh, 100)))
            print(f"the circuit of {FIRST} opened after {count} questions")
            after = shown("after", await asked(session, url, list(itertools.islice(fresh, QUESTIONS))))
    print(f"p99 under the outage / normal: {after / normal:.2f} (goal: at most {GOAL:g})")


if __name__ == "__main__":
    asyncio.run(main())
