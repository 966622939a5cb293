"""Three replicas over one Redis, restarted now and then: no provider is asked more than its plan allows."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from market_data.errors import ProviderFault, StoreUnavailable
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query
from market_data.providers import discover
from market_data.route import budget
from market_data.route.budget import Budget
from market_data.route.call import NoRoom, OutOfTime
from market_data.route.router import Router
from market_data.settings import InForce, read
from market_data.simulate import Running, SimulatorConfig, paced, start
from market_data.simulate.clock import Clock
from market_data.simulate.meter import Calls
from market_data.store.embedded import EmbeddedValkey
from market_data.store.redis import open_redis
from market_data.transport import Transport
from market_data.wiring import routing
from vouched import vouched

pytestmark = pytest.mark.anyio

PACE, DAY_PACE = 30.0, 240.0
"""Times as fast as the world: a minute takes two seconds; or a day six minutes."""
BEGIN = 1_719_878_400.0
"""2 July 2024, 00:00 UTC."""
REPLICAS = 3
ASKING = {"finnhub": Capability.QUOTES_L1, "yahoo": Capability.BARS_1M, "alphavantage": Capability.EOD}
"""What is asked of each provider, as fast as its budget gives."""
RESTART_SECONDS = 2.0
"""A replica lives so long."""
IN_FLIGHT = 2.5
"""Seconds of the world that a call may take."""


async def ask_on_and_on(router: Router, name: str, clock: Clock, pace: float) -> None:
    while True:
        now = clock()
        query = Query(ASKING[name], "AAPL", AssetType.EQUITY, Span(int(now) - 600, int(now)), now)
        try:
            await router.caller.ask(name, query, now + IN_FLIGHT * pace, {})
        except NoRoom as full:
            await asyncio.sleep(min(full.seconds / pace, 0.05))
        except (ProviderFault, StoreUnavailable, OutOfTime):
            await asyncio.sleep(0.01)


class Three:
    """What each replica knows of the others."""

    known = tuple(str(number) for number in range(REPLICAS))
    out = False


async def replica(in_force: InForce, redis_url: str, until: float, clock: Clock, pace: float) -> None:
    """One replica that asks every provider twice at once, and is cut off and started again until the end."""
    while time.monotonic() < until:
        redis = open_redis(redis_url)
        async with Transport() as transport:
            shared = Budget(redis, clock, Three())
            router = routing(in_force, transport, shared, tell=lambda _: None, clock=clock)
            asking = [asyncio.create_task(shared.watch())]
            asking += [
                asyncio.create_task(ask_on_and_on(router, name, clock, pace))
                for name in ASKING
                for _ in (1, 2)
            ]
            await asyncio.sleep(min(RESTART_SECONDS, max(until - time.monotonic(), 0)))
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
        await redis.aclose()


@asynccontextmanager
async def market(clock: Clock) -> AsyncIterator[tuple[Running, InForce]]:
    """The simulator with everybody's free plan, and settings that ask it; limits are the providers' own."""
    async with await start(SimulatorConfig(), clock) as simulator:
        settings = {"CALL_TIMEOUT_SEC": "120"}
        for name in ASKING:
            prefix = discover()[name].facts.settings_prefix
            settings |= {f"{prefix}_BASE_URL": simulator.base_urls[name], f"{prefix}_API_KEY": "hunter2"}
        yield simulator, InForce(read(settings, dotenv=None))


async def _vouch(url: str, clock: Clock) -> None:
    redis = open_redis(url)
    await vouched(redis, clock)
    await redis.aclose()


async def counted(
    folder: Path, minutes: float, pace: float, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Calls]:
    """The simulator's count of calls after so many of its minutes, Valkey restarted in the middle."""
    monkeypatch.setattr(budget, "LOOK_SECONDS", budget.LOOK_SECONDS / pace)
    clock, seconds = paced(BEGIN, pace), minutes * 60 / pace
    valkey = EmbeddedValkey(folder)
    async with market(clock) as (simulator, in_force):
        await asyncio.to_thread(valkey.__enter__)
        await _vouch(valkey.url, clock)
        try:
            until = time.monotonic() + seconds
            replicas = [
                asyncio.create_task(replica(in_force, valkey.url, until, clock, pace))
                for _ in range(REPLICAS)
            ]
            await asyncio.sleep(seconds / 2)
            await asyncio.to_thread(valkey.__exit__, None, None, None)
            await asyncio.to_thread(valkey.__enter__)
            await asyncio.gather(*replicas)
            return {name: simulator.calls[name] for name in ASKING}
        finally:
            await asyncio.to_thread(valkey.__exit__, None, None, None)


@pytest.mark.paced
async def test_twenty_minutes_keep_every_plan(servers_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = await counted(servers_folder / "twenty", 20, PACE, monkeypatch)
    assert {name: one.over_plan for name, one in calls.items()} == dict.fromkeys(ASKING, 0)
    assert 20 <= calls["alphavantage"].asked <= 25, "a call that a restart cuts off is spent all the same"
    assert calls["finnhub"].asked > 20 * 60 / 4, "it was asked in earnest"


@pytest.mark.soak
async def test_a_day_keeps_every_plan(servers_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = await counted(servers_folder / "day", 24 * 60, DAY_PACE, monkeypatch)
    for name, one in calls.items():
        print(f"{name}: {one.asked} calls in 24 h, {one.over_plan} over the plan")  # noqa: T201
    assert {name: one.over_plan for name, one in calls.items()} == dict.fromkeys(ASKING, 0)
