"""The router over three simulated providers: who answers, who was passed over, and what it cost."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from market_data.errors import NoProvider
from market_data.events import Event, ProviderAsked
from market_data.market.bar import Bars
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.provider import Query
from market_data.providers import discover
from market_data.route.breaker import State
from market_data.route.router import Answered, Router
from market_data.route.standing import LAST_RESORT_SECONDS
from market_data.settings import InForce, read
from market_data.simulate import Fault, Plan, Running, SimulatorConfig, Switched, start
from market_data.store.redis import open_redis
from market_data.transport import Transport
from market_data.wiring import routing
from vouched import vouched

pytestmark = pytest.mark.anyio

NOW = 1_719_930_600.0
"""2 July 2024, 14:30 UTC: New York has been open for an hour."""
THREE = ("finnhub", "yahoo", "alphavantage")


@dataclass
class Hand:
    """A clock that is turned by hand, or runs since a moment of `time.monotonic`."""

    now: float
    runs_since: float | None = None

    def __call__(self) -> float:
        return self.now + (0.0 if self.runs_since is None else time.monotonic() - self.runs_since)


@dataclass(frozen=True)
class Routed:
    router: Router
    simulator: Running
    clock: Hand
    events: list[Event]

    def query(self, symbol: str = "AAPL", minutes: int = 10) -> Query:
        now = self.clock()
        span = Span(int(now) - minutes * 60 - 120, int(now) - 120)
        return Query(Capability.BARS_1M, symbol, AssetType.EQUITY, span, now)

    async def ask(self, symbol: str = "AAPL", **options: object) -> Answered:
        return await self.router.ask(self.query(symbol), self.clock() + 30, **options)  # type: ignore[arg-type]

    def fault(self, provider: str, fault: Fault, value: float | None = None) -> None:
        self.simulator.simulator.switchboard.switch_on(Switched(provider, fault, value=value))

    def state(self, provider: str) -> State:
        return self.router.roster.standings[provider].state(self.clock())

    @property
    def asked(self) -> list[str]:
        """Who was called, in order."""
        return [one.provider for one in self.events if isinstance(one, ProviderAsked)]


Routing = Callable[..., Awaitable[Routed]]


@pytest.fixture
async def routed(redis_url: str) -> AsyncIterator[Routing]:
    """`await routed(FINNHUB_API_KEY="invalid")`: three providers in this order; others are switched off."""
    async with AsyncExitStack() as stack:

        async def start_one(plan: Plan = Plan.UNLIMITED, **given: str) -> Routed:
            clock, events = Hand(NOW), list[Event]()
            config = SimulatorConfig(plans=dict.fromkeys(discover(), plan))
            simulator = await stack.enter_async_context(await start(config, clock))
            others = ",".join(name for name in discover() if name not in THREE)
            settings = {
                "POLICY_BARS_1M": ",".join(THREE),
                "PROVIDERS_DISABLED": others,
                "CALL_TIMEOUT_SEC": "1",
            }
            for name in THREE:
                prefix = discover()[name].facts.settings_prefix
                settings[f"{prefix}_BASE_URL"] = simulator.base_urls[name]
                settings[f"{prefix}_API_KEY"] = "hunter2"
                settings[f"{prefix}_LIMITS"] = "1000/1"
            redis = open_redis(redis_url)
            stack.push_async_callback(redis.aclose)
            transport = await stack.enter_async_context(Transport())
            in_force = InForce(read({**settings, **given}, dotenv=None))
            router = routing(
                in_force, transport, await vouched(redis, clock), tell=events.append, clock=clock
            )
            return Routed(router, simulator, clock, events)

        yield start_one


async def test_the_first_of_the_policy_answers(routed: Routing) -> None:
    one = await routed()
    answered = await one.ask()
    assert isinstance(answered.answer, Bars)
    assert (answered.provider, len(answered.answer), answered.before) == ("finnhub", 10, ())
    assert one.asked == ["finnhub"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.HTTP_500, "unavailable"),
        (Fault.GARBAGE, "malformed"),
        (Fault.HTTP_429, "throttled"),
        (Fault.HANG, "unavailable"),
        (Fault.NO_DATA, "empty"),
    ],
)
async def test_where_one_fails_the_next_answers_within_the_call(
    routed: Routing, fault: Fault, code: str
) -> None:
    one = await routed()
    one.fault("finnhub", fault)
    answered = await one.ask()
    assert answered.provider == "yahoo"
    assert [(said.provider, said.code) for said in answered.before] == [("finnhub", code)]


async def test_where_all_fail_each_answer_is_on_record(routed: Routing) -> None:
    one = await routed()
    for provider, fault in zip(THREE, (Fault.HTTP_500, Fault.GARBAGE, Fault.CUT_BODY), strict=True):
        one.fault(provider, fault)
    with pytest.raises(NoProvider) as nobody:
        await one.ask()
    said = {answer.provider: answer.code for answer in nobody.value.answers if answer.provider in THREE}
    assert said == {"finnhub": "unavailable", "yahoo": "malformed", "alphavantage": "unavailable"}
    assert "hunter2" not in str(nobody.value)


async def test_an_empty_answer_counts_only_if_nobody_has_more(routed: Routing) -> None:
    one = await routed()
    for provider in ("finnhub", "yahoo"):
        one.fault(provider, Fault.NO_DATA)
    one.fault("alphavantage", Fault.HTTP_500)
    answered = await one.ask()
    assert isinstance(answered.answer, Bars)
    assert (answered.provider, len(answered.answer)) == ("finnhub", 0)


async def test_three_failures_move_the_traffic_and_the_failed_one_is_not_asked_any_more(
    routed: Routing,
) -> None:
    one = await routed()
    one.fault("finnhub", Fault.HTTP_500)
    for _ in range(6):
        assert (await one.ask()).provider == "yahoo"
    assert one.asked.count("finnhub") == 3
    assert one.state("finnhub") is State.OPEN


async def test_it_is_readmitted_by_three_good_trials_one_at_a_time(routed: Routing) -> None:
    one = await routed()
    one.fault("finnhub", Fault.HTTP_500)
    for _ in range(3):
        await one.ask()
    one.simulator.simulator.switchboard.switch_off()
    one.clock.now += 61
    assert one.state("finnhub") is State.HALF_OPEN
    for trial in range(3):
        one.events.clear()
        answers = await asyncio.gather(*(one.ask() for _ in range(5)))
        if trial == 0:
            assert one.asked.count("finnhub") == 1, "one question is the trial, the others go elsewhere"
            assert sorted({answer.provider for answer in answers}) == ["finnhub", "yahoo"]
    assert one.state("finnhub") is State.CLOSED
    assert (await one.ask()).provider == "finnhub"


async def test_a_bad_trial_costs_one_question_a_cooldown_and_no_answer(routed: Routing) -> None:
    one = await routed()
    one.fault("finnhub", Fault.HTTP_500)
    for _ in range(3):
        await one.ask()
    for _ in range(3):
        one.clock.now += 61
        one.events.clear()
        for _ in range(5):
            assert (await one.ask()).provider == "yahoo"
        assert one.asked.count("finnhub") == 1
        assert one.state("finnhub") is State.OPEN


async def test_a_user_who_waits_does_not_pay_for_a_trial(routed: Routing) -> None:
    one = await routed()
    one.fault("finnhub", Fault.HANG)
    for _ in range(3):
        await one.ask()
    one.clock.now += 61
    one.events.clear()
    assert (await one.ask(trials=False)).provider == "yahoo"
    assert one.asked == ["yahoo"]


async def test_when_all_circuits_are_open_the_least_bad_is_tried(routed: Routing) -> None:
    one = await routed()
    for provider in THREE:
        one.fault(provider, Fault.HTTP_500)
    for _ in range(4):
        with pytest.raises(NoProvider):
            await one.ask()
    assert {one.state(provider) for provider in THREE} == {State.OPEN}
    one.simulator.simulator.switchboard.switch_off()
    assert (await one.ask()).provider in THREE


async def test_a_key_without_candles_loses_candles_and_not_the_provider(routed: Routing) -> None:
    one = await routed(Plan.FREE)
    answered = await one.ask()
    assert answered.provider == "yahoo"
    assert one.state("finnhub") is State.CLOSED
    one.events.clear()
    await one.ask("MSFT")
    assert "finnhub" not in one.asked, "what was refused is not asked again"
    now = one.clock()
    quote = await one.router.ask(
        Query(Capability.QUOTES_L1, "AAPL", AssetType.EQUITY, Span(int(now), int(now) + 1), now), now + 5
    )
    assert quote.provider == "finnhub"


async def test_what_was_refused_is_tried_again_where_nobody_else_is_left_once_a_minute(
    routed: Routing,
) -> None:
    one = await routed(FINNHUB_API_KEY="invalid", PROVIDERS_DISABLED=",".join(set(discover()) - {"finnhub"}))
    for _ in range(3):
        with pytest.raises(NoProvider):
            await one.ask()
    assert one.asked == ["finnhub"]
    one.clock.now += LAST_RESORT_SECONDS
    with pytest.raises(NoProvider):
        await one.ask()
    assert one.asked == ["finnhub", "finnhub"]


async def test_a_hint_is_followed_while_its_provider_is_well(routed: Routing) -> None:
    one = await routed()
    assert (await one.ask(hint="yahoo")).provider == "yahoo"
    one.fault("yahoo", Fault.HTTP_500)
    for _ in range(3):
        assert (await one.ask(hint="yahoo")).provider == "finnhub"
    one.events.clear()
    await one.ask(hint="yahoo")
    assert one.asked == ["finnhub"]


async def test_a_spent_budget_sends_the_question_on_and_costs_no_call(routed: Routing) -> None:
    one = await routed(FINNHUB_LIMITS="2/3600")
    answers = [(await one.ask()).provider for _ in range(4)]
    assert answers == ["finnhub", "finnhub", "yahoo", "yahoo"]
    assert one.simulator.calls["finnhub"].asked == 2


async def test_a_slow_provider_is_put_behind_a_quick_one(routed: Routing) -> None:
    one = await routed(CALL_TIMEOUT_SEC="5")
    one.fault("finnhub", Fault.LATENCY, 2500)
    assert [(await one.ask()).provider for _ in range(2)] == ["finnhub", "yahoo"]
    assert one.state("finnhub") is State.CLOSED


async def test_two_that_hang_leave_time_for_the_third_within_the_deadline(routed: Routing) -> None:
    one = await routed(CALL_TIMEOUT_SEC="10")
    for provider in ("finnhub", "yahoo"):
        one.fault(provider, Fault.HANG)
    one.clock.runs_since = time.monotonic()
    started = time.monotonic()
    now = int(NOW)
    query = Query(Capability.QUOTES_L1, "AAPL", AssetType.EQUITY, Span(now, now + 1), NOW)
    answered = await one.router.ask(query, NOW + 4)
    assert answered.provider == "alphavantage"
    assert time.monotonic() - started < 4
    assert [said.code for said in answered.before] == ["unavailable", "unavailable"]


async def test_who_was_given_no_fair_time_is_not_blamed(routed: Routing) -> None:
    one = await routed(CALL_TIMEOUT_SEC="10")
    one.fault("finnhub", Fault.HANG)
    answered = await one.router.ask(one.query(), one.clock() + 0.9)
    assert (answered.provider, [said.code for said in answered.before]) == ("yahoo", ["deadline"])
    assert one.router.roster.standings["finnhub"].track(Capability.BARS_1M).health.samples(NOW) == 0


async def test_a_cancelled_call_says_nothing_of_the_provider(routed: Routing) -> None:
    one = await routed()
    one.fault("finnhub", Fault.HANG)
    asking = asyncio.create_task(one.ask())
    async with asyncio.timeout(10):
        while one.simulator.calls["finnhub"].asked == 0:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait({asking})
    assert one.router.roster.standings["finnhub"].track(Capability.BARS_1M).health.samples(NOW) == 0
    assert one.asked == []
