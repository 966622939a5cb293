"""How long the event loop is held up under load, beside an older build.

    python benchmarks/stalls.py [--symbols 1000] [--seconds 60] [--old FOLDER]

FOLDER is a worktree of the older build, as `git worktree add FOLDER e5b02da` makes one. One service at a
time, a process of its own on an empty database, collects the symbols from the simulator while clients ask for
coverage of a thin symbol, for 10,000 bars, the cadence and /metrics. From outside, a process asks for
/health/live every 5 ms: how long it waits is a stall, and whatever else a busy machine does. This build's own
metric is printed too, which counts no time in which the loop waited for a CPU.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import uvloop

from fanout_parts.processes import BENCHMARKS
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from scale import BEGIN, PLANS, market
from scale_parts.children import Market, Service, providers, running

THIN = "THIN-USD"
THIN_DAYS = 31
WARM_SECONDS = 15.0
"""Seconds in which the first bars are fetched before it is measured."""
PATIENCE_SECONDS = 120.0
UNIVERSE = """
INSERT INTO symbol_universe (symbol, exchange, asset_type, tier)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
"""
MINUTES = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
SELECT $1, '1m', minute, 1, 1, 1, 1, 1, 'alpaca'
FROM generate_series($2::timestamptz - $3 * interval '1 day', $2, interval '2 minutes') AS minute
"""
DAYS = """
INSERT INTO candles_daily (symbol, ts, open, high, low, close, volume, provider)
SELECT $1, day, 1, 1, 1, 1, 1, 'alpaca'
FROM generate_series($2::timestamptz - interval '3650 days', $2, interval '2 days') AS day
"""
PATHS = (
    f"/stats/coverage/{THIN}?interval=1m&start=2024-06-02T00:00:00Z&end=2024-07-02T15:00:00Z",
    f"/stats/coverage/{THIN}?interval=1d&start=2014-07-01T00:00:00Z&end=2024-07-02T00:00:00Z",
    f"/stocks/{THIN}/intraday?interval=1m&start=2024-06-02T00:00:00Z&limit=10000",
    "/stats/cadence",
    "/metrics",
)


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen of one build; ms."""

    waits: Sequence[float]  # of /health/live
    answers: int
    slowest: dict[str, float]  # by path, s
    text: str  # its own metrics
    log: str

    def row(self, name: str) -> str:
        p50, p999 = statistics.median(self.waits), _quantile(self.waits, 0.999)
        return f"{name:>8} | {p50:8.1f} | {p999:9.1f} | {max(self.waits):8.1f} | {self.answers:7}"


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


async def fill(url: str, symbols: int) -> None:
    """The universe, and a symbol whose every second bar is missing."""
    now = time.gmtime(BEGIN)
    connection = await asyncpg.connect(url)
    at = f"{now.tm_year}-{now.tm_mon:02}-{now.tm_mday:02} {now.tm_hour:02}:{now.tm_min:02}+00"
    moment = await connection.fetchval("SELECT $1::text::timestamptz", at)
    await connection.execute(MINUTES, THIN, moment, THIN_DAYS)
    await connection.execute(
        DAYS, THIN, await connection.fetchval("SELECT date_trunc('day', $1::timestamptz)", moment)
    )
    members = market(symbols)
    await connection.execute(
        UNIVERSE,
        [THIN, *(member.symbol for member in members)],
        ["CRYPTO", *(member.exchange for member in members)],
        ["crypto", *(member.asset_type.value for member in members)],
        ["T1", *(member.tier.value for member in members)],
    )
    await connection.close()


async def load(url: str, seconds: float, slowest: dict[str, float]) -> int:
    """Ask for everything at once, again and again; how many answers there were."""
    until, answers = time.monotonic() + seconds, 0

    async def client(session: aiohttp.ClientSession, path: str) -> None:
        nonlocal answers
        while time.monotonic() < until:
            began = time.monotonic()
            async with session.get(url + path) as reply:
                await reply.read()
                assert reply.status == 200, (path, reply.status, await reply.text())
            name = path.partition("?")[0] + ("&1d" if "=1d" in path else "")
            slowest[name] = max(slowest.get(name, 0.0), time.monotonic() - began)
            answers += 1
            await asyncio.sleep(0.2)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE_SECONDS)) as session:
        await asyncio.gather(*(client(session, path) for path in PATHS))
    return answers


async def probe(url: str, seconds: float) -> list[float]:
    """How long /health/live takes from a process of its own, in ms."""
    address = urlsplit(url)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stalls_parts.probe", str(address.hostname), str(address.port), str(seconds)),
        env={"PYTHONPATH": str(BENCHMARKS)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return [float(wait) for wait in json.loads(said)]


async def measure(build: Path | None, symbols: int, seconds: float) -> Result:
    ahead = BEGIN - time.time()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stalls-")))
        postgres = stack.enter_context(EmbeddedPostgres(folder / "pg"))
        valkey = stack.enter_context(EmbeddedValkey(folder / "vk"))
        _, market_at = await stack.enter_async_context(running(Market(ahead), folder / "simulator.log"))
        settings = {**providers(market_at.base_urls), **PLANS}
        task = Service(postgres.url, valkey.url, ahead, settings)
        log = folder / "service.log"
        _, ready = await stack.enter_async_context(running(task, log, build=build))
        await fill(postgres.url, symbols)
        await asyncio.sleep(WARM_SECONDS)
        slowest = dict[str, float]()
        waits, answers = await asyncio.gather(probe(ready.url, seconds), load(ready.url, seconds, slowest))
        async with aiohttp.ClientSession() as session, session.get(ready.url + "/metrics") as reply:
            text = await reply.text()
        return Result(waits, answers, slowest, text, log.read_text("utf-8"))


def own(result: Result) -> str:
    """What this build's metric says of the whole run, the start included."""
    buckets = [
        (float(bound), float(count))
        for bound, count in re.findall(r'event_loop_stall_ms_bucket\{le="([^"]+)"\} (\S+)', result.text)
    ]
    total = buckets[-1][1]
    p999 = next(bound for bound, count in buckets if count >= 0.999 * total)
    most = next(bound for bound, count in buckets if count >= total)
    over = re.search(r"(?m)^event_loop_stalls_total (\S+)$", result.text)
    lines = [line for line in result.log.splitlines() if "held up" in line]
    used = [float(found[1]) for line in lines if (found := re.search(r"cpu=\x1b?\S*?([\d.]+)", line))]
    return (
        f"its own metric: {total:.0f} looks, p99.9 <= {p999:g} ms, maximum <= {most:g} ms, "
        f"{float(over[1]) if over else 0:.0f} over 20 ms, of which the longest of each second used at most "
        f"{max(used, default=0.0):.1f} ms of CPU\n" + "\n".join(line[:400] for line in lines[:20])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--old", type=Path)
    asked = parser.parse_args()
    builds = {"this": None} | ({asked.old.name: asked.old.resolve()} if asked.old else {})
    found = {name: uvloop.run(measure(build, asked.symbols, asked.seconds)) for name, build in builds.items()}
    print("   build | p50 (ms) | p99.9 (ms) | max (ms) | answers of the load")
    for name, result in found.items():
        print(result.row(name))
        print(
            "         slowest answers: "
            + ", ".join(f"{path} {at:.2f} s" for path, at in result.slowest.items())
        )
    this, *others = found.values()
    for other in others:
        print(
            f"old / this: p99.9 {_quantile(other.waits, 0.999) / _quantile(this.waits, 0.999):.1f}, "
            f"maximum {max(other.waits) / max(this.waits):.1f}"
        )
    print(own(this))


if __name__ == "__main__":
    main()
