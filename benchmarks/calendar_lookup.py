"""How long it takes to ask whether a market is open: our session grid beside exchange_calendars' own answer.

    python benchmarks/calendar_lookup.py

The figures of one run are made from the same random minutes of 1990 to 2026, and their answers compared.
"""

import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from exchange_calendars import get_calendar

from market_data.calendar import FIRST_DAY, hours_of
from market_data.market.instrument import AssetType

SCALARS = 100_000
BULK = 1_000_000
LIBRARY = 5_000
ROUNDS = 7
GOAL = 1000.0
"""Nanoseconds that one lookup may take."""


def each(answer: Callable[[], object], count: int) -> float:
    """Nanoseconds a lookup: the median of the rounds, of which each does `count`."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter_ns()
        answer()
        times.append((time.perf_counter_ns() - started) / count)
    return statistics.median(times)


def first_load(code: str) -> float:
    """Seconds until a new process has the hours of an exchange, imports of numpy left out."""
    program = (
        "import time, numpy, msgspec; started = time.perf_counter()\n"
        "from market_data.calendar import hours_of\n"
        "from market_data.market.instrument import AssetType\n"
        f"hours_of({code!r}, AssetType.EQUITY); print(time.perf_counter() - started)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], check=True, capture_output=True
        ).stdout
        for _ in range(3)
    ]
    return statistics.median(map(float, runs))


def main() -> None:
    warnings.simplefilter("ignore")  # of the library under pandas 3
    grid = hours_of("XNYS", AssetType.EQUITY).regular
    library = get_calendar("XNYS", side="left", start=FIRST_DAY, end="2026-12-31")
    first, last = int(grid.opens[0]), int(np.datetime64("2026-12-31", "s").astype(np.int64))
    minutes = np.random.default_rng(7).integers(first // 60, last // 60, BULK) * 60
    scalars = minutes[:SCALARS].tolist()
    stamps = [pd.Timestamp(at, unit="s", tz="UTC") for at in scalars[:LIBRARY]]
    told = [library.is_open_on_minute(at, _parse=False) for at in stamps]  # also fills its caches
    assert told == [grid.is_open(at) for at in scalars[:LIBRARY]]
    assert grid.holds(minutes[:SCALARS]).tolist() == [grid.is_open(at) for at in scalars]

    figures = {
        "SessionGrid.is_open, one at a time": each(lambda: [grid.is_open(at) for at in scalars], SCALARS),
        "SessionGrid.holds, a million at once": each(lambda: grid.holds(minutes), BULK),
        "exchange_calendars is_open_on_minute": each(
            lambda: [library.is_open_on_minute(at) for at in stamps], LIBRARY
        ),
        "exchange_calendars is_open_on_minute, unparsed": each(
            lambda: [library.is_open_on_minute(at, _parse=False) for at in stamps], LIBRARY
        ),
    }
    ours = figures["SessionGrid.is_open, one at a time"]
    for what, found in figures.items():
        print(f"{what:<48} {found:>9.1f} ns  {found / ours:>8.2f} x")
    print(f"goal of under {GOAL:.0f} ns for one: {'met' if ours < GOAL else 'MISSED'}")
    for code, how in (("XNYS", "from our file"), ("XLON", "from the library")):
        print(f"first hours_of({code!r}) of a process, {how}: {first_load(code):.3f} s")


if __name__ == "__main__":
    main()
