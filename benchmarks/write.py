"""How fast bars are written, beside raw binary COPY of the same rows; and what a live write costs.

    python benchmarks/write.py

On the embedded PostgreSQL, and on TimescaleDB too where TEST_TIMESCALE_URL names an empty database. The
rows of the raw COPY are encoded beforehand, so that it is PostgreSQL and nothing else; it commits by
itself. Each round writes rows of a series of its own, one that has older bars, in turns; a ratio is the
raw COPY's median time over ours. The goals are 0.8 for new bars and 0.4 for corrections. The CPU of a live
write is that of this process, for an answer of the last hour: five known bars, one changed partial bar and
a new one, from the parsed answer to the commit, without the publication.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Iterator
from itertools import count
from pathlib import Path

import numpy as np

from market_data.calendar import hours_of
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.store import rows, write
from market_data.store.change import Change, Told
from market_data.store.connect import Database, migrate, open_database
from market_data.store.cursor import Mark
from market_data.store.embedded import EmbeddedPostgres
from market_data.stream import Series

FIRST = 1_720_013_400
SIZES = (500, 5000)
ROUNDS = 25
WARM = 3
LIVE_WRITES = 1500
COLUMNS = [*rows.COLUMNS, "provider", "as_of", "status", "adjustment", "volume_scope"]
ORIGIN = ("yahoo", moment(FIRST), "final", "raw", "unknown")
_symbols: Iterator[str] = (f"S{number:06}" for number in count())


class Unpublished(Publisher):
    """Leaves out what is not measured here."""

    def __init__(self) -> None:
        pass

    async def __call__(self, series: Series, change: Change) -> None:
        pass


def bars(size: int, close: float = 100.0, first: int = FIRST) -> Bars:
    price = close + np.arange(size, dtype=np.float64) % 7
    return Bars(first + 60 * np.arange(size, dtype=np.int64), price, price + 1, price - 1, price, price * 10)


def told(size: int, symbol: str, close: float = 100.0, first: int = FIRST) -> Told:
    given = bars(size, close, first)
    return Told(
        symbol=symbol,
        interval=Interval.M1,
        provider="yahoo",
        adjustment=Adjustment.RAW,
        volume_scope=VolumeScope.UNKNOWN,
        as_of=time.time(),
        bars=given,
        partial=np.zeros(size, np.bool_),
        mark=Mark(first + 60 * size, first + 60 * (size - 1), first),
    )


async def seconds(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def copy(database: Database, data: memoryview) -> None:
    """The bound of what a write of new bars can reach: COPY of the same rows and nothing else."""
    async with database.connection() as connection:
        await connection.copy_to_table(
            "candles_intraday",
            source=data,  # type: ignore[arg-type]  # the driver takes any buffer
            columns=COLUMNS,
            format="binary",
        )


async def keep(database: Database, one: Told) -> None:
    assert len(await write.keep(database, one)) == len(one.bars)


async def compare(database: Database, size: int) -> None:
    times: list[tuple[float, float, float]] = []
    for _ in range(ROUNDS + WARM):
        symbol, other = next(_symbols), next(_symbols)
        await write.keep(database, told(1, other, first=FIRST - 60))
        data = rows.stream(rows.packed((symbol, "1m"), bars(size), ORIGIN))
        first, second = told(size, other), told(size, other, 101.0)
        times.append(
            (
                await seconds(copy(database, data)),
                await seconds(keep(database, first)),
                await seconds(keep(database, second)),
            )
        )
    base, new, changed = (1000 * statistics.median(one) for one in zip(*times[WARM:], strict=True))
    print(f"{size:5} rows: raw COPY {base:6.2f} ms", end="")
    print(f" | new {new:6.2f} ms, ratio {base / new:.2f} (goal 0.8)", end="")
    print(f" | corrections {changed:6.2f} ms, ratio {base / changed:.2f} (goal 0.4)")


async def live(database: Database) -> None:
    hours = hours_of("CRYPTO", AssetType.CRYPTO)
    ingest = Ingest(database, Unpublished(), lambda _: None, time.time)
    reach = Reach("candles", frozenset(AssetType))
    cost: list[float] = []
    symbols = [next(_symbols) for _ in range(50)]
    begin = int(time.time()) // 60 * 60 - 3600
    for number in range(LIVE_WRITES):
        minute = number // len(symbols)
        given = bars(7, first=begin + 60 * minute)
        given.close[5] += 0.25  # it was the partial one of the answer before
        delivery = Delivery(
            symbol=symbols[number % len(symbols)],
            interval=Interval.M1,
            span=Span(int(given.ts[0]), int(given.ts[-1]) + 60),
            hours=hours,
            provider="yahoo",
            reach=reach,
            bars=given,
            asked_at=float(given.ts[-1] + 30),
        )
        before = time.process_time()
        taken = await ingest(delivery)
        cost.append(time.process_time() - before)
        assert minute == 0 or taken.changed >= 2, taken
    steady = cost[len(cost) // 3 :]
    cost_of_one = statistics.median(steady) * 1e6
    print(f"a live write: {cost_of_one:.0f} µs CPU of this process (median of {len(steady)})")


async def measure(name: str, url: str) -> None:
    print(f"== {name}")
    async with open_database(url, 2) as database:
        await migrate(database)
        for size in SIZES:
            await compare(database, size)
        await live(database)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        asyncio.run(measure("PostgreSQL", server.url))
    if url := os.environ.get("TEST_TIMESCALE_URL"):
        asyncio.run(measure("TimescaleDB", url))


if __name__ == "__main__":
    main()
