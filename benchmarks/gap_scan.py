"""How long a scan for gaps takes beside counting the same rows: 8,000 symbols, one session of 1m bars.

    python benchmarks/gap_scan.py [SYMBOLS]

3.1 million rows on the embedded PostgreSQL; one symbol in a hundred lacks eleven minutes. Each figure is the
median of the rounds of one run. The goal is a ratio of less than 2.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from market_data.market.span import Span, moment
from market_data.store import gaps
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres

SESSION = Span(1_720_186_200, 1_720_209_600)
"""5 July 2024, 13:30 to 20:00 UTC: 390 minutes."""
ROUNDS = 7
GOAL = 2.0

FILL = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
SELECT 'S' || lpad(number::text, 5, '0'), '1m', minute, 100, 101, 99, 100, 1000, 'yahoo'
FROM generate_series($1::timestamptz, $2::timestamptz - interval '1 minute', interval '1 minute') AS minute,
     generate_series(0, $3::int - 1) AS number
"""
HOLES = """
DELETE FROM candles_intraday
WHERE right(symbol, 2) = '00' AND ts >= $1::timestamptz + interval '1 hour'
  AND ts <= $1::timestamptz + interval '70 minutes'
"""
COUNT = "SELECT count(*) FROM candles_intraday WHERE interval = '1m' AND ts >= $1 AND ts < $2"


async def median(work: Callable[[], Awaitable[object]]) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        await work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


async def scan(database: Database, symbols: list[str]) -> gaps.Places:
    lacking = await gaps.short(database, symbols, SESSION, SESSION.seconds // 60)
    return await gaps.minutes(database, [(symbol, SESSION) for symbol in lacking], 0.0)


async def measure(url: str, count: int) -> None:
    start, end = moment(SESSION.start), moment(SESSION.end)
    symbols = [f"S{number:05}" for number in range(count)]
    async with open_database(url, 2) as database:
        await migrate(database)
        await database.run(FILL, start, end, count)
        await database.run(HOLES, start)
        await database.run("VACUUM ANALYZE candles_intraday")
        found = await scan(database, symbols)
        assert len(found) == (count + 99) // 100, len(found)
        assert all(span.seconds == 660 for _, span in found)
        rows = await database.fetch_one(COUNT, start, end)
        counting = await median(lambda: database.fetch_one(COUNT, start, end))
        scanning = await median(lambda: scan(database, symbols))
    print(f"{rows[0] if rows else 0} rows: count(*) {counting:.0f} ms, scan {scanning:.0f} ms")
    print(f"scan / count(*): {scanning / counting:.2f} (goal: less than {GOAL:g})")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder) / "postgres") as server:
        asyncio.run(measure(server.url, count))


if __name__ == "__main__":
    main()
