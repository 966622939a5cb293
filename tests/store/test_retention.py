"""What is old is deleted by its setting, in small pieces, by one replica at a time; what is needed stays."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from market_data import expire
from market_data.backfill.horizon import Horizon
from market_data.events import Event, Expired
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.route.vendor_time import VendorTime
from market_data.settings import InForce, Settings, read
from market_data.store import retention, sizes
from market_data.store.connect import Database, describe, open_database
from rostered import roster

from .conftest import TEN, Saying, row, tell

pytestmark = pytest.mark.anyio

DAY = 86_400.0
BARS = "symbol, interval, ts, open, high, low, close, volume, provider, as_of"
OLD = """
INSERT INTO {table} ({columns}) SELECT {values}
FROM generate_series(1, 40) AS i,
     LATERAL (SELECT to_timestamp($1::float8) - i * interval '1 day' AS at) AS day
"""
"""A row for each of the last forty days, at the same time of day."""
TABLES: Mapping[str, tuple[str, str]] = {
    "quotes_l1": ("symbol, ts, provider, price", "'S', at, 'yahoo', 1"),
    "candles_intraday": (BARS, "'S', '1m', at, 1, 1, 1, 1, 1, 'yahoo', at"),
    "candle_revisions": (
        f"{BARS}, superseded_at, status, revision, adjustment, volume_scope",
        "'S', '1m', at, 1, 1, 1, 1, 1, 'yahoo', at - interval '1 hour', at, 'final', 0, 'raw', 'unknown'",
    ),
    "vacancies": (
        "symbol, interval, start_ts, end_ts, providers",
        "'S', '1m', at - interval '1 hour', at, '{}'",
    ),
    "cursor_history": ("symbol, interval, known_at, through", "'S', '1m', at, at"),
    "rejected_bars": (
        "symbol, interval, ts, provider, reason, first_told, last_told",
        "'S', '1m', at, 'yahoo', 'x', at, at",
    ),
    "backfill_jobs": (
        "symbol, interval, start_ts, end_ts, tier, status, settled_at",
        "'S', '1m', at, at + interval '1 hour', 'T0', kind, CASE WHEN kind IN ('done', 'dead') THEN at END",
    ),
    "universe_history": (
        "symbol, valid_from, valid_to, exchange, asset_type, tier, pinned, active",
        "'S', at - interval '1 day', at, 'NYSE', 'equity', 'T0', false, true",
    ),
    "universe_versions": ("version_tag, created_at", "at::text, at"),
}


def settings(**values: int | bool) -> Settings:
    return Settings.model_validate(values)


SHORT = settings(
    quotes_keep_days=1,
    minutes_keep_days=2,
    revisions_keep_days=3,
    cursor_history_keep_days=4,
    rejected_keep_days=5,
    backfills_keep_days=6,
    dead_letters_keep_days=7,
    universe_keep_days=8,
)
FOREVER = settings(
    revisions_keep_days=0,
    cursor_history_keep_days=0,
    rejected_keep_days=0,
    backfills_keep_days=0,
    dead_letters_keep_days=0,
    universe_keep_days=0,
    quotes_keep_days=3650,
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    monkeypatch.setattr(expire, "REST_SECONDS", 0.0)


async def _fill(database: Database, now: float) -> None:
    for table, (columns, values) in TABLES.items():
        kinds = ("done", "dead", "queued") if table == "backfill_jobs" else ("",)
        for kind in kinds:
            statement = OLD.format(table=table, columns=columns, values=values.replace("kind", f"'{kind}'"))
            await database.run(statement, now)


async def _left(database: Database) -> dict[str, int]:
    found = {}
    for table in TABLES:
        rows = await database.fetch(f"SELECT * FROM {table}")  # noqa: S608 - ours
        if table == "backfill_jobs":
            for status in ("done", "dead", "queued"):
                found[status] = sum(one["status"] == status for one in rows)
        else:
            found[table] = len(rows)
    return found


async def test_each_table_keeps_what_its_setting_says(database: Database) -> None:
    now = time.time()
    await _fill(database, now - 60)
    events: list[Event] = []
    await expire.turn(database, FOREVER, events.append, now)
    assert set((await _left(database)).values()) == {40}
    assert events == []
    await expire.turn(database, SHORT, events.append, now)
    scaled = (await describe(database))["timescaledb"] is not None  # there policies drop the chunks of three
    assert await _left(database) == {
        "quotes_l1": 40 if scaled else 0,
        "candles_intraday": 40 if scaled else 1,
        "vacancies": 1,
        "candle_revisions": 40 if scaled else 2,
        "cursor_history": 4,  # three, and the one that says what was known four days ago
        "rejected_bars": 4,
        "done": 5,
        "dead": 6,
        "queued": 40,
        "universe_history": 7,
        "universe_versions": 7,
    }
    assert Expired("rejected_bars", 36) in events


async def test_the_newest_version_and_cursor_stay_however_old(database: Database) -> None:
    now = time.time()
    await _fill(database, now - 100 * DAY)
    await expire.turn(database, SHORT, lambda _: None, now)
    left = await _left(database)
    assert (left["universe_versions"], left["cursor_history"], left["rejected_bars"]) == (1, 1, 0)


async def test_too_many_rejected_bars_are_too_many_however_young(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_REJECTED", 10)
    now = time.time()
    await _fill(database, now)
    await expire.turn(database, FOREVER, lambda _: None, now)
    assert (await _left(database))["rejected_bars"] == 11


async def test_partial_values_of_before_are_deleted_and_those_of_final_bars_stay(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (await describe(database))["timescaledb"]:
        pytest.skip("there they are compressed, and dropped with their chunks")
    monkeypatch.setattr(retention, "PAGES_AT_ONCE", 2)
    minutes = [TEN + 60 * minute for minute in range(400)]
    for close, partial in ((1.0, True), (2.0, True), (3.0, False), (4.0, False)):
        said = Saying(partial=partial, at=TEN + 1e6 + close, keeps_partials=True)
        await tell(database, [row(ts, close) for ts in minutes], said)
    count = "SELECT count(*) AS n FROM candle_revisions GROUP BY status ORDER BY status"
    assert [one["n"] for one in await database.fetch(count)] == [400, 800]
    partials, events = expire.Partials(), list[Event]()
    kept = settings(keep_partial_revisions=True)
    await expire.turn(database, kept, events.append, float(TEN), partials)
    assert (events, partials.page) == ([], 0)
    await expire.turn(database, settings(), events.append, float(TEN), partials)
    assert [one["n"] for one in await database.fetch(count)] == [400]
    assert events == [Expired("candle_revisions", 800)]
    assert partials.page is None  # once is enough


async def test_only_one_replica_deletes_at_a_time(postgres_url: str, anyio_backend: str) -> None:
    now = time.time()
    async with open_database(postgres_url, 2) as database:
        await _fill(database, now)
        async with database.connection() as other:
            assert await retention.lock(other)
            await expire.turn(database, SHORT, lambda _: None, now)
            assert set((await _left(database)).values()) == {40}
            await retention.unlock(other)
        await expire.turn(database, SHORT, lambda _: None, now)
        assert (await _left(database))["rejected_bars"] < 40


async def test_nothing_is_deleted_before_a_provider_has_sent_its_time(database: Database) -> None:
    await _fill(database, time.time())
    loop = asyncio.create_task(
        expire.run(database, InForce(read({}, dotenv=None)), lambda _: None, VendorTime())
    )
    await asyncio.sleep(0.3)
    loop.cancel()
    await asyncio.wait({loop})
    assert set((await _left(database)).values()) == {40}


async def test_what_is_deleted_by_age_is_not_looked_for_again(database: Database) -> None:
    now = float(TEN)
    await tell(database, [row(TEN - 300 * 86_400)])
    one = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
    horizon = Horizon(database, roster(now), lambda: now)
    kept = (await horizon.since([one], Interval.M1, settings(minutes_keep_days=3)))["AAPL"]
    ever = (await horizon.since([one], Interval.M1, settings()))["AAPL"]
    assert ever < now - 3 * DAY < kept


async def test_the_sizes_name_every_table_there_is(database: Database) -> None:
    await _fill(database, time.time())
    await database.run("ANALYZE")
    found = {one.table: one for one in await sizes.measured(database)}
    made = {
        one["tablename"]
        for one in await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    }
    assert made <= set(found)
    assert set(sizes.TABLES) - made <= {"candles_chunks", "retention_set"}
    assert found["backfill_jobs"].rows == 120
    assert found["backfill_jobs"].bytes >= 8192 * 8  # the table, and its indexes
