"""The work of market-data coordinate and plan: who is asked how often, and the jobs that come of it."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import msgspec
from rich.table import Table

from market_data.cli import stores
from market_data.cli.output import data, print_json, say
from market_data.collect.plan import Planned
from market_data.collect.sweep import planned
from market_data.errors import BadConfig
from market_data.hosting import Stores
from market_data.providers import discover
from market_data.route.account import accounts
from market_data.route.roster import Roster
from market_data.settings import Configuration, InForce, read
from market_data.store import universe
from market_data.store.connect import Database
from market_data.telemetry import logs
from market_data.wiring import coordinator


async def coordinate() -> None:
    """Send jobs until cancelled."""
    configuration = read()
    settings = configuration.settings
    logs.set_up(configuration)
    if settings.database_url is None or settings.rlc_redis_url is None:
        raise BadConfig(
            ["DATABASE_URL, RLC_REDIS_URL: set both: the coordinator works on the stores of running replicas"]
        )
    at = Stores(settings.database_url.get_secret_value(), settings.rlc_redis_url.get_secret_value())
    async with AsyncExitStack() as stack:
        loops = await stack.enter_async_context(coordinator(configuration, at))
        loops.start()
        say("coordinating: replicas with USE_RLC=true do the jobs; Ctrl-C stops")
        await asyncio.Event().wait()


def plan(*, demo: bool, as_json: bool) -> None:
    """Print the cadence that each tier asks for and the one that the budgets allow, and what would mend
    it."""
    configuration = read()

    async def work(database: Database) -> list[Planned]:
        counts = Counter(one.tier for one in await universe.load(database))
        return planned(_roster(configuration), counts)

    lines = stores.run(work, demo=demo)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in lines])
        return
    table = Table("tier", "series", "symbols", "asked for", "achievable", "why, and what would mend it")
    for one in lines:
        why = "; or ".join([one.reason, *one.mend]) if one.reason else ""
        table.add_row(
            one.tier, one.capability, str(one.symbols), _every(one.asked_for), _every(one.achievable), why
        )
    data.print(table)


def _roster(configuration: Configuration) -> Roster:
    providers = discover()
    return Roster(providers, accounts(configuration, providers), InForce(configuration), time.time)


def _every(seconds: float | None) -> str:
    return "never" if seconds is None else f"every {seconds:g} s"
