"""Services over one database and one Redis: what one loses another does, and none stops for Redis."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from shutil import rmtree

import pytest

from market_data.collect.sweep import Sweeper
from market_data.hosting import Stores
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.queue import Job, group
from market_data.store import universe
from market_data.store.embedded import EmbeddedValkey

from .conftest import NOW, Clock, Served, Serving, at, pauses, until

pytestmark = pytest.mark.anyio

MEMBERS = [Instrument(f"X{one}", "NYSE", AssetType.EQUITY, Tier.T0) for one in "ABCDEFGHIJKLMNOPQRST"]
SETTINGS = {
    "CADENCE_T0": "bars_1m=60",
    "EOD_TIERS": "none",
    "LOCAL_SWEEP_ENABLED": "true",
    "LOCAL_SWEEP_TICK_SEC": "0.5",
}


@pytest.fixture
async def valkey() -> AsyncIterator[EmbeddedValkey]:
    """A Valkey of this test's own; it may be stopped."""
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    async with AsyncExitStack() as stack:
        stack.callback(rmtree, folder)
        server = EmbeddedValkey(folder / "v")
        await asyncio.to_thread(server.__enter__)
        stack.push_async_callback(asyncio.to_thread, server.__exit__, None, None, None)
        yield server


async def held(served: Served) -> set[str]:
    """The symbols of which there are bars."""
    rows = await served.parts.database.fetch("SELECT DISTINCT symbol FROM candles_intraday")
    return {row["symbol"] for row in rows}


async def all_held(served: Served, members: list[Instrument]) -> None:
    for pause in pauses():
        if await held(served) >= {one.symbol for one in members}:
            return
        await asyncio.sleep(pause)
    pytest.fail(f"not collected: {sorted({one.symbol for one in members} - await held(served))}")


async def test_without_redis_each_replica_collects_its_share_and_all_join_again(
    serving: Serving, postgres_url: str, valkey: EmbeddedValkey
) -> None:
    stores = Stores(postgres_url, valkey.url)
    patient = {
        **SETTINGS,
        "LOCAL_SWEEP_TICK_SEC": "2",
    }  # else a job that had to wait gives each provider 0.1 s
    clocks = [Clock(at(NOW)) for _ in range(2)]  # they stand still: each series is due once
    team = [await serving(clock, stores=stores, **patient) for clock in clocks]
    await until(lambda: all(len(one.parts.replicas.known) == 2 for one in team), "they know of each other")
    await asyncio.to_thread(valkey.__exit__, None, None, None)
    await until(lambda: all(one.parts.replicas.out for one in team), "they know that Redis is out")
    await universe.put(team[0].parts.database, MEMBERS)
    await all_held(team[0], MEMBERS)
    calls = sum(asked.asked for one in team for asked in one.simulator.calls.values())
    assert calls < 2 * len(MEMBERS), "no series was asked for by both"
    health = await team[0].get("/health")
    assert (health.status, health.json["status"]) == (200, "degraded")
    await asyncio.to_thread(valkey.__enter__)
    await until(lambda: not any(one.parts.replicas.out for one in team), "they know that Redis is back")
    for clock in clocks:
        clock.now += 60
    more = [Instrument(f"Y{one}", "NYSE", AssetType.EQUITY, Tier.T0) for one in "ABC"]
    await universe.put(team[0].parts.database, more)
    await all_held(team[0], more)


async def test_what_a_dead_replica_had_claimed_is_done_by_another(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "TAKEN_OVER_SECONDS", 0.5)
    dead = await serving(Clock(at(NOW), pace=1.0), CADENCE_T0="bars_1m=60", EOD_TIERS="none")
    await dead.parts.loops.finish_work()
    await universe.put(dead.parts.database, MEMBERS[:3])
    _, due = await _due(dead)
    await dead.parts.queue.emit(due)
    assert len(await dead.parts.queue.claim(10)) == 3
    alive = await serving(Clock(at(NOW), pace=1.0))
    await all_held(alive, MEMBERS[:3])
    for pause in pauses():
        if not sum((await alive.parts.queue.depth()).values()):
            return
        await asyncio.sleep(pause)
    pytest.fail("a job is left")


async def _due(served: Served) -> tuple[object, list[Job]]:
    parts = served.parts
    return await Sweeper(parts.database, parts.queue, parts.router.roster, parts.tell).due(served.clock())


async def test_one_that_stops_is_not_ready_ends_its_jobs_and_is_gone(serving: Serving) -> None:
    leaves = await serving(Clock(at(NOW), pace=1.0), **SETTINGS)
    stays = await serving(Clock(at(NOW), pace=1.0), **SETTINGS)
    await until(lambda: len(stays.parts.replicas.known) == 2, "they know of each other")
    assert (await leaves.get("/health/ready")).status == 200
    await leaves.parts.loops.finish_work()
    got = await leaves.get("/health/ready")
    assert got.status == 503
    assert "stopping" in got.problem["detail"]
    assert (await leaves.get("/health/live")).status == 200
    await universe.put(stays.parts.database, MEMBERS)
    await all_held(stays, MEMBERS)
