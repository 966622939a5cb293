"""Counts the calls of market days: `python -m lab.costs SCENARIO …`, a JSON line for each.

PYTHONPATH names the build (its `src`) and this project's `tests`, as for `lab.histories`.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab import database as lab_database
from lab.histories.__main__ import migrated, named, run
from lab.market import MINUTES_ONLY, Market, crypto, equity
from lab.opening import market
from lab.rows import at, minutes, session, sessions
from market_data.hosting import Stores
from market_data.market.instrument import Tier
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

DAY, NEXT = "2024-06-12", "2024-06-13"
LATER = ("2024-06-13", "2024-06-14", "2024-06-17", "2024-06-18", "2024-06-20", "2024-06-21")
"""The sessions after the day in question."""

Prepare = Callable[[Market], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is traded, which providers are asked, and when the day begins and ends."""

    only: tuple[str, ...]
    prepare: Prepare
    begins: str = f"{DAY} 13:30"
    ends: str = f"{DAY} 20:20"
    evening: str = f"{DAY} 22:30"
    settings: Mapping[str, str] = field(default_factory=lambda: MINUTES_ONLY)


async def thin(opened: Market) -> None:
    """Three trades a day, beside a liquid symbol on the same exchange."""
    opened.trades("THIN", [session(DAY, 10.0)[number] for number in (45, 190, 360)])
    opened.trades("BUSY", sessions((DAY, *LATER)))
    await opened.follows(equity("THIN"), equity("BUSY"))


async def delayed(opened: Market) -> None:
    """One provider reports the exchange 15 minutes late, all day."""
    for symbol in ("AAA", "BBB", "CCC"):
        opened.trades(symbol, sessions((DAY, *LATER)))
    opened.provider("yahoo").is_late(15)
    await opened.follows(*(equity(symbol) for symbol in ("AAA", "BBB", "CCC")))


async def quiet_pair(opened: Market) -> None:
    """A crypto pair that trades every seventh minute, around the clock, beside a busy one."""
    whole = minutes(f"{DAY} 00:00", 10 * 1440)
    opened.trades("QUIET-USD", whole[::7])
    opened.trades("BTC-USD", whole)
    await opened.follows(crypto("QUIET-USD"), crypto("BTC-USD"))


async def liquid(opened: Market) -> None:
    """Ten symbols that trade every minute, at two providers that miss nothing."""
    names = [f"L{number}" for number in range(10)]
    for symbol in names:
        opened.trades(symbol, sessions((DAY, *LATER)))
    await opened.follows(*map(equity, names))


async def whole(opened: Market) -> None:
    """One hundredth of 8,000 symbols: 12 in T0, 30 in T1, 38 in T2, each trading every minute."""
    tiers = [Tier.T0] * 12 + [Tier.T1] * 30 + [Tier.T2] * 38
    for number in range(len(tiers)):
        opened.trades(f"M{number}", sessions((DAY, *LATER)))
    await opened.follows(*(equity(f"M{number}", tier=tier) for number, tier in enumerate(tiers)))
    await opened.sql("UPDATE symbol_universe SET listed = $1::text::date", DAY)


CRYPTO_DAY = (f"{DAY} 00:00", f"{NEXT} 00:20", f"{NEXT} 03:00")
NO_QUOTES = {"CADENCE_T0": "bars_1m=60", "CADENCE_T1": "bars_1m=300"}
"""The default cadences of minutes and days, without quotes: these are asked for as before."""
SCENARIOS: Mapping[str, Scenario] = {
    "thin": Scenario(("alpaca", "yahoo"), thin),
    "delayed": Scenario(("yahoo",), delayed),
    "quiet_pair": Scenario(("binance", "coinbase"), quiet_pair, *CRYPTO_DAY),
    "liquid": Scenario(("alpaca", "yahoo"), liquid),
    "whole": Scenario(("alpaca", "yahoo"), whole, settings=NO_QUOTES),
}


async def main(names: list[str]) -> None:
    """Play the scenarios, each on stores of its own."""
    for name in names:
        with (
            tempfile.TemporaryDirectory(prefix="md-") as folder,
            EmbeddedPostgres(Path(folder) / "pg") as postgres,
            EmbeddedValkey(Path(folder) / "vk") as valkey,
        ):
            await run(postgres.url, "CREATE DATABASE costs")
            url = named(postgres.url, "costs")
            await migrated(url)
            await lab_database.shadow_clock(url)
            stores = Stores(url, valkey.url, redis_is_ours=True)
            print(json.dumps({"scenario": name, **await _counted(SCENARIOS[name], stores)}), flush=True)  # noqa: T201


async def _counted(scenario: Scenario, stores: Stores) -> dict[str, int]:
    """Calls of the session, of its evening, and of the looks at it in the sessions that follow."""
    begins = at(scenario.begins)
    async with market(stores, begins, only=scenario.only, settings=dict(scenario.settings)) as opened:
        await scenario.prepare(opened)
        calls = opened.provider().calls
        await opened.run_until(scenario.ends)
        of_day = calls()
        await opened.run_until(scenario.evening, every=900)
        of_evening = calls() - of_day
        # what follows is about that day alone
        await opened.sql("UPDATE symbol_universe SET delisted = $1::text::date", DAY)
        before = calls()
        for day in LATER:
            await opened.at(f"{day} 22:30")
            for _ in range(3):
                await opened.inside.scan()
                await opened.inside.work()
                await opened.later(660)
        return {"session": of_day, "evening": of_evening, "later": calls() - before}


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(SCENARIOS)))
