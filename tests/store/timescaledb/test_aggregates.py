"""Bars of 5m and 1h on TimescaleDB are those that plain PostgreSQL makes of the same minutes, always."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from market_data import refresh
from market_data.errors import StoreUnavailable
from market_data.events import AggregatesBuilt, Event
from market_data.market.bar import Row
from market_data.market.span import Span, epoch, moment
from market_data.settings import InForce, read
from market_data.store import gaps, touched, universe, write
from market_data.store.connect import Database, migrate, open_database

from ..conftest import Saying, row, told  # noqa: TID252 - the tests of the store have no name of their own
from .days import VIEWS, build, built, compress, differences, fill, number, run_job

pytestmark = pytest.mark.anyio

NOW = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
NOTES = "SELECT count(*) FROM candles_touched"
MANY = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
SELECT 'S1', '1m', date_bin('1 day', now(), 'epoch') - i * interval '1 minute', 1, 1, 1, 1, 1, 'yahoo'
FROM generate_series(1, 110000) AS i
"""
KILL = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE '%CALL candles_refresh%' AND pid <> pg_backend_pid()
"""
MATERIALIZED = """
SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name) AS name
FROM timescaledb_information.continuous_aggregates WHERE view_name = $1
"""


@pytest.fixture
async def database(timescale_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """A migrated TimescaleDB, one connection; its jobs run when they are called."""
    async with open_database(timescale_url, 1) as opened:
        await migrate(opened)
        await touched.refresh(opened)
        yield opened


def ago(days: int, minute: int = 0) -> int:
    """Epoch seconds: 14:00 UTC so many days ago, and minutes later."""
    return epoch(NOW - timedelta(days=days) + timedelta(hours=14, minutes=minute))


async def late(database: Database, rows: Sequence[Row], symbol: str = "S1") -> None:
    """Bars that are told now."""
    await write.keep(database, told(rows, Saying(symbol=symbol, at=datetime.now(UTC).timestamp())))


async def spoil(database: Database, view: str) -> None:
    """Make all that is built of a view wrong, so that what is built anew can be told from what is not."""
    found = await database.fetch_one(MATERIALIZED, view)
    assert found is not None
    await database.run(f"UPDATE {found['name']} SET volume = -1")  # noqa: S608 - ours


async def built_anew(database: Database, view: str) -> set[int]:
    """When the bars open that are not spoilt any more."""
    query = f"SELECT ts FROM {view} WHERE volume <> -1"  # noqa: S608 - ours
    return {epoch(one["ts"]) for one in await database.fetch(query)}


async def test_they_are_those_of_plain_postgresql_row_by_row_built_or_not(database: Database) -> None:
    await fill(database, symbols=3, first=40, last=0, every=3)
    assert [differ for _, differ in await differences(database)] == [0, 0], "nothing is built yet"
    for view in VIEWS:
        await build(database, view, "10 days")
    (fives, five), (hours, hour) = await differences(database)
    assert (five, hour) == (0, 0)
    assert fives > 14 * 3 * 18
    assert hours >= 14 * 3 * 3
    await late(database, [row(ago(0, 90), 7.0)])  # newer than all that is built
    assert [differ for _, differ in await differences(database)] == [0, 0]


async def test_late_bars_and_corrections_build_exactly_the_buckets_that_they_touch(
    database: Database,
) -> None:
    await fill(database, symbols=2, first=30, last=3, every=3)
    await touched.refresh(database)
    for view in VIEWS:
        await spoil(database, view)
    await late(database, [row(ago(12, 17), 500.0), row(ago(12, 22), 1.0), row(ago(9, 61), 2.0)])
    await late(database, [row(ago(20, 5), 3.0)], symbol="NEW")
    assert await built_anew(database, "candles_5m") == set()
    assert await touched.refresh(database) == 0
    assert await built_anew(database, "candles_5m") == {ago(12, 15), ago(12, 20), ago(9, 60), ago(20, 5)}
    assert await built_anew(database, "candles_1h") == {ago(12), ago(9, 60), ago(20)}


async def test_after_late_bars_and_corrections_they_are_those_of_plain_postgresql(database: Database) -> None:
    await fill(database, symbols=2, first=30, last=3, every=3)
    await touched.refresh(database)
    await compress(database)
    for day in (27, 12, 5):
        await late(database, [row(ago(day, minute), 100.0 + minute) for minute in range(0, 200, 7)])
        await late(database, [row(ago(day, minute), 900.0) for minute in range(0, 50, 5)])
    assert [differ > 0 for _, differ in await differences(database)] == [True, True]
    assert await touched.refresh(database) == 0
    assert [differ for _, differ in await differences(database)] == [0, 0]


async def test_what_is_written_and_what_is_noted_are_one_transaction(database: Database) -> None:
    async def failing() -> None:
        async with database.transaction() as connection:
            await write.write(connection, told([row(ago(12))], Saying(at=NOW.timestamp())))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    assert await number(database, NOTES) == 0
    await late(database, [row(ago(12))])
    assert await number(database, NOTES) == 1
    await late(database, [row(ago(12))])  # says nothing new
    assert await number(database, NOTES) == 1


async def test_bars_of_the_last_days_are_not_noted(database: Database) -> None:
    now = datetime.now(UTC).timestamp()
    await late(database, [row(int(now) // 60 * 60 - 60 * minute) for minute in range(1, 40)])
    assert await number(database, NOTES) == 0


async def test_a_late_bar_of_minutes_that_are_dropped_empties_nothing(database: Database) -> None:
    await fill(database, symbols=2, first=500, last=3, every=30)
    await touched.refresh(database)
    before = [await built(database, one) for one in VIEWS]
    await run_job(database, "policy_retention")
    await late(database, [row(ago(380, 3), 5.0), row(ago(500, 3), 5.0)])
    while await touched.refresh(database):
        pass
    assert [await built(database, one) for one in VIEWS] == before
    assert await number(database, NOTES) == 0


async def test_where_no_job_has_run_for_days_what_is_read_has_no_hole(database: Database) -> None:
    await fill(database, symbols=1, first=13, last=0, every=1)
    assert [differ for _, differ in await differences(database)] == [0, 0]
    await touched.refresh(database)
    for view in VIEWS:  # when jobs run again, they look back three days
        await build(database, view, "2 hours", since="now() - interval '3 days'")
    assert [differ for _, differ in await differences(database)] == [0, 0]


async def test_a_renamed_symbol_keeps_what_was_built_of_it(database: Database) -> None:
    await database.run("INSERT INTO symbol_universe VALUES ('S1', 'NASDAQ')")
    await fill(database, symbols=2, first=500, last=3, every=30)
    await touched.refresh(database)
    await compress(database)
    before = [await built(database, one) for one in VIEWS]
    await run_job(database, "policy_retention")
    async with database.transaction() as connection:
        assert await universe.rename(connection, "S1", "S9")
    names = {"S1": "S9", "S2": "S2"}
    renamed = [sorted((names[one[0]], *one[1:]) for one in view) for view in before]
    assert [await built(database, one) for one in VIEWS] == renamed
    await touched.refresh(database)
    assert [await built(database, one) for one in VIEWS] == renamed


async def test_more_compressed_bars_than_a_transaction_may_unpack_by_default_are_renamed(
    full_server: str, postgres_url: str, anyio_backend: str
) -> None:
    async with open_database(postgres_url, 1) as database:
        await database.run("INSERT INTO symbol_universe VALUES ('S1', 'NASDAQ')")
        await database.run(MANY)
        await compress(database)
        async with database.transaction() as connection:
            assert await universe.rename(connection, "S1", "S9")
        assert await number(database, "SELECT count(*) FROM candles_intraday WHERE symbol = 'S9'") == 110_000


async def test_what_is_deleted_by_hand_is_missing_also_where_it_was_compressed(database: Database) -> None:
    await late(database, [row(ago(20, minute)) for minute in range(60)])
    await compress(database)
    hour, hole = Span(ago(20), ago(20, 60)), Span(ago(20, 10), ago(20, 15))
    delete = "DELETE FROM candles_intraday WHERE ts >= $1 AND ts < $2"
    await database.run(delete, moment(hole.start), moment(hole.end))
    assert await gaps.minutes(database, [("S1", hour)], 0.0) == [("S1", hole)]
    assert await gaps.short(database, ["S1"], hour, 60) == ["S1"]


async def test_the_service_builds_by_itself(database: Database) -> None:
    told_of: asyncio.Queue[Event] = asyncio.Queue()
    await late(database, [row(ago(12))])
    configuration = read({"AGGREGATES_REFRESH_SEC": "0.2"}, dotenv=None)
    loop = asyncio.create_task(refresh.run(database, InForce(configuration), told_of.put_nowait))
    async with asyncio.timeout(60):
        event = await told_of.get()
    loop.cancel()
    await asyncio.wait({loop})
    assert isinstance(event, AggregatesBuilt)
    assert event.left == 0
    assert await number(database, NOTES) == 0


async def test_killed_while_it_builds_it_goes_on_with_the_rest(postgres_url: str, anyio_backend: str) -> None:
    async with open_database(postgres_url, 3) as database:
        await fill(database, symbols=3, first=100, last=3, every=1)
        await touched.refresh(database)
        for day in range(10, 90):
            await late(database, [row(ago(day, 30), 900.0)])
        building = asyncio.create_task(touched.refresh(database))
        async with asyncio.timeout(60):
            while (left := await number(database, NOTES)) == 80:
                pass
            assert await number(database, KILL) == 1
            with pytest.raises(StoreUnavailable):
                await building
        assert 0 < await number(database, NOTES) <= left < 80
        assert await touched.refresh(database) == 0
        assert [differ for _, differ in await differences(database)] == [0, 0]
