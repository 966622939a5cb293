"""What compression saves on a year of 1m bars, and what it costs or gains, beside plain PostgreSQL.

    TEST_TIMESCALE_URL=postgresql://superuser@host/database python benchmarks/compression.py [SYMBOLS]

The same bars three times on the same server: in the table of plain PostgreSQL, in TimescaleDB's chunks, and
in such after its jobs have compressed what is older than 14 days. 252 sessions of 390 minutes; the rows come
minute by minute, all symbols at once, each learned some seconds after its end, as they do when they are
collected. The three take turns; times are medians in ms of warm rounds, and the gain is plain PostgreSQL's
time over that of compressed chunks.
"""

import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count

import numpy as np

from market_data.market.span import moment
from market_data.store import rows, touched, write
from market_data.store.connect import Database
from timescale_parts.asked import SYMBOL, Work, queries
from timescale_parts.databases import database, in_turns, progress, start
from timescale_parts.tape import MINUTES, Tape, sessions, tapes, told

SYMBOLS = 50
SESSIONS = 252
ROUNDS = 9
PATIENCE = 3600.0
"""Seconds for what comes before measuring."""
COLUMNS = [*rows.COLUMNS, "provider", "as_of", "status", "adjustment", "volume_scope"]
JOBS = "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression'"
SIZES = """
SELECT sum(before_compression_total_bytes) AS before, sum(after_compression_total_bytes) AS after
FROM chunk_compression_stats('candles_intraday') WHERE compression_status = 'Compressed'
"""
COMPRESSED = """
SELECT count(*) AS bars FROM candles_intraday
WHERE ts < (SELECT max(range_end) FROM timescaledb_information.chunks
            WHERE hypertable_name = 'candles_intraday' AND is_compressed)
"""
PLAIN_SIZE = "SELECT pg_total_relation_size('candles_intraday') AS bytes"
_numbers = count()


async def fill(target: Database, symbols: int, days: list[int]) -> None:
    """Copy the bars as they come: minute by minute."""
    random, traded = np.random.default_rng(1), tapes(symbols)
    for at in days:
        bars = [one.session(at).columns() for one in traded.values()]
        ts, *prices = (np.stack(column, axis=1).ravel().tolist() for column in zip(*bars, strict=True))
        learned = (random.uniform(61, 80, len(ts)) + ts).tolist()
        alike = ("final", "raw", "consolidated")
        records = [
            (symbol, "1m", moment(at), *values, "alpaca", moment(known), *alike)
            for symbol, at, known, *values in zip([*traded] * MINUTES, ts, learned, *prices, strict=True)
        ]
        async with target.connection() as connection:
            await connection.copy_records_to_table("candles_intraday", records=records, columns=COLUMNS)
    await target.run("VACUUM ANALYZE candles_intraday", seconds=600)


def writes(days: list[int]) -> dict[str, Work]:
    """What is written into a day of half a year ago, by name."""
    at = days[len(days) // 2]

    def keep(symbol: Callable[[int], str]) -> Work:
        def of(target: Database) -> Callable[[], Awaitable[object]]:
            async def once() -> None:
                number = next(_numbers)
                bars = Tape(np.random.default_rng(number), 50.0).session(at)
                assert await write.keep(target, told(symbol(number), bars, days[-1] + 86_400 + number))

            return once

        return of

    return {
        "written: 390 bars of a new symbol, an old day": keep(lambda number: f"N{number:06}"),
        "written: 390 corrections of an old day": keep(lambda _: SYMBOL),
    }


async def compressed(target: Database) -> tuple[float, float]:
    """Let the jobs compress; bytes of a bar before and after."""
    for job in await target.fetch(JOBS):
        await target.run(f"CALL run_job({job['job_id']})", seconds=PATIENCE)
    (size,), (packed,) = await target.fetch(SIZES), await target.fetch(COMPRESSED)
    return float(size["before"]) / packed["bars"], float(size["after"]) / packed["bars"]


async def measure(server: str) -> None:
    symbols = int(sys.argv[1]) if len(sys.argv) > 1 else SYMBOLS
    days, bars = sessions(SESSIONS), symbols * SESSIONS * MINUTES
    async with AsyncExitStack() as stack:
        targets: list[Database] = []
        for timescale in (False, True, True):
            progress(f"filling database {len(targets) + 1} of 3 with {bars:,} bars")
            targets.append(await stack.enter_async_context(database(server, timescale=timescale)))
            await fill(targets[-1], symbols, days)
            while await touched.refresh(targets[-1]):
                pass
        progress("compressing, then measuring")
        (whole,) = await targets[0].fetch(PLAIN_SIZE)
        before, after = await compressed(targets[2])
        plain = float(whole["bytes"]) / bars
        print(
            f"{bars:,} bars of {symbols} symbols, {SESSIONS} sessions. Bytes a bar, with its indexes:",
            end=" ",
        )
        print(f"plain PostgreSQL {plain:.0f}, chunks {before:.0f}, compressed {after:.1f}")
        print(f"saved: {1 - after / before:.1%} of the chunks, {1 - after / plain:.1%} of plain PostgreSQL")
        print(f"{'ms':46} {'plain':>9} {'chunks':>9} {'compressed':>10} {'gain':>6}")
        for name, work in (queries(days) | writes(days)).items():
            times = await in_turns([work(target) for target in targets], ROUNDS)
            print(f"{name:46} {times[0]:9.2f} {times[1]:9.2f} {times[2]:10.2f} {times[0] / times[2]:6.2f}")


if __name__ == "__main__":
    start(measure)
