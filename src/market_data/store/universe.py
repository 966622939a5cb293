"""The universe: which instruments are collected, and in which tier."""

from collections.abc import Iterable

import asyncpg

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store.connect import Database, sql


async def load(database: Database, *, only_active: bool = True) -> list[Instrument]:
    """The instruments in the order of tier and symbol."""
    return [_instrument(row) for row in await database.fetch(sql("universe_load"), only_active)]


async def find(database: Database, symbol: str) -> Instrument | None:
    """One instrument, active or not; None if the universe has never held it."""
    row = await database.fetch_one(sql("universe_find"), symbol)
    return _instrument(row) if row else None


async def put(database: Database, instruments: Iterable[Instrument]) -> int:
    """Add or change instruments in one step; returns how many rows that was."""
    rows = list(instruments)
    await database.run(
        sql("universe_put"),
        [one.symbol for one in rows],
        [one.exchange for one in rows],
        [one.asset_type.value for one in rows],
        [one.tier.value for one in rows],
        [one.active for one in rows],
    )
    return len(rows)


def _instrument(row: asyncpg.Record) -> Instrument:
    kind, tier = AssetType(row["asset_type"]), Tier(row["tier"])
    return Instrument(
        row["symbol"], row["exchange"], kind, tier, row["active"], row["listed"], row["delisted"]
    )
