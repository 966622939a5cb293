"""The coordinator: what is due, T0 first, and no more than the plans allow."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from market_data.collect import coordinate
from market_data.collect.coordinate import Allowance, Coordinator
from market_data.collect.quotes import QuoteSweeper
from market_data.collect.sweep import Sweeper
from market_data.events import Coordinated, Event
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.provider import Limit
from market_data.providers import discover
from market_data.queue import Queue
from market_data.queue.intake import STREAM, BarsFetch, read_order
from market_data.route.account import accounts
from market_data.route.roster import Roster
from market_data.settings import InForce, read
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.redis import entries, open_redis

from .moments import at

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unheld")]

NOW = at("2024-07-03 15:00") + 5.0
UNIVERSE = [
    Instrument(f"X{letter}{tier[1]}", "NYSE", AssetType.EQUITY, Tier(tier))
    for tier in ("T1", "T0")
    for letter in "ABCDEFGH"
]


class Hand:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(redis_url) as client:
        yield client


def coordinator(
    database: Database, redis: Redis, clock: Hand, events: list[Event], name: str = "first", **settings: str
) -> Coordinator:
    providers = discover()
    given = {
        "PROVIDERS_DISABLED": ",".join(one for one in providers if one not in {"finnhub", "yahoo"}),
        "FINNHUB_API_KEY": "hunter2",
        "CADENCE_T0": "bars_1m=60",
        "CADENCE_T1": "bars_1m=60",
        "LOCAL_SWEEP_TICK_SEC": "15",
        "EOD_TIERS": "T2",
        **settings,
    }
    configuration = read(given, dotenv=None)
    roster = Roster(providers, accounts(configuration, providers), InForce(configuration), clock)
    queue = Queue(redis, name)
    return Coordinator(
        redis=redis,
        sweeper=Sweeper(database, queue, roster, events.append),
        quotes=QuoteSweeper(database, queue, roster),
        roster=roster,
        name=name,
        tell=events.append,
        clock=clock,
    )


async def sent(redis: Redis) -> list[BarsFetch]:
    """What has been sent since the last look."""
    found = entries([(b"", await redis.xrange(STREAM))])
    await redis.delete(STREAM)
    orders = [read_order(fields[b"job"]) for _, _, fields in found]
    return [one for one in orders if isinstance(one, BarsFetch)]


async def test_what_is_due_is_sent_t0_first_within_the_plans_and_the_rest_when_there_is_room(
    database: Database, redis: Redis
) -> None:
    await universe.put(database, UNIVERSE)
    clock, events = Hand(), list[Event]()
    one = coordinator(database, redis, clock, events, FINNHUB_LIMITS="5/10", YAHOO_LIMITS="6/60")
    assert await one.send() == 11
    first = await sent(redis)
    assert [order.symbol[-1] for order in first] == ["0"] * 8 + ["1"] * 3
    by_provider = {name: sum(order.provider == name for order in first) for name in ("finnhub", "yahoo")}
    assert by_provider == {"finnhub": 5, "yahoo": 6}
    assert events[-1] == Coordinated(11, 5, 0)
    clock.now += 1
    assert await one.send() == 0, "no window has room"
    clock.now += 9.5
    assert await one.send() == 5
    assert {order.provider for order in await sent(redis)} == {"finnhub"}
    clock.now += 10
    assert await one.send() == 0, "what was sent is under way"


async def test_what_is_sent_is_what_the_replicas_read(database: Database, redis: Redis) -> None:
    await universe.put(database, UNIVERSE[:1])
    await coordinator(database, redis, Hand(), []).send()
    (order,) = await sent(redis)
    assert (order.symbol, order.interval) == ("XA1", "1m")
    assert order.end == at("2024-07-03 15:01")
    assert msgspec.to_builtins(order)["type"] == "bars_fetch"


async def test_of_several_one_leads_and_another_follows_when_it_is_gone(
    database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinate, "LEASE_SECONDS", 0.05)
    first = coordinator(database, redis, Hand(), [])
    second = coordinator(database, redis, Hand(), [], "second")
    assert await first.leads()
    assert await first.leads()
    monkeypatch.setattr(coordinate, "LEASE_SECONDS", 60.0)
    assert await first.leads()
    assert not await second.leads()
    await redis.delete(coordinate.LEASE)  # as when it has run out
    assert await second.leads()
    assert not await first.leads()


async def test_nothing_is_sent_while_nobody_reads(
    database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinate, "MOST_WAITING", 2)
    await universe.put(database, UNIVERSE)
    for _ in range(3):
        await redis.xadd(STREAM, {"job": "{}"})
    assert await coordinator(database, redis, Hand(), []).send() == 0


@given(
    st.lists(st.builds(Limit, st.integers(1, 6), st.integers(1, 30)), min_size=1, max_size=3),
    st.lists(st.integers(0, 3000), max_size=80),
)
def test_no_window_of_a_plan_is_ever_exceeded(limits: list[Limit], pauses: list[int]) -> None:
    allowance, now, spent = Allowance(), 1_700_000_000.0, list[float]()
    for pause in pauses:
        now += pause / 1000
        if allowance.room("p", limits, now):
            allowance.spend("p", now)
            spent.append(now)
    for limit in limits:
        for first, later in zip(spent, spent[limit.calls :], strict=False):
            assert later - first >= limit.seconds - 1e-6
