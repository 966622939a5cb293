"""Budgets: no stretch of a limit's length holds more than its calls, whoever makes them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from market_data.errors import StoreUnavailable
from market_data.provider import Limit
from market_data.route.budget import REJOIN_SECONDS, Budget, Others, Spent
from market_data.store.embedded import EmbeddedValkey
from market_data.store.redis import open_redis
from vouched import vouched

pytestmark = pytest.mark.anyio


async def of_p(
    redis: Redis, clock: Callable[[], float] | None = None, others: Others | None = None
) -> Budget:
    return await vouched(redis, clock, others, ("p", "q"))


class Hand:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    opened = open_redis(redis_url)
    yield opened
    await opened.aclose()


async def test_a_call_is_spent_from_every_limit_or_from_none(redis: Redis) -> None:
    clock = Hand()
    budget, limits = await of_p(redis, clock), [Limit(2, 1), Limit(3, 60)]
    for _ in range(2):
        assert isinstance(await budget.spend("p", limits, 0.0), Spent)
    assert await budget.left("p", limits) == [0, 1]
    assert await budget.spend("p", limits, 0.0) == 1.0
    assert await budget.left("p", limits) == [0, 1]
    clock.now += 1
    assert isinstance(await budget.spend("p", limits, 0.0), Spent)
    clock.now += 1
    assert await budget.spend("p", limits, 0.0) == 58.0, "the tightest window says how long"


async def test_calls_from_before_the_clock_was_set_back_count_for_their_time_and_no_longer(
    redis: Redis,
) -> None:
    clock = Hand()
    budget, limits = await of_p(redis, clock), [Limit(2, 60)]
    for _ in range(2):
        assert isinstance(await budget.spend("p", limits, 10.0), Spent)
    clock.now -= 3600
    assert await budget.spend("p", limits, 10.0) == 60.0
    clock.now += 61
    assert isinstance(await budget.spend("p", limits, 10.0), Spent)


async def test_without_limits_there_is_always_room(redis: Redis) -> None:
    spent = await Budget(redis).spend("p", [], 1.0)
    assert isinstance(spent, Spent)
    await Budget(redis).settle(spent)


async def test_a_call_counts_from_when_it_is_over_not_from_when_it_began(redis: Redis) -> None:
    clock = Hand()
    budget, limits = await of_p(redis, clock), [Limit(1, 10)]
    spent = await budget.spend("p", limits, hold=5.0)
    assert isinstance(spent, Spent)
    clock.now += 3
    await budget.settle(spent)
    clock.now += 9
    assert await budget.spend("p", limits, hold=5.0) == 1.0


async def test_a_call_that_is_never_settled_counts_as_late_as_it_can_have_come(redis: Redis) -> None:
    clock = Hand()
    budget, limits = await of_p(redis, clock), [Limit(1, 10)]
    await budget.spend("p", limits, hold=5.0)
    clock.now += 14
    assert not isinstance(await budget.spend("p", limits, hold=5.0), Spent)
    clock.now += 1.001
    assert isinstance(await budget.spend("p", limits, hold=5.0), Spent)


async def test_replicas_that_spend_at_once_share_one_budget(redis: Redis, redis_url: str) -> None:
    other = open_redis(redis_url)
    budgets, limits = [await of_p(redis), await of_p(other)], [Limit(25, 3600)]
    spent = await asyncio.gather(*(budgets[i % 2].spend("p", limits, 1.0) for i in range(100)))
    assert sum(isinstance(one, Spent) for one in spent) == 25
    assert await budgets[1].left("p", limits) == [0]
    await other.aclose()


async def test_providers_have_budgets_of_their_own(redis: Redis) -> None:
    budget, limits = await of_p(redis), [Limit(1, 60)]
    assert isinstance(await budget.spend("p", limits, 0.0), Spent)
    assert isinstance(await budget.spend("q", limits, 0.0), Spent)


async def test_a_provider_that_is_first_asked_during_a_look_does_not_end_it(redis: Redis) -> None:
    budget, limits = await of_p(redis), [Limit(1, 10)]
    await budget.spend("p", limits, 0.0)
    _, spent = await asyncio.gather(budget.look(), budget.spend("q", limits, 0.0))
    assert isinstance(spent, Spent)


@dataclass
class Team:
    """What a budget knows of the replicas."""

    size: int
    out: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        return tuple(str(number) for number in range(self.size))


async def test_one_that_starts_where_redis_has_just_begun_anew_waits_for_the_others(
    redis: Redis,
) -> None:
    """What a dead replica has called is in nobody's memory."""
    clock, limits = Hand(), [Limit(5, 60)]
    budget = Budget(redis, clock, Team(2))
    assert await budget.spend("p", limits, 0.0) == 60.0
    clock.now += REJOIN_SECONDS - 1
    late = Budget(redis, clock, Team(2))
    assert await late.spend("p", limits, 0.0) == 60.0, "it is still young"
    clock.now += 1
    spent = [await budget.spend("p", limits, 0.0) for _ in range(6)]
    assert [isinstance(one, Spent) for one in spent] == [True] * 5 + [False], "and the others' part too"
    assert not isinstance(await Budget(redis, clock, Team(2)).spend("p", limits, 0.0), Spent), "as all see"


async def test_who_vouches_for_a_redis_that_knows_a_life_changes_nothing(redis: Redis) -> None:
    clock, limits = Hand(), [Limit(5, 60)]
    assert not isinstance(await Budget(redis, clock).spend("p", limits, 0.0), Spent)
    late = await of_p(redis, clock)
    assert not isinstance(await late.spend("p", limits, 0.0), Spent)


