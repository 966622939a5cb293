"""How far each series has been asked for."""

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.store import cursor, universe
from market_data.store.connect import Database
from market_data.store.cursor import Cursor

from .conftest import TEN

pytestmark = pytest.mark.anyio


@pytest.fixture
async def universal(database: Database) -> Database:
    """With AAPL, and MSFT that is not active."""
    await universe.put(
        database,
        [
            Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0),
            Instrument("MSFT", "NASDAQ", AssetType.EQUITY, Tier.T0, active=False),
        ],
    )
    return database


async def _advance(
    database: Database,
    through: int,
    *,
    symbol: str = "AAPL",
    interval: str = "1m",
    source: str = "yahoo",
    last_bar: int | None = None,
    asked_at: float = TEN,
) -> None:
    async with database.transaction() as connection:
        await cursor.advance(
            connection,
            symbol=symbol,
            interval=interval,
            source=source,
            through=through,
            last_bar=last_bar,
            asked_at=asked_at,
        )


async def test_a_cursor_goes_forward_and_never_back(universal: Database) -> None:
    steps = [(TEN, TEN + 1.5), (TEN + 60, TEN + 61.5), (TEN - 600, TEN + 0.5), (TEN + 30, TEN + 99.5)]
    seen = []
    for through, asked_at in steps:
        await _advance(universal, through, asked_at=asked_at)
        seen.append((await cursor.all_cursors(universal))["AAPL", "1m"])
    assert seen == [
        Cursor(TEN, TEN + 1.5),
        Cursor(TEN + 60, TEN + 61.5),
        Cursor(TEN + 60, TEN + 61.5),
        Cursor(TEN + 60, TEN + 99.5),
    ]


async def test_the_farthest_of_all_sources_counts(universal: Database) -> None:
    await _advance(universal, TEN + 60, source="yahoo", asked_at=TEN + 61)
    await _advance(universal, TEN, source="finnhub", asked_at=TEN + 90)
    assert await cursor.all_cursors(universal) == {("AAPL", "1m"): Cursor(TEN + 60, TEN + 90)}


async def test_a_cursor_later_than_now_goes_back_to_what_was_had(universal: Database) -> None:
    ahead = TEN + 18_000
    await _advance(universal, ahead, source="yahoo", last_bar=TEN - 120, asked_at=ahead)
    await _advance(universal, ahead, source="none", asked_at=ahead)
    await _advance(universal, ahead, source="void", last_bar=ahead - 60, asked_at=ahead)
    await _advance(universal, TEN - 60, source="asked", last_bar=TEN - 120, asked_at=ahead)
    await _advance(universal, TEN, source="right", last_bar=TEN - 60, asked_at=TEN + 4)
    day = (TEN // 86_400) * 86_400
    await _advance(universal, day + 86_400, interval="1d", last_bar=day, asked_at=TEN)
    assert await cursor.heal(universal, TEN) == 4
    rows = await universal.fetch("SELECT source, interval, through, asked_at FROM ingestion_cursor")
    found = {(row["source"], row["interval"]): (row["through"], row["asked_at"]) for row in rows}
    assert {key: tuple(int(at.timestamp()) - TEN for at in value) for key, value in found.items()} == {
        ("yahoo", "1m"): (-60, -60),
        ("asked", "1m"): (-60, -60),
        ("right", "1m"): (0, 4),
        ("yahoo", "1d"): (day + 86_400 - TEN, 0),
    }
    assert await cursor.heal(universal, TEN) == 0


async def test_only_active_instruments_have_cursors(universal: Database) -> None:
    for symbol in ("AAPL", "MSFT", "NEVER"):
        for interval in ("1m", "1d"):
            await _advance(universal, TEN, symbol=symbol, interval=interval, last_bar=TEN)
    assert set(await cursor.all_cursors(universal)) == {("AAPL", "1m"), ("AAPL", "1d")}
    assert set(await cursor.newest_bars(universal, Interval.M1)) == {"AAPL"}


async def test_the_newest_bar_is_that_of_any_source_and_is_not_forgotten(universal: Database) -> None:
    assert await cursor.newest_bars(universal, Interval.M1) == {}
    await _advance(universal, TEN, last_bar=None)
    assert await cursor.newest_bars(universal, Interval.M1) == {}
    await _advance(universal, TEN, last_bar=TEN - 60)
    await _advance(universal, TEN, last_bar=TEN - 120, source="finnhub")
    await _advance(universal, TEN, last_bar=None)
    await _advance(universal, TEN, last_bar=TEN - 600)
    await _advance(universal, TEN, last_bar=TEN, interval="1d")
    assert await cursor.newest_bars(universal, Interval.M1) == {"AAPL": TEN - 60}
    assert await cursor.newest_bars(universal, Interval.D1) == {"AAPL": TEN}
