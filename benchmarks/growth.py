"""Whether writing and asking stay as fast while the table grows, and whether it stops growing.

    python benchmarks/growth.py --year [--old FOLDER]
    TEST_TIMESCALE_URL=postgresql://superuser@host/database python benchmarks/growth.py [--most 100]

On TimescaleDB (chunks older than 14 days compressed) and on plain PostgreSQL, on the same server. A thousand
symbols are collected for 3 sessions, 26, and 257, each in a database of its own; what is measured is what the
service does all day: it writes 500 new bars of a series and 7 of a live answer, corrects 390, asks for a
session and for the newest bars, and scans the newest session of all symbols for gaps. Databases take turns;
figures are medians of rounds, the ratio is that of the largest over the smallest, and the goal 1.3.

With --year the tables of a year of operation are written on the embedded PostgreSQL: 2 million minutes, each
first partial and then final, some corrected, and 500,000 backfills, with a turn of retention every month.
FOLDER is the work tree of an older build, which writes the same.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path

import numpy as np

from market_data.market.bar import Bars
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store import bars as bars_table
from market_data.store import gaps, rows, write
from market_data.store.connect import Database
from timescale_parts.asked import SYMBOL
from timescale_parts.databases import database, in_turns, progress, start
from timescale_parts.tape import MINUTES, Tape, sessions, tapes, told

SYMBOLS = 1000
STEPS = {1: 3, 10: 26, 100: 257}
"""Millions of bars, and the sessions that a thousand symbols need for them."""
ROUNDS = 25
NEW, LIVE = 500, 7
GOAL = 1.3
PATIENCE = 3600.0
"""Seconds for what comes before measuring."""
COLUMNS = [*rows.COLUMNS, "provider", "as_of", "status", "adjustment", "volume_scope"]
SESSION = """
SELECT * FROM candles_intraday WHERE symbol = $1 AND interval = '1m' AND ts >= $2 AND ts < $3 ORDER BY ts
"""
COMPRESS = """
SELECT count(compress_chunk(one, if_not_compressed => true))
FROM show_chunks('candles_intraday', older_than => interval '14 days') AS one
"""
_numbers = count()


async def fill(target: Database, days: list[int]) -> None:
    """Copy whole sessions."""
    traded = tapes(SYMBOLS)
    for at in days:
        origin = ("alpaca", moment(at + 86_400), "final", "raw", "consolidated")
        packed = [rows.packed((symbol, "1m"), one.session(at), origin) for symbol, one in traded.items()]
        async with target.connection() as connection:
            await connection.copy_to_table(
                "candles_intraday",
                source=rows.stream(*packed),  # type: ignore[arg-type]  # the driver takes any buffer
                columns=COLUMNS,
                format="binary",
                timeout=600,
            )


def work(target: Database, newest: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """What the service does all day, by name; `newest` is when the newest session opened."""
    session = Span(newest, newest + 60 * MINUTES)
    symbols = [f"S{number:05}" for number in range(SYMBOLS)]

    def minutes(size: int) -> Bars:
        whole = Tape(np.random.default_rng(next(_numbers)), 50.0)
        two = [whole.session(newest), whole.session(newest + 60 * MINUTES)]
        columns = (np.concatenate(pair)[:size] for pair in zip(*(one.columns() for one in two), strict=True))
        return Bars(*columns)

    async def new() -> None:
        written = await write.keep(target, told(f"N{next(_numbers):06}", minutes(NEW), time.time()))
        assert len(written) == NEW

    async def live() -> None:
        assert await write.keep(target, told("LIVE", minutes(LIVE), time.time()))

    async def corrected() -> None:
        assert await write.keep(target, told(SYMBOL, minutes(MINUTES), time.time()))

    async def scan() -> None:
        short = await gaps.short(target, symbols, session, MINUTES)
        assert not await gaps.minutes(target, [(symbol, session) for symbol in short], 0.0)

    async def window() -> None:
        found = await target.fetch(SESSION, SYMBOL, moment(session.start), moment(session.end))
        assert len(found) == MINUTES

    return {
        f"{NEW} new bars of a series": new,
        f"{LIVE} bars of a live answer": live,
        f"{MINUTES} corrections": corrected,
        "a session of a symbol": window,
        "the newest 120 bars of a symbol": lambda: bars_table.last(target, SYMBOL, Interval.M1, 120),
        f"the newest bar of {SYMBOLS} symbols": lambda: bars_table.last_of_many(
            target, symbols, Interval.M1, 1
        ),
        f"gaps of {SYMBOLS} symbols, a session": scan,
    }


async def grown(target: Database, days: list[int], *, timescale: bool) -> None:
    """Fill a database as if it had collected these sessions."""
    await fill(target, days)
    if timescale:
        async with target.connection() as connection:
            await connection.execute(COMPRESS, timeout=PATIENCE)
    await target.run("VACUUM ANALYZE candles_intraday", seconds=PATIENCE)


async def measure(server: str) -> None:
    reading = argparse.ArgumentParser()
    reading.add_argument("--most", type=int, default=10, choices=list(STEPS), help="millions of bars")
    most = reading.parse_args().most
    steps = {millions: wanted for millions, wanted in STEPS.items() if millions <= most}
    days = sessions(max(steps.values()))
    for name, timescale in (("TimescaleDB", True), ("PostgreSQL", False)):
        async with AsyncExitStack() as stack:
            asked = []
            for millions, wanted in steps.items():
                progress(f"{name}: {millions} million bars")
                target = await stack.enter_async_context(database(server, timescale=timescale))
                await grown(target, days[-wanted:], timescale=timescale)
                asked.append(work(target, days[-1]))
            print(f"{name + ', ms':36}", *(f"{millions:>8} M" for millions in steps), f"{'ratio':>7}")
            for one in asked[0]:
                times = await in_turns([each[one] for each in asked], ROUNDS)
                ratio = times[-1] / times[0]
                print(f"{one:36}", *(f"{each:10.2f}" for each in times), f"{ratio:7.2f} (goal {GOAL})")


def a_year(old: str | None) -> None:
    """What a year leaves, in this build and in an older one."""
    here = Path(__file__).parent
    for name, tree in [("this build", here.parent), *([(old, Path(old))] if old else [])]:
        print(name, flush=True)
        paths = os.pathsep.join((str(tree.resolve() / "src"), str(here)))
        script = [sys.executable, str(here / "growth_parts" / "year.py")]
        subprocess.run(script, env={**os.environ, "PYTHONPATH": paths}, check=True)


if __name__ == "__main__":
    reading = argparse.ArgumentParser(add_help=False)
    reading.add_argument("--year", action="store_true")
    reading.add_argument("--old")
    chosen, _ = reading.parse_known_args()
    if chosen.year:
        a_year(chosen.old)
    else:
        start(measure)
