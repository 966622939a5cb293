"""Helpers of a loop: when one dies, its loop starts again, and what was under way is kept or handed back."""

import asyncio
from collections.abc import Sequence

import pytest

from market_data import loops
from market_data.backfill import work
from market_data.queue import Queue
from market_data.simulate import Fault, Switched
from market_data.store import ledger, universe
from market_data.store.connect import Database

from .conftest import AAPL, NOW, Clock, Served, Serving, at, pauses

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 1.0
QUESTION = {
    "symbol": "AAPL",
    "interval": "1m",
    "start": "2024-07-03T14:00:00Z",
    "end": "2024-07-03T14:10:00Z",
    "priority": "T0",
}
ROW = """
SELECT status, extract(epoch FROM lease_until - now())::float8 AS left, attempts FROM backfill_jobs
"""


async def failures(served: Served, loop: str, error: str) -> bool:
    return f'loop_failures_total{{error="{error}",loop="{loop}"}}' in (await served.get("/metrics")).text


async def test_a_backfill_is_kept_although_the_keeper_of_its_lease_has_died(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "STOP_SECONDS", 0.1)
    monkeypatch.setattr(loops, "PAUSE_SECONDS", 0.1)
    real, died = ledger.extend, asyncio.Event()

    async def dies_once(database: Database, owner: str, ids: Sequence[int], seconds: float) -> list[int]:
        if ids and not died.is_set():
            died.set()
            raise KeyError("unforeseen")
        return list(await real(database, owner, ids, seconds))

    monkeypatch.setattr(ledger, "extend", dies_once)
    served = await serving(
        Clock(at(NOW)), BACKFILL_DISPATCH_RATE_PER_SEC="100", BACKFILL_LEASE_SEC=str(LEASE_SECONDS)
    )
    await universe.put(served.parts.database, [AAPL])
    served.simulator.simulator.switchboard.switch_on(Switched("*", Fault.HANG))
    assert (await served.ask("POST", "/ops/backfill", json=QUESTION)).status == 202
    await asyncio.wait_for(died.wait(), 20)
    for pause in pauses():  # its loop is up again, has claimed the job and keeps its lease
        row = await served.parts.database.fetch_one(ROW)
        assert row is not None
        if row["status"] == "running" and await failures(served, "backfill", "KeyError"):
            break
        await asyncio.sleep(pause)
    else:
        pytest.fail("it was neither told nor claimed again")
    for _ in range(10):
        await asyncio.sleep(LEASE_SECONDS / 5)
        row = await served.parts.database.fetch_one(ROW)
        assert row is not None
        assert row["status"] == "running"
        assert row["left"] > 0, "the lease ran out under a running job"
    assert row["attempts"] == 1, "to be handed back is no attempt"


async def test_fetching_goes_on_although_the_keeper_of_its_jobs_has_died(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "PAUSE_SECONDS", 0.1)
    real, deaths = Queue.beat, 0

    async def dies_once(queue: Queue, held: Sequence[object]) -> list[object]:
        nonlocal deaths
        if not deaths:
            deaths += 1
            raise ZeroDivisionError("unforeseen")
        return list(await real(queue, held))  # type: ignore[arg-type]

    monkeypatch.setattr(Queue, "beat", dies_once)
    served = await serving(
        Clock(at(NOW), pace=1.0),
        CADENCE_T0="bars_1m=60",
        LOCAL_SWEEP_ENABLED="true",
        LOCAL_SWEEP_TICK_SEC="1",
    )
    for pause in pauses():
        if await failures(served, "fetch", "ZeroDivisionError"):
            break
        await asyncio.sleep(pause)
    else:
        pytest.fail("nobody was told that the keeper has died")
    await universe.put(served.parts.database, [AAPL])
    for pause in pauses():
        if await served.parts.database.fetch("SELECT FROM candles_intraday LIMIT 1"):
            return
        await asyncio.sleep(pause)
    pytest.fail("nothing is fetched any more")
