"""Three replicas as processes, killed, paused, robbed of their stores: no minute missed, no plan exceeded."""

import asyncio
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from market_data.market.instrument import Instrument
from market_data.market.span import Span, moment
from market_data.store import ledger
from market_data.store.connect import Database, open_database

from .drill import Truth, calls, first_collected, healed, over_plan, running

pytestmark = pytest.mark.anyio

WITHIN = 2 * 60
"""Seconds after its end by which a minute must be there as final."""
TWICE = 0.01
"""Share of series that may be fetched twice for the same minute."""


async def punctual(database: Database, instruments: list[Instrument], since: int, until: int) -> str:
    """Assert that each minute that opens in [since, until) was there as final WITHIN its end."""
    rows = await database.fetch(
        """
        SELECT count(*) AS held, max(extract(epoch FROM as_of - ts) - 60) AS latest,
               count(*) FILTER (WHERE as_of - ts > make_interval(secs => $3)) AS late
        FROM (
            SELECT symbol, ts, min(as_of) AS as_of FROM (
                SELECT symbol, ts, as_of, status FROM candles_intraday
                UNION ALL SELECT symbol, ts, as_of, status FROM candle_revisions
            ) AS every WHERE status <> 'partial' AND ts >= $1 AND ts < $2 GROUP BY symbol, ts
        ) AS final
        """,
        moment(since),
        moment(until),
        60 + WITHIN,
    )
    (row,) = rows
    assert row["held"] == len(instruments) * (until - since) // 60
    assert row["late"] == 0, f"{row['late']} of {row['held']} minutes were late"
    return f"{row['held']} minutes, the latest {row['latest']:.0f} s after its end"


async def kills_and_pauses(folder: Path, *, count: int, seconds: float, apart: float) -> str:
    """One replica is killed and another stands still, again and again."""
    chance, kills = random.Random(5), 0
    async with running(folder, count) as drill, open_database(drill.postgres.url, 2) as database:
        await first_collected(drill, database)
        begin = (int(time.time()) // 60 + 1) * 60
        await asyncio.sleep(begin - time.time())
        asked = calls(drill.simulator)
        while time.time() < begin + seconds:
            killed, paused = chance.sample(drill.replicas, 2)
            killed.signal(signal.SIGKILL)
            paused.signal(signal.SIGSTOP)
            kills += 1
            await asyncio.sleep(apart * 0.6)
            paused.signal(signal.SIGCONT)
            await asyncio.sleep(apart * 0.4)
        asked = calls(drill.simulator) - asked
        end = int(time.time()) // 60 * 60
        await asyncio.sleep(WITHIN)
        told = await punctual(database, drill.instruments, begin, end - 60)
        fetched = count * ((end - begin) // 60)
        twice = sum(asked.values()) / fetched - 1
        assert over_plan(drill.simulator) == 0
        assert twice <= TWICE, f"{sum(asked.values())} calls for {fetched} slots: {dict(asked)}"
    return (
        f"{kills} kills and pauses; {told}; {sum(asked.values())} calls for {fetched} slots "
        f"({twice:+.2%}), none over a plan"
    )


async def outages(folder: Path, *, count: int, seconds: float, length: float) -> str:
    """Valkey, PostgreSQL, or both are stopped for a while, at random."""
    chance, stopped = random.Random(9), Counter[str]()
    async with running(folder, count) as drill:
        async with open_database(drill.postgres.url, 2) as database:
            await first_collected(drill, database)
        begin = (int(time.time()) // 60 + 1) * 60
        truth = Truth(drill)
        watching = asyncio.create_task(truth.watch())
        while time.time() < begin + seconds:
            what = chance.choice(["valkey", "postgres", "both"])
            stopped[what] += 1
            servers = [drill.valkey] * (what != "postgres") + [drill.postgres] * (what != "valkey")
            for server in servers:
                await truth.turn(server, False)
            await asyncio.sleep(length)
            for server in servers:
                await truth.turn(server, True)
            await asyncio.sleep(chance.uniform(0.3, 1.0) * length)
        watching.cancel()
        end = int(time.time()) // 60 * 60 - 60
        async with open_database(drill.postgres.url, 2) as database:
            waited = await healed(database, drill.instruments, Span(begin, end))
            dead = sum(one.dead for one in (await ledger.depths(database)).values())
        assert truth.lies == []
        assert dead == 0
        assert over_plan(drill.simulator) == 0
        ended = Counter(end for one in drill.replicas for end in one.ends)
    return (
        f"stopped: {dict(stopped)}; {count * (end - begin) // 60} minutes are there, the last {waited:.0f} s "
        f"after the end; {truth.asked} answers about readiness, none wrong; "
        f"replicas that ended: {dict(ended) or 'none'}"
    )


@pytest.mark.chaos
async def test_killed_and_paused_replicas_miss_no_minute(servers_folder: Path) -> None:
    print(await kills_and_pauses(servers_folder, count=300, seconds=600, apart=20))  # noqa: T201


@pytest.mark.chaos
async def test_stores_that_go_out_lose_nothing(servers_folder: Path) -> None:
    print(await outages(servers_folder, count=300, seconds=600, length=60))  # noqa: T201
