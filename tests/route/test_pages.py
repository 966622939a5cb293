"""An answer in pages is asked for to its end, within the budget, and a page is never asked for twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest

from market_data.errors import Malformed
from market_data.events import Event, ProviderAsked
from market_data.market.bar import Bars
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Query
from market_data.providers import alpaca, discover
from market_data.route import call
from market_data.route.account import accounts
from market_data.route.call import Caller, NoRoom, Parts
from market_data.route.roster import Roster
from market_data.settings import InForce, read
from market_data.simulate import Plan, Running, SimulatorConfig, start
from market_data.store.redis import open_redis
from market_data.transport import Transport
from vouched import vouched

pytestmark = pytest.mark.anyio

NOW = 1720026000.0  # 2024-07-03T17:00:00Z
SPAN = Span(int(NOW) - 3600, int(NOW) - 3000)
TEN_MINUTES = Query(Capability.BARS_1M, "AAPL", AssetType.EQUITY, SPAN, NOW)


@dataclass
class Asking:
    caller: Caller
    simulator: Running
    now: float = NOW
    events: list[Event] = field(default_factory=list)

    async def bars(self, parts: Parts) -> Bars:
        answer, *_ = await self.caller.ask("alpaca", TEN_MINUTES, self.now + 5, parts)
        assert isinstance(answer, Bars)
        return answer

    @property
    def calls(self) -> int:
        return sum(isinstance(event, ProviderAsked) for event in self.events)

    def truth(self) -> Bars:
        return self.simulator.simulator.tape.bars("AAPL", Interval.M1, SPAN, NOW)


@pytest.fixture
async def asking(redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Asking]:
    """Alpaca, whose plan allows as many calls in two seconds as the parameter says, 1000 without one."""
    found: Asking
    calls = getattr(request, "param", 1000)
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(
            await start(SimulatorConfig(plans={"alpaca": Plan.UNLIMITED}), lambda: NOW)
        )
        configuration = read(
            {
                "ALPACA_BASE_URL": simulator.base_urls["alpaca"],
                "ALPACA_API_KEY": "key",
                "ALPACA_SECRET": "secret",
                "ALPACA_LIMITS": f"{calls}/2",
            },
            dotenv=None,
        )
        providers = discover()
        redis = open_redis(redis_url)
        stack.push_async_callback(redis.aclose)
        transport = await stack.enter_async_context(Transport())
        clock = lambda: found.now  # noqa: E731
        roster = Roster(providers, accounts(configuration, providers), InForce(configuration), clock)
        events: list[Event] = []
        caller = Caller(roster, transport, await vouched(redis), tell=events.append, clock=clock)
        found = Asking(caller, simulator, events=events)
        yield found


async def test_all_pages_are_one_answer(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = await asking.bars({})
    assert asking.calls == 1
    monkeypatch.setattr(alpaca, "PAGE_ROWS", 3)
    assert (await asking.bars({})).rows() == whole.rows()
    assert [row[:5] for row in whole.rows()] == [row[:5] for row in asking.truth().rows()]
    assert asking.calls == 1 + 4


async def test_an_answer_of_too_many_pages_is_malformed(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca, "PAGE_ROWS", 1)
    monkeypatch.setattr(call, "MOST_PAGES", 5)
    with pytest.raises(Malformed, match="more than 5 pages"):
        await asking.bars({})
    assert asking.calls == 5


@pytest.mark.parametrize("asking", [2], indirect=True)
async def test_pages_that_came_are_kept_while_the_budget_has_no_room(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca, "PAGE_ROWS", 3)
    parts: Parts = {}
    with pytest.raises(NoRoom) as full:
        await asking.bars(parts)
    assert asking.calls == 2
    await asyncio.sleep(full.value.seconds + 0.1)
    assert len(await asking.bars(parts)) == 10
    assert asking.calls == 4