async def test_one_that_noticed_no_restart_does_not_spend_what_others_called_meanwhile(
    servers_folder: Path,
) -> None:
    """Valkey comes back with all that it was told, so that nothing but its run tells that it was away."""
    clock, limits = Hand(), [Limit(10, 60)]
    with EmbeddedValkey(servers_folder / "restarted") as valkey:
        one, other = (open_redis(valkey.url) for _ in range(2))
        busy, idle = await of_p(one, clock, Team(2)), Budget(other, clock, Team(2))
        for budget in (busy, idle):
            for _ in range(5):
                assert isinstance(await budget.spend("p", limits, 0.0), Spent)
    for redis in (one, other):
        await redis.aclose()
    await busy.look()
    clock.now += 61
    for _ in range(5):
        assert isinstance(await busy.spend("p", limits, 0.0), Spent)
    with EmbeddedValkey(servers_folder / "restarted"):
        spent = [await idle.spend("p", limits, 0.0) for _ in range(6)]
        assert sum(isinstance(one, Spent) for one in spent) <= 5
        for redis in (one, other):
            await redis.aclose()


async def test_a_share_counts_calls_that_are_over_while_others_may_take_long(servers_folder: Path) -> None:
    redis, clock, limits = open_redis(f"unix://{servers_folder / 'nobody.sock'}"), Hand(), [Limit(10, 60)]
    budget = Budget(redis, clock, Team(2, out=True))
    await budget.spend("p", limits, 50.0)
    clock.now += 60
    for _ in range(5):
        spent = await budget.spend("p", limits, hold=50.0)
        assert isinstance(spent, Spent)
        clock.now += 5
        await budget.settle(spent)
    assert not isinstance(await budget.spend("p", limits, hold=50.0), Spent)
    await redis.aclose()


async def test_a_redis_that_is_not_there_leaves_each_replica_its_share(servers_folder: Path) -> None:
    redis, clock = open_redis(f"unix://{servers_folder / 'nobody.sock'}"), Hand()
    budget, limits = Budget(redis, clock, Team(2)), [Limit(5, 60)]
    assert await budget.spend("p", limits, 0.0) == 60.0, "what the others have called is not known"
    clock.now += 60
    spent = [await budget.spend("p", limits, 0.0) for _ in range(3)]
    assert [isinstance(one, Spent) for one in spent] == [True, True, False]
    with pytest.raises(StoreUnavailable):
        await budget.left("p", limits)
    await redis.aclose()


async def _through(url: str, limits: list[Limit], steps: list[tuple[str, int]]) -> list[float]:
    """When calls were made."""
    redis, clock, team, arrived = open_redis(url), Hand(), Team(3), list[float]()
    await redis.flushall()
    budgets = [await of_p(redis, clock, team) for _ in range(team.size)]
    for what, value in steps:
        if what == "spend":
            if isinstance(await budgets[value].spend("p", limits, 0.0), Spent):
                arrived.append(clock.now)
        elif what == "wait":
            clock.now += value / 1000
        elif what == "restart":
            budgets[value] = Budget(redis, clock, team)
        elif what == "wipe":
            await redis.flushall()
        else:
            team.out = what == "out"
        for one in budgets:
            await one.look()
    await redis.aclose()
    return sorted(arrived)


STEP = st.one_of(
    st.tuples(st.just("spend"), st.integers(0, 2)),
    st.tuples(st.just("wait"), st.integers(1, 20_000)),
    st.tuples(st.just("restart"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["out", "back", "wipe"]), st.just(0)),
)


@given(
    limits=st.lists(
        st.builds(Limit, st.integers(1, 9), st.integers(1, 60)),
        min_size=1,
        max_size=2,
        unique_by=lambda one: one.seconds,
    ),
    steps=st.lists(STEP, min_size=1, max_size=60),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_redis_loses_three_replicas_keep_the_plan(
    redis_url: str, limits: list[Limit], steps: list[tuple[str, int]]
) -> None:
    """Redis goes out for all at once, comes back with or without what it knew; replicas die and start again;
    everyone looks once a second."""

    arrived = asyncio.run(_through(redis_url, limits, steps))
    for limit in limits:
        for first, later in zip(arrived, arrived[limit.calls :], strict=False):
            assert later - first >= limit.seconds - 0.002, f"{limit} was exceeded"


@given(
    limits=st.lists(
        st.builds(Limit, st.integers(1, 5), st.integers(1, 20)),
        min_size=1,
        max_size=2,
        unique_by=lambda one: one.seconds,
    ),
    steps=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3000)), min_size=1, max_size=40),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whenever_calls_arrive_no_window_ever_holds_too_many(
    redis_url: str, limits: list[Limit], steps: list[tuple[int, int]]
) -> None:
    """Each step waits, spends, and if it may, the call arrives at any moment until it is settled."""

    async def run() -> list[float]:
        redis, clock = open_redis(redis_url), Hand()
        await redis.flushall()
        budget, arrived, under_way = await of_p(redis, clock), list[float](), list[tuple[float, Spent]]()
        for pause, flight in steps:
            clock.now += pause / 1000
            for ends, spent in [one for one in under_way if one[0] <= clock.now]:
                under_way.remove((ends, spent))
                await budget.settle(spent)
            spent_or_wait = await budget.spend("p", limits, hold=3.0)
            if isinstance(spent_or_wait, Spent):
                under_way.append((clock.now + flight / 1000, spent_or_wait))
                arrived.append(clock.now + flight / 1000)
        await redis.aclose()
        return sorted(arrived)

    arrived = asyncio.run(run())
    for limit in limits:
        for first, later in zip(arrived, arrived[limit.calls :], strict=False):
            assert later - first >= limit.seconds - 0.002, f"{limit} was exceeded"
