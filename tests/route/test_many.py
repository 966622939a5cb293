"""Quotes of many symbols: the best who tells several first, the others for what it does not have."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from string import ascii_uppercase

import pytest

from market_data.errors import NoProvider
from market_data.market.instrument import AssetType
from market_data.provider import Limit
from market_data.providers import discover
from market_data.route.many import quotes_of
from market_data.route.router import Router
from market_data.settings import InForce, read
from market_data.simulate import Plan, Running, SimulatorConfig, start
from market_data.simulate.fault import Fault, Switched
from market_data.store.redis import open_redis
from market_data.transport import Transport
from market_data.wiring import routing
from vouched import vouched

pytestmark = pytest.mark.anyio

NOW = 1_719_846_030.0  # 2024-07-01 15:00:30 UTC, in session
SYMBOLS = [f"X{letter}{other}" for letter in "AB" for other in ascii_uppercase][:45]
WHO = ("yahoo", "finnhub")


@pytest.fixture
async def asked(redis_url: str) -> AsyncIterator[tuple[Router, Running]]:
    async with AsyncExitStack() as stack:
        config = SimulatorConfig(plans=dict.fromkeys(WHO, Plan.UNLIMITED))
        simulator = await stack.enter_async_context(await start(config, lambda: NOW))
        given = {
            "POLICY_QUOTES_L1": "yahoo,finnhub",
            "PROVIDERS_DISABLED": ",".join(set(discover()) - set(WHO)),
        }
        for name in WHO:
            given |= {
                f"{name.upper()}_BASE_URL": simulator.base_urls[name],
                f"{name.upper()}_API_KEY": "hunter2",
                f"{name.upper()}_LIMITS": "1000/1",
            }
        redis = open_redis(redis_url)
        stack.push_async_callback(redis.aclose)
        transport = await stack.enter_async_context(Transport())
        in_force = InForce(read(given, dotenv=None))
        yield (
            routing(in_force, transport, await vouched(redis), tell=lambda _: None, clock=lambda: NOW),
            simulator,
        )


async def ask(router: Router, symbols: list[str]) -> dict[str, str]:
    """By symbol, who told its quote."""
    found = await quotes_of(router, symbols, AssetType.EQUITY, now=NOW, deadline=NOW + 10)
    assert all(quote.symbol == symbol and quote.price > 0 for symbol, (quote, _) in found.told.items())
    return {symbol: who for symbol, (_, who) in found.told.items()}


def calls(simulator: Running, provider: str) -> int:
    return simulator.simulator.calls[provider].asked


def fail(simulator: Running, provider: str, fault: Fault, **how: object) -> None:
    simulator.simulator.switchboard.switch_on(Switched(provider, fault, **how))  # type: ignore[arg-type]


async def test_many_symbols_are_few_calls(asked: tuple[Router, Running]) -> None:
    router, simulator = asked
    assert await ask(router, SYMBOLS) == dict.fromkeys(SYMBOLS, "yahoo")
    assert (calls(simulator, "yahoo"), calls(simulator, "finnhub")) == (3, 0), "20, 20 and 5"


async def test_who_fails_is_followed_by_the_next_for_what_is_left(asked: tuple[Router, Running]) -> None:
    router, simulator = asked
    fail(simulator, "yahoo", Fault.HTTP_500, symbol=SYMBOLS[25])
    told = await ask(router, SYMBOLS)
    assert [told[one] for one in SYMBOLS] == ["yahoo"] * 20 + ["finnhub"] * 25


async def test_symbols_that_one_does_not_know_are_asked_of_the_next_but_not_again_and_again(
    asked: tuple[Router, Running],
) -> None:
    router, simulator = asked
    symbols = ["AAPL", "NOBODY9", "KO"]
    for _ in range(3):
        assert await ask(router, symbols) == {"AAPL": "yahoo", "KO": "yahoo"}
    assert calls(simulator, "finnhub") == 1, "Finnhub has said that it does not know it"


async def test_where_nobody_answers_everybodys_reason_is_told(asked: tuple[Router, Running]) -> None:
    router, simulator = asked
    fail(simulator, "*", Fault.HTTP_500)
    with pytest.raises(NoProvider, match="yahoo: HTTP 500; finnhub: HTTP 500"):
        await ask(router, SYMBOLS[:3])


async def test_a_spent_budget_ends_it_with_what_there_is(asked: tuple[Router, Running]) -> None:
    router, _ = asked
    for name in WHO:
        account = router.roster.accounts[name]
        router.roster.accounts[name] = replace(account, limits=(Limit(2, 60),))  # type: ignore[index]
    told = await ask(router, SYMBOLS)
    assert [told.get(one) for one in SYMBOLS] == ["yahoo"] * 40 + ["finnhub"] * 2 + [None] * 3
