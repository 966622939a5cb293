"""Bars whose minutes were dropped stay as they were built, whoever dropped them, whatever comes late."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from market_data.store import touched, write
from market_data.store.connect import Database, migrate, open_database
from market_data.store.schema import TIMESCALE, migrations

from ..conftest import Saying, row, told  # noqa: TID252 - the tests of the store have no name of their own
from .days import VIEWS, build, fill, number
from .test_aggregates import NOW, ago

pytestmark = pytest.mark.anyio

OLD = 40
"""Days ago whose chunk is dropped."""
DROP = "SELECT drop_chunks('candles_intraday', older_than => interval '35 days')"
NOTES = "SELECT count(*) FROM candles_touched"
ALONE = "SELECT count(*) FROM {view} WHERE symbol = $1 AND ts < now() - interval '35 days'"
RETENTION = "SELECT add_retention_policy('candles_intraday', interval '{days} days')"
NO_RETENTION = "SELECT remove_retention_policy('candles_intraday')"


@pytest.fixture
async def database(timescale_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    """Three symbols on two days, forty days ago and ten, all of it built."""
    async with open_database(timescale_url, 1) as opened:
        await migrate(opened)
        await fill(opened, symbols=3, first=OLD, last=10, every=30)
        await touched.refresh(opened)
        for view in VIEWS:
            await build(opened, view, "1 day")
        await touched.refresh(opened)
        yield opened


async def bars(database: Database) -> list[set[tuple[Any, ...]]]:
    """What both views have."""
    found = []
    for view in VIEWS:
        rows = await database.fetch(f"SELECT symbol, ts, open, high, low, close, volume FROM {view}")  # noqa: S608
        found.append({tuple(one) for one in rows})
    return found


async def late(database: Database, ts: int, symbol: str = "S1") -> None:
    """A bar that comes late, and the next turn of the service."""
    await write.keep(database, told([row(ts, 7.0)], Saying(symbol=symbol, at=NOW.timestamp())))
    await touched.refresh(database)


@pytest.mark.parametrize(
    "statements",
    [(NO_RETENTION, DROP), (NO_RETENTION, RETENTION.format(days=2000), DROP), (DROP,)],
    ids=["retention removed", "retention lengthened", "dropped by hand"],
)
async def test_a_late_bar_leaves_what_was_built_of_minutes_that_are_gone(
    database: Database, statements: tuple[str, ...]
) -> None:
    before = await bars(database)
    for statement in statements:
        await database.run(statement)
    assert (
        await number(database, "SELECT count(*) FROM candles_intraday WHERE ts < now() - interval '35 days'")
        == 0
    )
    await late(database, ago(OLD))
    await late(database, ago(OLD, 1), "S2")
    assert await bars(database) == before
    assert await number(database, NOTES) == 0


async def test_minutes_of_other_days_are_built_as_ever(database: Database) -> None:
    await database.run(DROP)
    await late(database, ago(OLD))
    before = await bars(database)
    await late(database, ago(10))
    changed = [now - was for now, was in zip(await bars(database), before, strict=True)]
    assert [{one[0] for one in of} for of in changed] == [{"S1"}, {"S1"}]
    await late(database, ago(60), "S9")  # older than what was dropped, and never had any
    assert [await number(database, ALONE.format(view=view), "S9") for view in VIEWS] == [1, 1]


async def test_a_chunk_that_was_dropped_before_this_version_is_known_as_dropped(timescale_url: str) -> None:
    text = migrations()[-1].read_text(encoding="utf-8")
    assert migrations()[-1].name == TIMESCALE
    step = text[text.index("-- 0.3.0") : text.index("COMMIT;\n\n-- Last: ")]
    async with open_database(timescale_url, 1) as database:
        await migrate(database)
        await fill(database, symbols=3, first=OLD, last=10, every=30)
        await touched.refresh(database)
        before = await bars(database)
        await database.run(DROP)
        days = step[
            step.index("DO $$\nDECLARE\n    bars text;") : step.index("-- What bars were before comes in")
        ]
        await database.run("TRUNCATE candles_chunks")
        await database.run(days)
        await late(database, ago(OLD))
        assert await bars(database) == before


async def test_a_note_across_the_line_of_retention_holds_nothing_up(database: Database) -> None:
    await database.run(NO_RETENTION)
    await database.run(RETENTION.format(days=30))
    # its last two minutes are after the line
    note = """INSERT INTO candles_touched (start_ts, end_ts)
              SELECT line - interval '7 days', line + interval '2 minutes'
              FROM (SELECT now() - interval '29 days' AS line) AS at"""
    await database.run(note)
    before = await bars(database)
    await late(database, ago(10))
    assert await number(database, NOTES) == 0
    assert await bars(database) != before


async def test_a_note_by_hand_is_rounded_outwards_to_buckets(database: Database) -> None:
    await database.run(
        "UPDATE candles_intraday SET high = 900 WHERE ts = to_timestamp($1::float8)", float(ago(10))
    )
    note = "INSERT INTO candles_touched (start_ts, end_ts) SELECT at + interval '1 s', at + interval '2 s'"
    await database.run(f"{note} FROM (SELECT to_timestamp($1::float8) AS at) AS minute", float(ago(10)))
    await touched.refresh(database)
    for view in VIEWS:
        count = f"SELECT count(*) FROM {view} WHERE high = 900"  # noqa: S608 - ours
        assert await number(database, count) == 3
