"""A claim reads as many rows as it returns and as others have locked, however many are queued."""

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from market_data.errors import ProviderAnswer
from market_data.market.instrument import Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.store import ledger
from market_data.store.connect import Connection, Database, sql

from .conftest import TEN

pytestmark = pytest.mark.anyio

QUEUED = 20_000
MANY = """
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, status, next_attempt_at, ready, reason,
                           settled_at)
SELECT 'S' || i % 1000, '1m', at, at + interval '1 hour', tier, status, now() + wait, wait = interval '0',
       reason,
       CASE WHEN status = 'done' THEN now() END
FROM (VALUES ('T0', 'queued', interval '0', 'gap'), ('T0', 'queued', interval '1 hour', 'gap'),
             ('T0', 'queued', interval '0', 'recheck'), ('T1', 'queued', interval '0', 'gap'),
             ('T0', 'done', interval '0', 'gap')) AS kind (tier, status, wait, reason),
     generate_series(1, $1::integer) AS i,
     LATERAL (SELECT to_timestamp($2::float8) - i * interval '1 hour') AS label (at)
"""
LOCKED = """
SELECT id FROM backfill_jobs WHERE tier = 'T0' AND status = 'queued' AND ready
ORDER BY reason = 'recheck', end_ts DESC
LIMIT $1 FOR UPDATE
"""
MOST_READ = 3
"""Rows that a claim of one reads beside those that others have locked: it, and its row again to change it."""
MOST_BUFFERS = 60
"""Pages of 8 kB that it touches: a few of each index, and those that it changes."""

Plan = Mapping[str, Any]


def nodes(plan: Plan) -> Iterator[Plan]:
    """A plan and all plans below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def explained(connection: Connection, query: str, *values: object) -> Plan:
    """What a statement did; it is undone."""
    undone = connection.transaction()
    await undone.start()
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *values)
    await undone.rollback()
    plan: Plan = json.loads(found)[0]["Plan"]
    return plan


def rows_read(plan: Plan) -> int:
    """Rows of the table that were looked at, those included that a condition or a lock left out."""
    return int(
        sum(
            (one["Actual Rows"] + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"]
            for one in nodes(plan)
            if one.get("Relation Name") == "backfill_jobs" and one["Node Type"] != "ModifyTable"
        )
    )


def claim(tier: Tier, count: int = 1) -> tuple[object, ...]:
    return sql("ledger_claim"), "me", tier.value, count, timedelta(seconds=60)


@pytest.mark.parametrize("analyzed", [True, False], ids=["analyzed", "never analyzed"])
@pytest.mark.parametrize("locked", [0, 1, 40])
async def test_a_claim_reads_what_it_returns_and_what_is_locked(
    database: Database, locked: int, analyzed: bool
) -> None:
    await database.run(MANY, QUEUED, float(TEN))
    if analyzed:
        await database.run("ANALYZE backfill_jobs")
    async with database.transaction() as other, database.connection() as connection:
        await other.fetch(LOCKED, locked)
        plan = await explained(connection, *claim(Tier.T0))  # type: ignore[arg-type]
    assert rows_read(plan) <= MOST_READ + locked
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= MOST_BUFFERS + 2 * locked
    assert "backfill_jobs_ready" in {one.get("Index Name") for one in nodes(plan)}


async def test_marking_those_whose_time_has_come_reads_no_other(database: Database) -> None:
    await database.run(MANY, QUEUED, float(TEN))
    await database.run("UPDATE backfill_jobs SET next_attempt_at = now() WHERE NOT ready AND id % 5000 = 0")
    async with database.connection() as connection:
        plan = await explained(connection, sql("ledger_ripen"), ledger.RIPE_AT_ONCE)
    assert rows_read(plan) <= 2 * 4 + 2
    assert "backfill_jobs_waiting" in {one.get("Index Name") for one in nodes(plan)}


async def test_the_newest_come_first_those_that_waited_among_them_and_rechecks_last(
    database: Database,
) -> None:
    def job(hour: int, **more: Any) -> ledger.New:
        return ledger.New("AAPL", Span(TEN + hour * 3600, TEN + (hour + 1) * 3600), Tier.T0, **more)

    jobs = [job(1), job(5, reason="recheck"), job(3, wait=3600.0), job(2), job(4, wait=3600.0)]
    async with database.transaction() as connection:
        added = await ledger.add(connection, Interval.M1, jobs)
    await database.run("UPDATE backfill_jobs SET next_attempt_at = now() WHERE id = $1", added[2].id)
    order = []
    for _ in jobs:
        order += [one.id for one in await ledger.claim(database, "me", Tier.T0, 1, 60.0)]
    assert order == [added[i].id for i in (2, 3, 0, 1)]  # the last one's time has not come


async def test_one_that_an_older_program_marked_too_early_is_not_claimed(database: Database) -> None:
    await database.run(MANY, 1, float(TEN))
    await database.run("UPDATE backfill_jobs SET ready = true, next_attempt_at = now() + interval '1 hour'")
    assert await ledger.claim(database, "me", Tier.T0, 9, 60.0) == []


async def test_one_whose_lease_ran_out_takes_its_place_among_those_that_are_queued(
    database: Database,
) -> None:
    await database.run(MANY, 3, float(TEN))
    (newest,) = await ledger.claim(database, "dead", Tier.T0, 1, 60.0)
    (second,) = await ledger.claim(database, "me", Tier.T0, 1, 60.0)
    await database.run(
        "UPDATE backfill_jobs SET lease_until = now() - interval '1 s' WHERE id = $1", newest.id
    )
    assert [one.id for one in await ledger.claim(database, "me", Tier.T0, 1, 60.0)] == [newest.id]
    assert second.span.end < newest.span.end


async def test_what_an_attempt_leaves_on_record_is_bounded(database: Database) -> None:
    await database.run(MANY, 1, float(TEN))
    for _ in range(ledger.MOST_ANSWERS + 5):
        (one,) = await ledger.claim(database, "me", Tier.T1, 1, 60.0)
        answers = [ProviderAnswer("yahoo", "http_500", "x" * 100_000)]
        assert await ledger.settle(database, one, "me", status="queued", error="y" * 100_000, answers=answers)
    found = await ledger.find(database, one.id)
    assert found is not None
    assert len(found.answers) == ledger.MOST_ANSWERS
    assert {len(answer["detail"]) for answer in found.answers} == {ledger.LONGEST_DETAIL}
    assert len(found.last_error or "") == ledger.LONGEST_DETAIL
