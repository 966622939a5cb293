"""A renamed symbol keeps one series, whoever writes meanwhile, and whatever is rolled back."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from market_data.errors import BadQuestion
from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.instrument import Tier
from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.store import heads, quotes, universe, versions, write
from market_data.store.change import Told
from market_data.store.connect import Database, sql
from market_data.store.cursor import Mark
from market_data.store.few import MOST
from market_data.store.quotes import KnownQuote
from market_data.universe import bring, draft, rename, roll_back

pytestmark = pytest.mark.anyio

TEN = 1_720_000_800
TABLES = (
    "symbol_universe",
    "candles_intraday",
    "candle_revisions",
    "series_heads",
    "ingestion_cursor",
    "rejected_bars",
)


def minutes(count: int, symbol: str = "FB", first: int = TEN, close: float = 100.0) -> Told:
    """Final minutes as a provider told them, with a cursor."""
    labels = range(first, first + 60 * count, 60)
    return Told(
        symbol=symbol,
        interval=Interval.M1,
        provider="yahoo",
        adjustment=Adjustment.RAW,
        volume_scope=VolumeScope.UNKNOWN,
        as_of=first + 60.0 * count,
        bars=Bars.of((ts, close, close + 1, close - 1, close, 10.0) for ts in labels),
        partial=np.zeros(count, np.bool_),
        mark=Mark(first + 60 * count, labels[-1], first + 60.0 * count),
    )


async def brought(database: Database, symbols: Iterable[str], tag: str | None = None, **more: object) -> None:
    rows = [draft({"symbol": symbol, "tier": "T0", **more}) for symbol in symbols]
    await bring(database, rows, most={Tier.T0: 9, Tier.T1: 9}, source={"source": "test"}, tag=tag)


async def named(database: Database, *tables: str) -> set[str]:
    """The symbols of all rows of some tables."""
    found = set()
    for table in tables or TABLES:
        found |= {row["symbol"] for row in await database.fetch(f"SELECT symbol FROM {table}")}  # noqa: S608
    return found


async def count(database: Database, symbol: str) -> int:
    row = await database.fetch_one("SELECT count(*) FROM candles_intraday WHERE symbol = $1", symbol)
    assert row is not None
    return int(row["count"])


@pytest.mark.parametrize("bars", [1, 5, MOST + 1, 500])
@pytest.mark.parametrize("before", [0, 5])
async def test_what_comes_under_the_former_name_is_written_under_the_new_one(
    database: Database, bars: int, before: int
) -> None:
    await brought(database, ["FB"])
    if before:
        await write.keep(database, minutes(before))
    await rename(database, "FB", "META")
    change = await write.keep(database, minutes(bars, close=101.0))
    assert change.told.symbol == "META"
    assert len(change) == bars
    assert await named(database) == {"META"}
    assert await count(database, "META") == max(bars, before)


async def test_a_rename_waits_for_a_writer_and_takes_along_what_it_writes(database: Database) -> None:
    await brought(database, ["FB"])
    await write.keep(database, minutes(3))
    async with database.transaction() as connection:
        await write.write(connection, minutes(5))
        renaming = asyncio.create_task(rename(database, "FB", "META"))
        await asyncio.sleep(0.3)
        assert not renaming.done()
    await renaming
    assert await named(database) == {"META"}
    assert await count(database, "META") == 5


async def test_a_rename_waits_for_the_writer_of_a_first_bar_too(database: Database) -> None:
    await brought(database, ["FB"])
    async with database.transaction() as connection:
        await write.write(connection, minutes(5))
        renaming = asyncio.create_task(rename(database, "FB", "META"))
        await asyncio.sleep(0.3)
        assert not renaming.done()
    await renaming
    assert await named(database) == {"META"}


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("bars", [5, MOST + 1])
async def test_a_writer_waits_for_a_rename_and_writes_under_the_new_name(
    database: Database, before: int, bars: int
) -> None:
    await brought(database, ["FB"])
    if before:
        await write.keep(database, minutes(before))
    async with database.transaction() as connection:
        assert await universe.rename(connection, "FB", "META")
        writing = asyncio.create_task(write.keep(database, minutes(bars)))
        await asyncio.sleep(0.3)
        assert not writing.done()
    assert (await writing).told.symbol == "META"
    assert await named(database) == {"META"}


async def test_writers_and_renames_at_once_leave_one_series(database: Database) -> None:
    await brought(database, ["S0"])
    names = [f"S{number}" for number in range(8)]

    async def renames() -> None:
        for former, symbol in pairwise(names):
            await rename(database, former, symbol)
            await asyncio.sleep(0.02)

    async def writes(first: int) -> None:
        for number in range(10):
            asked_for = (await universe.load(database))[0].symbol
            await asyncio.sleep(0.01)
            await write.keep(database, minutes(1, asked_for, first + 60 * number))

    await asyncio.gather(renames(), *(writes(TEN + 6000 * one) for one in range(3)))
    assert await named(database) == {"S7"}
    assert await count(database, "S7") == 30


async def test_a_name_that_another_has_taken_is_that_ones(database: Database) -> None:
    await brought(database, ["FB"])
    await rename(database, "FB", "META")
    await brought(database, ["FB"], listed="2999-01-01")
    assert (await write.keep(database, minutes(2))).told.symbol == "FB"


async def test_bars_of_a_symbol_that_was_never_renamed_are_written_whoever_it_is(database: Database) -> None:
    assert (await write.keep(database, minutes(2, "NOBODY"))).told.symbol == "NOBODY"
    async with database.transaction() as connection:
        assert await heads.lock(connection, "NOBODY", "1m") > heads.EPOCH


async def test_a_quote_of_a_former_name_is_left_out(database: Database) -> None:
    await brought(database, ["FB", "SPY"])
    await rename(database, "FB", "META")
    told = [
        KnownQuote(symbol=one, price=1.0, ts=moment(TEN), provider="yahoo", as_of=moment(TEN))
        for one in ("FB", "SPY", "META")
    ]
    assert [one.symbol for one in await quotes.write(database, told)] == ["SPY", "META"]
    assert await named(database, "quotes_l1") == {"SPY", "META"}


async def test_a_rollback_over_a_rename_gives_the_name_back_and_the_series_stays_whole(
    database: Database,
) -> None:
    await brought(database, ["FB", "AAPL"], tag="v1")
    await write.keep(database, minutes(5))
    await rename(database, "FB", "META")
    await write.keep(database, minutes(3, "META", TEN + 300))
    outcome = await roll_back(database, "v1")
    assert await named(database, "candles_intraday", "series_heads", "ingestion_cursor") == {"FB"}
    assert await count(database, "FB") == 8
    assert {one.symbol for one in await universe.load(database)} == {"FB", "AAPL"}
    assert [len(one) for one in (outcome.difference.added, outcome.difference.removed)] == [1, 1]
    assert outcome.version is not None
    assert outcome.version.source_meta["renamed"] == [["META", "FB"]]
    assert await universe.renamed(database, "FB") is None
    assert (await universe.renamed(database, "META") or ("",))[0] == "FB"
    assert (await write.keep(database, minutes(9, "META"))).told.symbol == "FB"


async def test_a_rollback_of_a_rollback_gives_the_newer_name_again(database: Database) -> None:
    await brought(database, ["FB"], tag="v1")
    await write.keep(database, minutes(5))
    await rename(database, "FB", "META")
    after = (await versions.listed(database))[0].version_tag
    await roll_back(database, "v1")
    await roll_back(database, after)
    assert await named(database) == {"META"}
    await roll_back(database, "v1")
    assert await named(database) == {"FB"}


@pytest.mark.parametrize(("to", "name"), [("v1", "A"), ("v2", "B"), ("v3", "C")])
async def test_of_several_renames_those_since_are_undone(database: Database, to: str, name: str) -> None:
    await brought(database, ["A"], tag="v1")
    await write.keep(database, minutes(5, "A"))
    await rename(database, "A", "B")
    await brought(database, ["X"], tag="v2")
    await rename(database, "B", "C")
    await brought(database, ["Y"], tag="v3")
    await rename(database, "C", "D")
    await roll_back(database, to)
    assert await named(database, "candles_intraday") == {name}


async def test_a_name_that_went_from_one_to_another_goes_back(database: Database) -> None:
    await brought(database, ["A", "B"], tag="v1")
    await write.keep(database, minutes(5, "A"))
    await write.keep(database, minutes(3, "B"))
    await rename(database, "B", "C")
    await rename(database, "A", "B")
    await roll_back(database, "v1")
    assert [await count(database, one) for one in "ABC"] == [5, 3, 0]
    assert {one.symbol for one in await universe.load(database)} == {"A", "B"}


async def test_there_and_back_is_undone_too(database: Database) -> None:
    await brought(database, ["A"], tag="v1")
    await write.keep(database, minutes(5, "A"))
    await rename(database, "A", "B")
    await rename(database, "B", "A")
    assert await universe.renamed(database, "A") is None
    await roll_back(database, "v1")
    assert await named(database) == {"A"}


async def test_a_rollback_to_a_name_that_another_has_now_is_refused_with_what_to_do(
    database: Database,
) -> None:
    await brought(database, ["FB"], tag="v1")
    await write.keep(database, minutes(5))
    await rename(database, "FB", "META")
    await brought(database, ["FB"], listed="2999-01-01")
    with pytest.raises(
        BadQuestion, match=r"META was FB at v1, but FB is another member.*rename FB NEW"
    ) as raised:
        await roll_back(database, "v1")
    assert raised.value.status == 409
    assert {one.symbol for one in await universe.load(database)} == {"FB", "META"}
    await rename(database, "FB", "FRB")
    await roll_back(database, "v1")
    assert [one.symbol for one in await universe.load(database)] == ["FB"]
    assert await count(database, "FB") == 5


async def test_a_former_name_in_a_file_is_no_new_member_unless_it_says_since_when(database: Database) -> None:
    await brought(database, ["FB"])
    await rename(database, "FB", "META")
    with pytest.raises(BadQuestion, match=r"FB is META since .*write META.*`listed`"):
        await brought(database, ["SPY", "FB"])
    assert [one.symbol for one in await universe.load(database)] == ["META"]
    await brought(database, ["META", "SPY"])
    await brought(database, ["FB"], listed="2999-01-01")
    assert {one.symbol for one in await universe.load(database)} == {"META", "SPY", "FB"}


async def test_every_table_that_has_symbols_is_renamed(database: Database) -> None:
    rows = await database.fetch(
        """SELECT c.table_name FROM information_schema.columns AS c JOIN information_schema.tables AS t
           USING (table_schema, table_name)
           WHERE table_schema = 'public' AND column_name = 'symbol' AND table_type = 'BASE TABLE'"""
    )
    statement = sql("universe_rename")
    renamed = set(re.findall(r"UPDATE (\w+) SET symbol", statement))
    missing = {row["table_name"] for row in rows} - renamed
    assert missing == {"universe_history"}, "what was, was under the former name"


async def test_a_restated_answer_follows_a_rename_too(database: Database) -> None:
    await brought(database, ["FB"])
    await write.keep(database, minutes(5))
    await rename(database, "FB", "META")
    change = await write.keep(database, replace(minutes(5, close=50.0), restates=True))
    assert change.told.symbol == "META"
    assert await named(database) == {"META"}
