"""A refresh that meets another one of the same bars is tried again, a bounded number of times."""

import asyncio

import pytest

from market_data.errors import StoreUnavailable
from market_data.store import touched
from market_data.store.connect import Database

pytestmark = pytest.mark.anyio

BUSY = """
CREATE TABLE materialized (bars integer);
CREATE TABLE built (at timestamptz);
CREATE OR REPLACE PROCEDURE candles_refresh(most integer DEFAULT 1000) LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE materialized IN EXCLUSIVE MODE NOWAIT;  -- 55P03, as where two refresh
    INSERT INTO built VALUES (now());
END
$$
"""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "BUSY_PAUSES", (0.1, 0.1, 0.1, 0.1))


async def test_it_is_built_when_the_other_has_ended(database: Database) -> None:
    await database.run(BUSY)
    async with database.transaction() as other:
        await other.execute("LOCK TABLE materialized IN EXCLUSIVE MODE")
        building = asyncio.create_task(touched.refresh(database))
        await asyncio.sleep(0.15)
        assert not building.done()
    assert await building == 0
    assert len(await database.fetch("SELECT * FROM built")) == 1


async def test_it_gives_up_after_some_tries_and_lets_another_replica_build(database: Database) -> None:
    await database.run(BUSY)
    async with database.transaction() as other:
        await other.execute("LOCK TABLE materialized IN EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match=r"could not be built \(tries: 5\), it goes on later"):
            await touched.refresh(database)
    assert await touched.refresh(database) == 0
