"""Every change is whole, recorded, and can be taken back; history is kept whoever changes a row."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from market_data.errors import BadQuestion
from market_data.market.instrument import AssetType, Tier
from market_data.market.member import Member, content_hash
from market_data.store import universe, versions
from market_data.store.connect import Database
from market_data.universe import Outcome, bring, change, draft, rename, retier, roll_back

pytestmark = pytest.mark.anyio

MOST = {Tier.T0: 2, Tier.T1: 3}
SOURCE = {"source": "test"}
GUIDE = """
INSERT INTO symbol_universe (symbol, exchange, asset_type, adv_21d, mkt_cap, tier, active) VALUES
  ('AAPL', 'NASDAQ', 'equity', 50000000, 3000000000000, 'T0', true),
  ('SPY', 'NYSE', 'etf', 80000000, 500000000000, 'T0', true)
ON CONFLICT (symbol) DO UPDATE SET adv_21d = EXCLUDED.adv_21d, mkt_cap = EXCLUDED.mkt_cap,
                                   tier = EXCLUDED.tier;
INSERT INTO universe_versions (version_tag, source_meta) VALUES ('by-hand', '{"source": "manual"}'::jsonb);
"""
ROWS: list[dict[str, Any]] = [
    {"symbol": "AAPL", "exchange": "NASDAQ", "adv_21d": "50000000", "mkt_cap": "3000000000000", "tier": "T0"},
    {"symbol": "SPY", "exchange": "NYSE", "asset_type": "etf", "adv_21d": 8e7, "mkt_cap": 5e11, "tier": "T0"},
]


async def brought(database: Database, rows: Sequence[Mapping[str, Any]], **more: object) -> Outcome:
    return await bring(
        database,
        [draft(row) for row in rows],
        **{"most": MOST, "source": SOURCE, **more},  # type: ignore[arg-type]
    )


async def test_sql_and_import_give_the_same_universe(database: Database) -> None:
    await database.run(GUIDE)
    by_sql = await universe.members(database)
    assert (await brought(database, ROWS)).version is None  # nothing differs
    await database.run("DELETE FROM symbol_universe")
    outcome = await brought(database, ROWS, tag="2025w41-manual")
    assert await universe.members(database) == by_sql
    assert outcome.version is not None
    assert outcome.version.content_hash == content_hash(by_sql)
    assert outcome.version.members == 2


async def test_the_same_rows_again_make_no_version(database: Database) -> None:
    await brought(database, ROWS)
    await brought(database, ROWS)
    assert len(await versions.listed(database)) == 1


async def test_blank_fields_stay_as_they_are(database: Database) -> None:
    await brought(database, ROWS)
    await brought(database, [{"symbol": "aapl", "adv_21d": "", "mkt_cap": None, "listed": "1980-12-12"}])
    found = {one.symbol: one for one in await universe.members(database)}
    assert found["AAPL"] == Member(
        "AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0, 5e7, 3e12, listed=date(1980, 12, 12)
    )


async def test_who_is_new_and_has_no_tier_gets_one_and_the_others_keep_theirs(database: Database) -> None:
    await brought(database, ROWS)
    await brought(database, [{"symbol": f"S{number}", "adv_21d": number} for number in range(1, 6)])
    found = {one.symbol: one.tier for one in await universe.members(database)}
    assert found["AAPL"] is found["SPY"] is Tier.T0
    assert [found[f"S{number}"] for number in range(1, 6)] == [Tier.T2, Tier.T2, Tier.T1, Tier.T1, Tier.T1]


async def test_a_tag_that_is_taken_changes_nothing(database: Database) -> None:
    await brought(database, ROWS, tag="mine")
    with pytest.raises(BadQuestion, match="taken"):
        await brought(database, [{"symbol": "TSLA"}], tag="mine")
    assert [one.symbol for one in await universe.members(database)] == ["AAPL", "SPY"]


async def test_all_others_can_be_stopped(database: Database) -> None:
    await brought(database, ROWS)
    await brought(database, ROWS[:1], only_these=True)
    assert [one.symbol for one in await universe.load(database)] == ["AAPL"]


async def test_a_version_made_by_hand_is_gone_back_to(database: Database) -> None:
    await database.run(GUIDE)
    then = await universe.members(database)
    await brought(database, [{"symbol": "TSLA"}, {"symbol": "SPY", "tier": "T2"}])
    await roll_back(database, "by-hand")
    assert [one for one in await universe.members(database) if one.active] == then
    assert [one.symbol for one in await universe.members(database)] == ["AAPL", "SPY", "TSLA"]


async def test_the_universe_of_a_moment_knows_changes_by_sql_too(database: Database) -> None:
    moments = [datetime.now(UTC)]
    for statement in (
        "INSERT INTO symbol_universe (symbol, exchange) VALUES ('AAPL', 'NASDAQ')",
        "UPDATE symbol_universe SET tier = 'T1'",
        "UPDATE symbol_universe SET updated_at = now()",  # nothing that is remembered
        "DELETE FROM symbol_universe",
    ):
        await database.run(statement)
        moments.append(datetime.now(UTC))
    found = [await universe.members(database, one) for one in moments]
    assert [[one.tier for one in then] for then in found] == [[], [Tier.T2], [Tier.T1], [Tier.T1], []]
    rows = await database.fetch("SELECT * FROM universe_history")
    assert len(rows) == 2


async def test_a_rename_takes_everything_along(database: Database) -> None:
    await brought(database, [{"symbol": "FB"}, {"symbol": "SPY"}])
    await database.run(
        """INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
        VALUES ('FB', '1m', '2022-06-08 14:00Z', 1, 1, 1, 1, 1, 'yahoo')"""
    )
    await rename(database, "FB", "META")
    rows = await database.fetch("SELECT symbol FROM candles_intraday")
    assert [row["symbol"] for row in rows] == ["META"]
    renamed = await universe.renamed(database, "FB")
    assert renamed is not None
    assert renamed[0] == "META"
    with pytest.raises(BadQuestion, match="SPY is in the universe"):
        await rename(database, "META", "SPY")
    with pytest.raises(BadQuestion, match="FB is not in the universe"):
        await rename(database, "FB", "X")


async def test_changes_at_once_are_one_after_another(database: Database) -> None:
    rows = [[{"symbol": f"S{number}", "tier": "T1"}] for number in range(20)]
    await asyncio.gather(*(brought(database, row) for row in rows))
    assert len(await universe.load(database)) == 20
    found = await versions.listed(database)
    assert sorted(one.members or 0 for one in found) == list(range(1, 21))
    assert found[0].content_hash == content_hash(await universe.members(database))


async def test_who_is_not_there_cannot_be_changed(database: Database) -> None:
    await brought(database, ROWS)
    with pytest.raises(BadQuestion, match="not in the universe: TSLA"):
        await change(database, [draft({"symbol": "AAPL", "tier": "T2"}), draft({"symbol": "TSLA"})], SOURCE)
    assert {one.tier for one in await universe.members(database)} == {Tier.T0}


async def test_pinned_tiers_are_not_computed(database: Database) -> None:
    rows = [{"symbol": f"S{number}", "adv_21d": number, "tier": "T2"} for number in range(4)]
    await brought(database, rows)
    await change(database, [draft({"symbol": "S3", "pinned": "yes"})], SOURCE)
    await retier(database, MOST)
    found = await universe.members(database)
    assert [one.tier for one in found] == [Tier.T1, Tier.T0, Tier.T0, Tier.T2]
    assert found[3] == replace(found[3], pinned=True)
