"""A year of minutes is read and written in every format within bounds that do not grow with it."""

import time
import tracemalloc

import pyarrow as arrow
import pytest

from market_data.calendar import hours_of
from market_data.formats import WRITERS, Format, Heading
from market_data.market.instrument import AssetType
from market_data.market.interval import Length
from market_data.market.span import Span, moment
from market_data.store import read
from market_data.store.connect import Database

from .conftest import TEN

pytestmark = pytest.mark.anyio

YEAR = 98_000
FILL = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider, as_of)
SELECT 'AAPL', '1m', $1::timestamptz + n * interval '1 minute', n, n + 1, n - 1, n + 0.25, 7, 'yahoo',
       $1::timestamptz + n * interval '61 seconds'
FROM generate_series(0, $2::integer - 1) AS n
"""
MIB = 1024 * 1024
MOST = 8 * MIB
"""Bytes at once, where the rows are 14 MB, and JSON 24."""
MOST_ARROW = 12 * MIB
"""What Arrow allocates beside that: a row group of Parquet, and its compressed twin."""


@pytest.fixture
async def year(database: Database) -> Database:
    await database.run(FILL, moment(TEN), YEAR)
    return database


def question(count: int, length: str = "1m") -> read.Question:
    market = hours_of("CRYPTO", AssetType.CRYPTO)
    return read.Question("AAPL", Length.read(length), Span(TEN, TEN + 60 * count), market)


async def write(database: Database, kind: Format, asked: read.Question) -> tuple[int, int]:
    """How many bars were written, and in how many bytes; none of them is kept."""
    writer = WRITERS[kind](Heading("AAPL", "1m", moment(TEN), moment(TEN + 60 * YEAR)))
    count, size = 0, len(writer.begin())
    async for bars in read.stream(database, asked, time.time()):
        count += len(bars)
        size += len(writer.bars(bars))
    return count, size + len(writer.end())


@pytest.mark.parametrize("kind", Format)
async def test_a_year_is_streamed_in_bounded_memory(year: Database, kind: Format) -> None:
    await write(year, kind, question(1))  # imports what it needs
    before = arrow.total_allocated_bytes()
    tracemalloc.start()
    try:
        count, size = await write(year, kind, question(YEAR))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == YEAR
    assert size > 10 * count
    assert peak < MOST
    assert arrow.default_memory_pool().max_memory() - before < MOST_ARROW


async def test_built_bars_of_a_year_are_streamed_in_bounded_memory(year: Database) -> None:
    await write(year, Format.NDJSON, question(1))
    tracemalloc.start()
    try:
        count, _ = await write(year, Format.NDJSON, question(YEAR, "2m"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == YEAR // 2
    assert peak < MOST
