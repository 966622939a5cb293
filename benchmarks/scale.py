"""The whole market: so many symbols kept at the default cadences from the simulator, and what that takes.

    python benchmarks/scale.py [SYMBOLS [MINUTES]]

Service, simulator, PostgreSQL and Valkey are processes of their own on an empty database. The market's clock
says that New York is in session, and runs at the pace of time. Tiers are those of TIER_MAXS, in proportion
where there are fewer than 8,000 symbols; budgets are those of paid plans, which the simulator does not
enforce. Printed are, minute by minute and for the whole, the share of symbols that violate their service
level, the memory of the service, who uses the processors, and what waits.
"""

import asyncio
import signal
import string
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from itertools import islice, product
from pathlib import Path

import aiohttp
import uvloop

from market_data.hosting import Stores
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from scale_parts.children import Market, Service, providers, running
from scale_parts.report import Line, summary
from scale_parts.watch import Sample, Watch, held

BEGIN = 1_719_932_400.0
"""2 July 2024, 15:00 UTC: New York has been open for an hour and a half, and will be for five hours."""
WHOLE = {Tier.T0: 1200, Tier.T1: 3000, Tier.T2: 3800}
"""The 8,000 symbols of a whole market, by TIER_MAXS."""
SCRAPE_SECONDS = 15.0
LOOK_SECONDS = 1.0
"""How often it is looked, while it warms up, who has bars."""
PLANS = {
    "ALPACA_LIMITS": "10000/60",
    "FINNHUB_LIMITS": "30/1,900/60",
    "YAHOO_LIMITS": "2000/60",
    "ALPHA_VANTAGE_LIMITS": "1200/60",
    "POLICY_QUOTES_L1": "alpaca,yahoo,finnhub",
}
"""What is not the default: as many calls as paid plans allow, and quotes from who tells a hundred at once."""


def market(count: int) -> list[Instrument]:
    """The universe: letters that the simulator plays."""
    names = ("X" + "".join(one) for one in product(string.ascii_uppercase, repeat=3))
    whole = sum(WHOLE.values())
    sizes = {tier: count * size // whole for tier, size in WHOLE.items()}
    sizes[Tier.T2] = count - sizes[Tier.T0] - sizes[Tier.T1]
    tiers = (tier for tier, size in sizes.items() for _ in range(size))
    return [
        Instrument(name, "NASDAQ" if place % 2 else "NYSE", AssetType.EQUITY, tier)
        for place, (name, tier) in enumerate(zip(islice(names, count), tiers, strict=True))
    ]


def wanted_of(members: list[Instrument]) -> dict[str, int]:
    """By "tier interval", how many series are collected."""
    of_tier = Counter(one.tier for one in members)
    wanted = {f"{tier} 1d": count for tier, count in of_tier.items()}
    return wanted | {f"{tier} 1m": count for tier, count in of_tier.items() if tier is not Tier.T2}


async def warm(database: Database, wanted: dict[str, int], since: float, found: dict[str, float]) -> None:
    """Note the seconds until all series of a tier and interval had bars."""
    while len(found) < len(wanted):
        now = await held(database)
        for series, count in wanted.items():
            if series not in found and now.get(series, 0) >= count:
                found[series] = time.monotonic() - since
        await asyncio.sleep(LOOK_SECONDS)


async def watched(watch: Watch, database: Database, ahead: float, minutes: float) -> list[Sample]:
    """Samples until the time is over; prints a line a minute."""
    samples: list[Sample] = []
    print(Line.heading(), flush=True)
    async with aiohttp.ClientSession() as session:
        while (passed := time.monotonic() - watch.since) < minutes * 60:
            samples.append(await watch.sample(session))
            if len(samples) > 1 and (len(samples) - 1) % 4 == 0:
                print(await Line.of(samples[-5], samples[-1], database, time.time() + ahead), flush=True)
            due = len(samples) * SCRAPE_SECONDS
            await asyncio.sleep(max(due - (time.monotonic() - watch.since), 0.0))
            assert passed >= 0
    return samples


async def measure(at: Stores, pids: dict[str, int], folder: Path, count: int, minutes: float) -> None:
    ahead = BEGIN - time.time()
    members = market(count)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(at.database_url, 2))
        await migrate(database)
        await universe.put(database, members)
        simulator, told = await stack.enter_async_context(running(Market(ahead), folder / "simulator.log"))
        settings = {**providers(told.base_urls), **PLANS, "PROVIDERS_DISABLED": "binance,coinbase"}
        task = Service(at.database_url, at.redis_url, ahead, settings)
        log = folder / "service.log"
        service, ready = await stack.enter_async_context(running(task, log))
        watch = Watch(ready.url, service, {"service": service, "simulator": simulator, **pids})
        print(
            f"{count} symbols, {dict(Counter(one.tier.value for one in members))}; service: {service}",
            flush=True,
        )
        wanted, firsts = wanted_of(members), dict[str, float]()
        warming = asyncio.create_task(warm(database, wanted, watch.since, firsts))
        samples = await watched(watch, database, ahead, minutes)
        warming.cancel()
        print(summary(samples, firsts, len(wanted), log.stat().st_size))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 5.0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # and what was started with it
    with (
        tempfile.TemporaryDirectory(prefix="scale-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as postgres,
        EmbeddedValkey(Path(name) / "valkey") as valkey,
    ):
        folder = Path(name)
        noted = {"postgres": "postgres/postmaster.pid", "valkey": "valkey/valkey.pid"}
        pids = {one: int((folder / path).read_text().split()[0]) for one, path in noted.items()}
        uvloop.run(measure(Stores(postgres.url, valkey.url), pids, folder, count, minutes))


if __name__ == "__main__":
    main()
