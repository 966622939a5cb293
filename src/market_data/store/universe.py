"""The universe: which instruments are collected, and in which tier.

The calendars of the instruments that are read are loaded with them: `hours_of` answers at once.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import asyncpg

from market_data.calendar import loaded
from market_data.loops import beside
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.member import Member
from market_data.market.spelling import spellings
from market_data.store.connect import Connection, Database, sql

WRITTEN_AT_ONCE = 500
"""Members in one statement: to encode those of a whole market would hold the event loop."""
ADD_A_SYMBOL = "`market-data universe add AAPL --tier T0`"
"""The command that puts a first symbol into an empty universe."""
EMPTY = f"the universe is empty: {ADD_A_SYMBOL} adds a symbol, `market-data universe import FILE` many"
"""What is said while nothing is collected, and how to change that."""


async def is_empty(database: Database) -> bool:
    """Whether nothing is collected."""
    row = await database.fetch_one(sql("universe_empty"))
    return row is not None and bool(row["empty"])


async def load(database: Database, *, only_active: bool = True) -> list[Instrument]:
    """The instruments in the order of tier and symbol."""
    rows = await database.fetch_many(sql("universe_load"), only_active)
    found = await beside(lambda: [_instrument(row) for row in rows])
    await loaded({(member.exchange, member.asset_type) for member in found})
    return found


async def find(database: Database, symbol: str) -> Instrument | None:
    """One instrument, active or not; None if the universe has never held it."""
    row = await database.fetch_one(sql("universe_find"), symbol)
    if row is None:
        return None
    found = _instrument(row)
    await loaded([(found.exchange, found.asset_type)])
    return found


async def named(database: Database, symbol: str) -> Instrument | None:
    """The instrument that somebody calls `symbol`, under whichever of its spellings the universe holds it."""
    return (await all_named(database, [symbol])).get(symbol)


async def all_named(database: Database, symbols: Sequence[str]) -> dict[str, Instrument]:
    """Those of `symbols` that name an instrument of the universe, each with it; see `named`."""
    names = {symbol: spellings(symbol) for symbol in symbols}
    rows = await database.fetch(sql("universe_found"), [one for some in names.values() for one in some])
    held = {row["symbol"]: _instrument(row) for row in rows}
    await loaded({(member.exchange, member.asset_type) for member in held.values()})
    found = {symbol: next((held[one] for one in some if one in held), None) for symbol, some in names.items()}
    return {symbol: one for symbol, one in found.items() if one is not None}


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


async def members(database: Database, as_of: datetime | None = None) -> list[Member]:
    """The universe whole, in order of symbol: as it is, or as it was at a moment."""
    if as_of is None:
        return await _members(await database.fetch(sql("universe_members")))
    return await _members(await database.fetch(sql("universe_as_of"), as_of))


async def held(connection: Connection) -> list[Member]:
    """The universe whole; nobody else changes it until the transaction ends."""
    await connection.execute(sql("universe_lock"))
    return await _members(await connection.fetch(sql("universe_members")))


async def write(connection: Connection, rows: Sequence[Member]) -> None:
    """Add members, or make those that are there what is told, every field of them."""
    for first in range(0, len(rows), WRITTEN_AT_ONCE):
        some = rows[first : first + WRITTEN_AT_ONCE]
        await connection.execute(
            sql("universe_write"),
            [member.symbol for member in some],
            [member.exchange for member in some],
            [member.asset_type.value for member in some],
            [member.tier.value for member in some],
            [member.adv_21d for member in some],
            [member.mkt_cap for member in some],
            [member.pinned for member in some],
            [member.active for member in some],
            [member.listed for member in some],
            [member.delisted for member in some],
        )


async def rename(connection: Connection, former: str, symbol: str) -> bool:
    """Give all that is kept of `former` the name `symbol`; False, and no change, where that is taken."""
    row = await connection.fetchrow(sql("universe_taken"), symbol)
    if row is None or row["taken"]:
        return False
    for held in ("universe_hold", "heads_hold"):  # what writers are writing now must be seen by the rename
        await connection.execute(sql(held), former)
    await connection.execute(sql("universe_rename_built"), former, symbol)
    await connection.execute(sql("universe_rename"), former, symbol)
    return True


async def renamed(database: Database, former: str) -> tuple[str, datetime] | None:
    """What a former symbol, however it is spelled, is now, and since when; None if it is none."""
    row = await database.fetch_one(sql("universe_renamed"), spellings(former))
    return (row["symbol"], row["renamed"]) if row else None


async def formers(connection: Connection, symbols: Sequence[str]) -> dict[str, tuple[str, date]]:
    """Those of `symbols` that are former ones, with what each is now and the day on which it was renamed."""
    rows = await connection.fetch(sql("universe_formers"), symbols)
    return {row["former"]: (row["symbol"], row["renamed"]) for row in rows}


async def _members(rows: Sequence[asyncpg.Record]) -> list[Member]:
    return await beside(lambda: [_member(row) for row in rows])


def _member(row: asyncpg.Record) -> Member:
    values = dict(row)
    return Member(**{**values, "asset_type": AssetType(values["asset_type"]), "tier": Tier(values["tier"])})
