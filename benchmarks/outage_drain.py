"""How long it takes until an outage of ten minutes over 1,200 T0 symbols is healed.

    python benchmarks/outage_drain.py [SYMBOLS]

The service collects minutes of a running session from the simulator, is then stopped for ten minutes of the
market's clock, and started again. Printed is how long it takes until no minute of the outage is missing, and
the age of the oldest backfill meanwhile. The goal is less than the outage's own length.
"""

import asyncio
import itertools
import string
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from market_data.backfill.completeness import expected, missing
from market_data.hosting import Stores
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.providers import discover
from market_data.serve.parts import Parts
from market_data.settings import Configuration, read
from market_data.simulate import Plan, SimulatorConfig, start
from market_data.store import ledger, universe
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from market_data.telemetry import lines
from market_data.wiring import service

OUTAGE_MINUTES = 10
BEGIN = 1_720_022_400.0
"""3 July 2024, 16:00 UTC: New York is open until 17:00."""


class Clock:
    """Runs with the world's, and can be put forward."""

    def __init__(self) -> None:
        self.ahead = BEGIN - time.time()

    def __call__(self) -> float:
        return time.time() + self.ahead


async def healed(parts: Parts, members: list[Instrument], outage: Span) -> float:
    """Seconds until no minute of `outage` is missing; prints the age of the oldest backfill."""
    started, oldest = time.perf_counter(), 0.0
    while True:
        now = parts.clock()
        places = [(one.symbol, span) for one in members for span in expected(one, Interval.M1, outage, now)]
        left = await missing(parts.database, Interval.M1, places, now)
        oldest = max(oldest, (await ledger.depths(parts.database))[Tier.T0].oldest_age)
        if not left and places:
            print(f"oldest backfill of T0: {oldest:.0f} s")
            return time.perf_counter() - started
        await asyncio.sleep(0.5)


async def measure(at: Stores, count: int) -> None:
    clock = Clock()
    letters = itertools.islice(itertools.product(string.ascii_uppercase, repeat=3), count)
    members = [Instrument("X" + "".join(one), "NYSE", AssetType.EQUITY, Tier.T0) for one in letters]
    async with AsyncExitStack() as stack:
        plans = dict.fromkeys(discover(), Plan.UNLIMITED)
        simulator = await stack.enter_async_context(await start(SimulatorConfig(plans=plans), clock))
        configuration = settings(simulator.base_urls["finnhub"])
        async with service(configuration, at, clock=clock) as parts:
            await universe.put(parts.database, members)
            now = Interval.M1.floor(clock())
            before = Span(now - 600, now - 180)
            first = await healed(parts, members, before)
            print(f"{count} symbols collected for the first time in {first:.0f} s")
            stopped = Interval.M1.floor(clock())
        clock.ahead += OUTAGE_MINUTES * 60
        async with service(configuration, at, clock=clock) as parts:
            outage = Span(stopped, stopped + OUTAGE_MINUTES * 60 - 120)
            seconds = await healed(parts, members, outage)
    print(f"an outage of {OUTAGE_MINUTES} minutes over {count} symbols was healed in {seconds:.0f} s")
    print(f"healing / outage: {seconds / (OUTAGE_MINUTES * 60):.2f} (goal: less than 1)")


def settings(base_url: str) -> Configuration:
    others = ",".join(one for one in discover() if one != "finnhub")
    return read(
        {
            "FINNHUB_BASE_URL": base_url,
            "FINNHUB_API_KEY": "hunter2",
            "FINNHUB_LIMITS": "100000/1",
            "PROVIDERS_DISABLED": others,
            "CADENCE_T0": "bars_1m=60",
        },
        dotenv=None,
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1200
    lines.set_up("ERROR", "text")
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedPostgres(Path(folder) / "postgres") as postgres,
        EmbeddedValkey(Path(folder) / "valkey") as valkey,
    ):
        asyncio.run(measure(Stores(postgres.url, valkey.url), count))


if __name__ == "__main__":
    main()
