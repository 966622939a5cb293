"""A TimescaleDB in a file and back: chunks, compression, policies and aggregates are what they were."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from market_data.errors import BadQuestion
from market_data.store import dump
from market_data.store.connect import Database, migrate, open_database

from . import days
from .conftest import full_database

pytestmark = pytest.mark.anyio

STATE = {
    "chunks": "SELECT hypertable_name, range_start, is_compressed FROM timescaledb_information.chunks "
    "WHERE hypertable_name = 'candles_intraday'",
    "policies": "SELECT proc_name, hypertable_name, config - 'mat_hypertable_id' - 'hypertable_id' "
    "FROM timescaledb_information.jobs WHERE job_id >= 1000",
    "minutes": "SELECT * FROM candles_intraday",
    "5m": "SELECT * FROM candles_5m",
    "1h": "SELECT * FROM candles_1h",
}

COMPRESS_OLD = """
SELECT compress_chunk(one) FROM show_chunks('candles_intraday', older_than => interval '14 days') AS one
"""


@pytest.fixture
def second_url(full_server: str) -> Iterator[str]:
    """Another empty database on the full server."""
    with full_database(full_server) as url:
        yield url


async def state(database: Database) -> dict[str, list[Any]]:
    return {name: sorted(map(tuple, await database.fetch(query)), key=repr) for name, query in STATE.items()}


async def test_what_is_restored_is_what_was_dumped(
    postgres_url: str, second_url: str, tmp_path: Path
) -> None:
    async with open_database(postgres_url, 2) as first, open_database(second_url, 2) as second:
        await days.fill(first, 3, 40, 2, 9)
        await first.run(COMPRESS_OLD)
        before = await state(first)
        assert {compressed for _, _, compressed in before["chunks"]} == {False, True}
        await dump.dump(first, postgres_url, tmp_path / "all.dump")
        await dump.restore(second, second_url, tmp_path / "all.dump")
        assert await state(second) == before
        assert await migrate(second) == []  # it is up to date, and stays what it is
        assert await state(second) == before
        with pytest.raises(BadQuestion, match="into an empty one"):
            await dump.restore(second, second_url, tmp_path / "all.dump")
