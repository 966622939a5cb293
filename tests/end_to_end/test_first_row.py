"""Yahoo sends volume 0 in the first row of each answer: no stored volume comes of it, and none is lost."""

from datetime import UTC, datetime

import pytest

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.span import Span, epoch
from market_data.simulate import Fault, Switched
from market_data.store.connect import Database

from .collector import collecting

pytestmark = pytest.mark.anyio

AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
OPEN = epoch(datetime(2024, 7, 2, 13, 30, tzinfo=UTC))
CYCLES = 8


async def test_overlapping_polls_keep_every_volume(database: Database, redis_url: str) -> None:
    async with collecting("yahoo", AAPL, database, redis_url, OPEN + 210.0) as collector:
        collector.simulator.switchboard.switch_on(Switched("yahoo", Fault.FIRST_VOLUME_ZERO))
        for _ in range(CYCLES):
            assert await collector.cycle() == []
            collector.clock.now += 60
        stored = [row for row in await collector.stored("AAPL") if row[0] >= OPEN]
        truth = collector.truth("AAPL", Span(OPEN, int(collector.clock())))
        assert len(stored) >= CYCLES
        assert stored == [truth[row[0]] for row in stored]
        revised = await database.fetch("SELECT 1 FROM candle_revisions WHERE status <> 'partial'")
        assert not revised
