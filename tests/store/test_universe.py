"""Which instruments are collected."""

from dataclasses import replace

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe
from market_data.store.connect import Database

pytestmark = pytest.mark.anyio

AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
SPY = Instrument("SPY", "NYSE", AssetType.ETF, Tier.T1)
BITCOIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)
VIX = Instrument("^VIX", "CBOE", AssetType.INDEX, Tier.T2, active=False)


async def _touched(database: Database, symbol: str) -> object:
    row = await database.fetch_one("SELECT updated_at FROM symbol_universe WHERE symbol = $1", symbol)
    assert row is not None
    return row["updated_at"]


async def test_instruments_come_back_in_the_order_of_tier_and_symbol(database: Database) -> None:
    assert await universe.put(database, [VIX, SPY, BITCOIN, AAPL]) == 4
    assert await universe.load(database) == [AAPL, BITCOIN, SPY]
    assert await universe.load(database, only_active=False) == [AAPL, BITCOIN, SPY, VIX]


async def test_an_instrument_is_found_active_or_not(database: Database) -> None:
    await universe.put(database, [AAPL, VIX])
    assert await universe.find(database, "AAPL") == AAPL
    assert await universe.find(database, "^VIX") == VIX
    assert await universe.find(database, "aapl") is None


async def test_an_instrument_put_again_is_changed(database: Database) -> None:
    await universe.put(database, [AAPL, SPY])
    changed = replace(AAPL, exchange="XNAS", tier=Tier.T2, active=False)
    await universe.put(database, [changed])
    assert await universe.load(database, only_active=False) == [SPY, changed]


async def test_an_instrument_put_again_unchanged_is_not_touched(database: Database) -> None:
    await universe.put(database, [AAPL])
    before = await _touched(database, "AAPL")
    await universe.put(database, [AAPL])
    assert await _touched(database, "AAPL") == before
    await universe.put(database, [replace(AAPL, tier=Tier.T1)])
    assert await _touched(database, "AAPL") != before


async def test_what_only_sql_knows_of_an_instrument_is_kept(database: Database) -> None:
    await universe.put(database, [AAPL])
    await database.run("UPDATE symbol_universe SET adv_21d = 50000000, mkt_cap = 3000000000000")
    await universe.put(database, [replace(AAPL, tier=Tier.T1)])
    row = await database.fetch_one("SELECT adv_21d::int8, mkt_cap::int8 FROM symbol_universe")
    assert row is not None
    assert tuple(row) == (50_000_000, 3_000_000_000_000)


async def test_no_instruments_are_put_without_complaint(database: Database) -> None:
    assert await universe.put(database, []) == 0
