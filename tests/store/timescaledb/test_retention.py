"""TimescaleDB's policies follow the settings, except those that somebody has changed by hand."""

from collections.abc import AsyncIterator

import pytest

from market_data import expire
from market_data.events import Event, RetentionSet
from market_data.settings import Settings
from market_data.store import retention, sizes
from market_data.store.connect import Database, migrate, open_database
from market_data.store.retention import Policy

from ..conftest import TEN, Saying, row, tell  # noqa: TID252 - the tests of the store have no name of their own
from .days import number

pytestmark = pytest.mark.anyio

STANDARD = [
    Policy("candle_revisions", 3650, by_hand=False),
    Policy("candles_intraday", 365, by_hand=False),
    Policy("quotes_l1", 14, by_hand=False),
]
BY_HAND = """
SELECT remove_retention_policy('quotes_l1');
SELECT add_retention_policy('quotes_l1', interval '90 days');
SELECT alter_job(job_id, scheduled => false) FROM timescaledb_information.jobs
WHERE proc_name = 'policy_retention' AND hypertable_name = 'candle_revisions';
SELECT remove_retention_policy('candles_intraday');
"""
JOB = """
SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = $1 AND hypertable_name = 'candle_revisions'
"""
REVISIONS = "SELECT count(*) FROM candle_revisions"
COMPRESSED = """
SELECT count(*) FROM timescaledb_information.chunks
WHERE hypertable_name = 'candle_revisions' AND is_compressed
"""


@pytest.fixture
async def database(timescale_url: str, anyio_backend: str) -> AsyncIterator[Database]:
    async with open_database(timescale_url, 1) as opened:
        await migrate(opened)
        yield opened


async def turn(database: Database, **settings: int) -> list[Event]:
    """What a turn of the service tells of."""
    events: list[Event] = []
    await expire.turn(database, Settings.model_validate(settings), events.append, float(TEN))
    return events


async def test_policies_follow_the_settings(database: Database) -> None:
    assert await retention.policies(database) == STANDARD
    assert await turn(database) == []
    assert await turn(database, quotes_keep_days=30, revisions_keep_days=0) == [
        RetentionSet("candle_revisions", 0),
        RetentionSet("quotes_l1", 30),
    ]
    assert [(one.table, one.days) for one in await retention.policies(database)] == [
        ("candle_revisions", 0),
        ("candles_intraday", 365),
        ("quotes_l1", 30),
    ]
    assert len(await turn(database)) == 2
    assert await retention.policies(database) == STANDARD


async def test_what_an_operator_changed_by_hand_wins_and_is_seen(database: Database) -> None:
    for statement in BY_HAND.strip().split(";\n"):
        await database.run(statement.rstrip(";"))
    changed = [Policy(one.table, days, by_hand=True) for one, days in zip(STANDARD, (0, 0, 90), strict=True)]
    assert await retention.policies(database) == changed
    assert await turn(database, quotes_keep_days=30, revisions_keep_days=10) == []
    assert await retention.policies(database) == changed


async def test_old_values_are_compressed_and_dropped_and_as_of_reads_them(database: Database) -> None:
    for close in (1.0, 2.0, 3.0):
        await tell(database, [row(TEN + 60 * i, close) for i in range(60)], Saying(at=TEN + 9000 + close))
    assert await number(database, REVISIONS) == 120
    await database.run(f"CALL run_job({await number(database, JOB, 'policy_compression')})")
    assert await number(database, COMPRESSED) == 1
    assert await number(database, REVISIONS) == 120
    found = {one.table: one for one in await sizes.measured(database)}
    assert {"candles_5m", "candles_1h", "candle_revisions", "candles_intraday"} <= set(found)
    assert found["candle_revisions"].bytes > 0
    await turn(database, revisions_keep_days=100)  # they are of 2024
    await database.run(f"CALL run_job({await number(database, JOB, 'policy_retention')})")
    assert await number(database, REVISIONS) == 0
