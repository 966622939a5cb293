"""What COPY sends is cut into the same bars, in whichever pieces it comes."""

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market_data.market.known import KnownBars
from market_data.store.connect import Database
from market_data.store.copied import COLUMNS, Reader

from .conftest import TEN, Saying, row, tell

pytestmark = pytest.mark.anyio

COUNT = 200
QUERY = f"SELECT {', '.join(COLUMNS)} FROM candles_intraday ORDER BY ts"  # noqa: S608 - names of ours
SAYINGS = [Saying(), Saying(provider="a very much longer name"), Saying(partial=True), Saying(provider="é")]


@pytest.fixture
async def mixed(database: Database) -> Database:
    """Bars of changing origin, in short runs and long ones."""
    for number in range(COUNT):
        said = SAYINGS[number % len(SAYINGS)] if number < COUNT // 2 else SAYINGS[number // 50 % len(SAYINGS)]
        await tell(database, [row(TEN + 60 * number, 100.0 + number)], said)
    return database


async def copied(database: Database, query: str = QUERY) -> bytes:
    data = bytearray()

    async def keep(piece: bytes) -> None:
        data.extend(piece)

    await database.copied(keep, query)
    return bytes(data)


async def test_bars_are_read_in_whichever_pieces_they_come(mixed: Database) -> None:
    data = await copied(mixed)
    expected = [
        (one["ts"], one["close"], one["provider"], one["status"], one["as_of"])
        for one in await mixed.fetch(QUERY)
    ]
    assert len(expected) == COUNT

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(cuts=st.lists(st.integers(0, len(data)), max_size=30))
    def check(cuts: list[int]) -> None:
        borders = [0, *sorted(cuts), len(data)]
        reader = Reader()
        blocks = [reader.bars(data[a:b]) for a, b in pairwise(borders)]
        reader.end()
        assert [one for block in blocks for one in _shown(block)] == expected

    check()


def _shown(bars: KnownBars) -> list[tuple[object, ...]]:
    return [(one.ts, one.close, one.provider, one.status.value, one.as_of) for one in bars.rows()]


async def test_rows_of_anything_else_are_refused(mixed: Database) -> None:
    wrong = QUERY.replace("revision", "revision::bigint")
    with pytest.raises(ValueError, match="no rows of bars"):
        Reader().bars(await copied(mixed, wrong))
    without = QUERY.replace("close", "NULL::float8 AS close")
    reader = Reader()
    reader.bars(await copied(mixed, without))
    with pytest.raises(ValueError, match="no rows of bars"):
        reader.end()


async def test_no_rows_are_no_bars(database: Database) -> None:
    reader = Reader()
    bars = reader.bars(await copied(database))
    reader.end()
    assert (len(bars), bars.rows()) == (0, [])


async def test_data_that_are_cut_off_are_not_taken_for_all(mixed: Database) -> None:
    reader = Reader()
    reader.bars((await copied(mixed))[:-1])
    with pytest.raises(ValueError, match="where the data do"):
        reader.end()
