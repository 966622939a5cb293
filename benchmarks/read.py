"""How fast bars are read through the real service, beside the driver alone, and how much memory that takes.

    python benchmarks/read.py [--rounds 25] [--url URL]

One year of one symbol's 1m bars (98,000), each learned at a moment of its own, in the embedded PostgreSQL,
or at URL, an empty database; on TimescaleDB stop its background workers, or they drop what is older than a
year. First 10,000 of them: `asyncpg.fetch` of the same rows in this process, then
each format over HTTP from a service that is a process of its own, in turns; a ratio is the median time over
that of the driver, and the goals are 2 for JSON and 1.3 for Arrow. Then the same within this process, without
HTTP: what is read, and what writing each format costs. Then the whole year in one stream in every format,
with the peak memory of a service that was just started (VmHWM) over what it had before the first; and a
client that reads nothing for five seconds.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import numpy as np

from market_data.calendar import hours_of
from market_data.formats import MEDIA_TYPES, WRITERS, Format, Heading
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval, Length
from market_data.market.span import Span, moment
from market_data.store import read, universe
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres

BARS = 98_000
PAGE = 10_000
WARM = 5
STALL_SECONDS = 5.0
GOALS = {Format.JSON: 2.0, Format.ARROW: 1.3}
AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
YEAR = Span(1_704_067_200, 1_735_689_600)
SAME_ROWS = """
SELECT ts, open, high, low, close, volume, provider, as_of, status, revision, adjustment, volume_scope
FROM candles_intraday WHERE symbol = $1 AND interval = '1m' AND ts >= $2 AND ts < $3 ORDER BY ts LIMIT $4
"""


async def fill(database: Database) -> None:
    """A year of sessions, and a second symbol of the same size beside it."""
    await universe.put(database, [AAPL])
    market = hours_of("NASDAQ", AssetType.EQUITY)
    labels = market.regular.labels(YEAR, Interval.M1)[:BARS].tolist()
    walk = np.random.default_rng(7)
    async with database.connection() as connection:
        for symbol in ("AAPL", "MSFT"):
            close = np.round(180 + np.cumsum(walk.normal(0, 0.05, len(labels))), 2).tolist()
            volume = np.round(walk.lognormal(9, 1, len(labels))).tolist()
            rows = [
                (symbol, "1m", moment(at), price, price + 0.03, price - 0.02, price, size, "yahoo",
                 moment(at + 61.123456), "consolidated")
                for at, price, size in zip(labels, close, volume, strict=True)
            ]  # fmt: skip
            columns = ["symbol", "interval", "ts", "open", "high", "low", "close", "volume", "provider"]
            await connection.copy_records_to_table(
                "candles_intraday", records=rows, columns=[*columns, "as_of", "volume_scope"]
            )
    await database.run("ANALYZE candles_intraday")


@asynccontextmanager
async def served(url: str, folder: str) -> AsyncIterator[tuple[str, int]]:
    """The URL and the process of a service that collects nothing."""
    environment = {"DATABASE_URL": url, "DATA_DIR": folder, "LOCAL_SWEEP_ENABLED": "false"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "market_data", "serve", "--port", "0", "--json"),
        env={**os.environ, **environment, "LOG_LEVEL": "ERROR"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield msgspec.json.decode(await process.stdout.readline())["url"], process.pid
    finally:
        process.terminate()
        await process.wait()


def question(limit: int | None) -> read.Question:
    market = hours_of("NASDAQ", AssetType.EQUITY)
    return read.Question("AAPL", Length.read("1m"), YEAR, market, limit=limit)


async def seconds(work: Callable[[], Awaitable[int]], size: int) -> float:
    started = time.perf_counter()
    assert await work() >= size
    return time.perf_counter() - started


async def pages(database: Database, session: aiohttp.ClientSession, url: str, rounds: int) -> None:
    async def driver() -> int:
        async with database.connection() as connection:
            return len(await connection.fetch(SAME_ROWS, "AAPL", moment(YEAR.start), moment(YEAR.end), PAGE))

    def over_http(kind: Format) -> Callable[[], Awaitable[int]]:
        async def ask() -> int:
            async with session.get(address(url, kind, PAGE)) as reply:
                assert reply.status == 200, await reply.text()
                return len(await reply.read())

        return ask

    works = {"driver": driver, **{kind.value: over_http(kind) for kind in Format}}
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + WARM):
        for name, work in works.items():
            took = await seconds(work, PAGE)
            if number >= WARM:
                times[name].append(took)
    base = statistics.median(times["driver"])
    print(f"{PAGE} bars by asyncpg.fetch: {1000 * base:.1f} ms")
    for kind in Format:
        took = statistics.median(times[kind.value])
        goal = f" (goal {GOALS[kind]:g})" if kind in GOALS else ""
        print(f"  as {kind.value:7} over HTTP: {1000 * took:5.1f} ms, ratio {took / base:.2f}{goal}")


def address(url: str, kind: Format, limit: int | str) -> str:
    window = f"start={moment(YEAR.start):%Y-%m-%dT%H:%M:%SZ}&end={moment(YEAR.end):%Y-%m-%dT%H:%M:%SZ}"
    return f"{url}/stocks/AAPL/intraday?{window}&limit={limit}&format={kind.value}"


async def within(database: Database, rounds: int) -> None:
    times = [
        await seconds(lambda: _size(read.page(database, question(PAGE), time.time())), PAGE)
        for _ in range(rounds + WARM)
    ]
    print(
        f"within one process: read as columns {1000 * statistics.median(times[WARM:]):.1f} ms; written as",
        end="",
    )
    bars = await read.page(database, question(PAGE), time.time())
    heading = Heading("AAPL", "1m", moment(YEAR.start), moment(YEAR.end))
    for kind, make in WRITERS.items():
        cost = []
        for _ in range(rounds):
            started = time.perf_counter()
            writer = make(heading)
            size = len(writer.begin() + writer.bars(bars) + writer.end())
            cost.append(time.perf_counter() - started)
        print(f" {kind.value} {1000 * statistics.median(cost):.1f} ms ({size / 1e6:.1f} MB)", end="")
    print()


async def _size(page: Awaitable[object]) -> int:
    found = await page
    return len(found)  # type: ignore[arg-type]  # it is what page returns


async def year(session: aiohttp.ClientSession, url: str, pid: int) -> None:
    for kind in Format:
        await whole(session, url, kind, 1)  # imports what it needs
    idle = reset_peak(pid)
    for kind in Format:
        reset_peak(pid)
        started = time.perf_counter()
        size = await whole(session, url, kind, "all")
        took = time.perf_counter() - started
        print(
            f"{BARS} bars as {kind.value:7}: {took:.2f} s, {size / 1e6:5.1f} MB, "
            f"{BARS / took:8.0f} bars/s, peak memory {peak(pid) - idle:+.1f} MiB over idle ({idle:.0f} MiB)"
        )


async def whole(session: aiohttp.ClientSession, url: str, kind: Format, limit: int | str) -> int:
    size = 0
    async with session.get(address(url, kind, limit)) as reply:
        assert reply.status == 200, await reply.text()
        assert reply.headers["Content-Type"].startswith(MEDIA_TYPES[kind])
        async for piece in reply.content.iter_any():
            size += len(piece)
    return size


async def stalled(url: str, pid: int) -> None:
    """A client that asks for the whole year and reads none of it."""
    before = reset_peak(pid)
    host, port = url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    path = address(url, Format.JSON, "all").removeprefix(url)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await asyncio.sleep(STALL_SECONDS)
    print(f"a client that reads nothing for {STALL_SECONDS:g} s: peak memory +{peak(pid) - before:.1f} MiB")
    writer.close()


def reset_peak(pid: int) -> float:
    """MiB that the process has now; its peak begins here."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status(pid, "VmRSS")


def peak(pid: int) -> float:
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


async def measure(url: str, folder: str, rounds: int) -> None:
    async with open_database(url, 2) as database:
        await migrate(database)
        await fill(database)
        async with served(url, folder) as (service, pid), aiohttp.ClientSession() as session:
            await pages(database, session, service, rounds)
        await within(database, rounds)
        # another one, whose memory has not grown yet
        async with served(url, folder) as (service, pid), aiohttp.ClientSession() as session:
            await year(session, service, pid)
            await stalled(service, pid)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=25)
    options.add_argument("--url")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="rd-") as folder:
        if given.url:
            asyncio.run(measure(given.url, folder, given.rounds))
            return
        with EmbeddedPostgres(Path(folder) / "postgres") as server:
            asyncio.run(measure(server.url, folder, given.rounds))


if __name__ == "__main__":
    main()
