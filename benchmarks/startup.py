"""How long a demo takes from its start to an answer of /health and to the first bar on /ws/BTC-USD.

    python benchmarks/startup.py [RUNS]

The first run of each round starts on an empty folder (the database is made), the second finds its data.
"""

import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

LONGEST = 60.0
"""Seconds after which a start counts as failed."""


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "market_data", "demo", "--port", "0", "--simulator-port", "0", "--json"),
        env={**os.environ, "DATA_DIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), LONGEST)
        yield msgspec.json.decode(line)["url"]
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()


async def measure(folder: Path) -> dict[str, float]:
    started = time.perf_counter()
    async with demo(folder) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/health") as reply:
            assert reply.status == 200, await reply.text()
        healthy = time.perf_counter() - started
        return {"health": healthy, "bar": await first_bar(session, f"{url}/ws/BTC-USD", started)}


async def first_bar(session: aiohttp.ClientSession, url: str, started: float) -> float:
    """Seconds from `started` until a client that connects at once has seen a bar, replayed or live."""
    async with session.ws_connect(url) as socket:
        async for message in socket:
            told = msgspec.json.decode(message.data)
            if told["type"] == "bar" or told.get("bars"):
                return time.perf_counter() - started
            if time.perf_counter() - started > LONGEST:
                break
    raise SystemExit("no bar came")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    figures: dict[str, list[dict[str, float]]] = {"empty folder": [], "second start": []}
    with tempfile.TemporaryDirectory() as name:
        for run in range(runs):
            for label, found in figures.items():
                found.append(asyncio.run(measure(Path(name) / str(run))))
                shown = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in found[-1].items())
                print(f"{label}: {shown}")
    for label, found in figures.items():
        for what in ("health", "bar"):
            print(f"median {label}, {what}: {statistics.median(one[what] for one in found):.2f} s")


if __name__ == "__main__":
    main()
