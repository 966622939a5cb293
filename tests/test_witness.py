"""Another provider is asked about strange bars, over the wire, within its budget, and never too often."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from market_data.events import Event, ProviderAsked
from market_data.market.bar import Adjustment
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span, epoch
from market_data.provider import Query
from market_data.providers import discover
from market_data.settings import InForce, read
from market_data.simulate import Fault, Plan, Running, SimulatorConfig, Switched, start
from market_data.store.redis import open_redis
from market_data.transport import Transport
from market_data.wiring import routing
from market_data.witness import MOST_A_MINUTE, WITNESS_SECONDS, Witnesses
from vouched import vouched

pytestmark = pytest.mark.anyio

NOW = epoch(datetime(2024, 7, 2, 14, 0, 30, tzinfo=UTC))
HERE = Span(NOW - 630, NOW - 570)


@dataclass
class Hand:
    now: float

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Court:
    witnesses: Witnesses
    simulator: Running
    clock: Hand
    events: list[Event]

    async def ask(self, *spans: Span, told_by: str = "alpaca") -> list[tuple[Adjustment, int]]:
        query = Query(Capability.BARS_1M, "AAPL", AssetType.EQUITY, Span(NOW - 3600, NOW), self.clock())
        found = await self.witnesses.ask(query, told_by, spans, self.clock() + 30)
        return [(one.adjustment, len(one.bars)) for one in found]

    @property
    def asked(self) -> list[str]:
        return [one.provider for one in self.events if isinstance(one, ProviderAsked)]


Opened = Callable[..., Awaitable[Court]]


@pytest.fixture
async def court(redis_url: str) -> AsyncIterator[Opened]:
    """`await court(YAHOO_LIMITS="1/60")`: Alpaca and Yahoo; others are switched off."""
    async with AsyncExitStack() as stack:

        async def opened(**given: str) -> Court:
            clock, names, events = Hand(float(NOW)), ("alpaca", "yahoo"), list[Event]()
            config = SimulatorConfig(plans=dict.fromkeys(names, Plan.UNLIMITED))
            simulator = await stack.enter_async_context(await start(config, clock))
            environment = {
                "PROVIDERS_DISABLED": ",".join(name for name in discover() if name not in names),
                "ALPACA_API_KEY": "k",
                "ALPACA_SECRET": "s",
                **{f"{name.upper()}_LIMITS": "10000/1" for name in names},
                **{f"{name.upper()}_BASE_URL": simulator.base_urls[name] for name in names},
                **given,
            }
            redis = open_redis(redis_url)
            stack.push_async_callback(redis.aclose)
            transport = await stack.enter_async_context(Transport())
            in_force = InForce(read(environment, dotenv=None))
            router = routing(
                in_force, transport, await vouched(redis), tell=events.append, clock=clock, sleep=clock.sleep
            )
            return Court(Witnesses(router, clock), simulator, clock, events)

        yield opened


async def test_another_than_who_told_it_is_asked_once_for_each_span(court: Opened) -> None:
    here = await court()
    assert await here.ask(HERE) == [(Adjustment.SPLIT, 1)]
    assert here.asked == ["yahoo"]
    assert await here.ask(HERE, Span(NOW - 330, NOW - 210), told_by="yahoo") == [
        (Adjustment.RAW, 1),
        (Adjustment.RAW, 2),
    ]
    assert here.asked == ["yahoo", "alpaca", "alpaca"]


@pytest.mark.parametrize("fault", [Fault.HTTP_500, Fault.GARBAGE, Fault.HTTP_429])
async def test_who_fails_says_nothing(court: Opened, fault: Fault) -> None:
    here = await court()
    here.simulator.switchboard.switch_on(Switched("yahoo", fault))
    assert await here.ask(HERE, HERE) == []
    assert here.asked == ["yahoo"]


async def test_bars_that_could_not_be_are_no_evidence(court: Opened) -> None:
    here = await court()
    here.simulator.switchboard.switch_on(Switched("yahoo", Fault.NEGATIVE))
    assert await here.ask(HERE) == [(Adjustment.SPLIT, 0)]


async def test_a_spent_budget_is_not_waited_for(court: Opened) -> None:
    here = await court(YAHOO_LIMITS="1/600")
    assert await here.ask(HERE) == [(Adjustment.SPLIT, 1)]
    before = here.clock()
    assert await here.ask(HERE) == []
    assert here.clock() - before <= WITNESS_SECONDS
    assert here.asked == ["yahoo"]


async def test_a_feed_that_is_bad_all_the_time_does_not_spend_the_budgets_of_others(court: Opened) -> None:
    here = await court()
    for _ in range(3):
        assert len(await here.ask(*[HERE] * (MOST_A_MINUTE // 2))) in {MOST_A_MINUTE // 2, 0}
    assert len(here.asked) == MOST_A_MINUTE
    here.clock.now += 60
    assert len(await here.ask(HERE)) == 1
