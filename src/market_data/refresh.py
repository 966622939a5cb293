"""Keeps the 5m and 1h bars of TimescaleDB true: builds what late writes touch, a bounded part of the time."""

import asyncio
from time import perf_counter

from market_data.events import AggregatesBuilt, Tell
from market_data.settings import InForce
from market_data.store import touched
from market_data.store.connect import Database


async def run(database: Database, in_force: InForce, tell: Tell) -> None:
    """Build again and again, until cancelled; at most half of the time, however much is touched."""
    while True:
        started = perf_counter()
        left = await touched.refresh(database)
        elapsed = perf_counter() - started
        if left is not None:
            tell(AggregatesBuilt(left, elapsed * 1000))
        await asyncio.sleep(max(in_force.settings.aggregates_refresh_sec, elapsed))
