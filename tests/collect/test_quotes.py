"""The sweep of quotes: cut into jobs that one call can answer, spread over the cadence, kept by it."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from market_data.collect.quotes import SINGLES, QuoteSweeper
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.queue import Job, Queue
from market_data.route.account import accounts
from market_data.route.roster import Roster
from market_data.settings import InForce, read
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis

from .moments import at

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unheld")]

NOW = at("2024-07-03 15:00") + 0.5
CLOSED = at("2024-07-03 20:00") + 0.5
"""A half day: New York has closed, coins trade on."""
FAST = [Instrument(f"A{n:03}", "NASDAQ", AssetType.EQUITY, Tier.T0) for n in range(50)]
SLOW = [Instrument(f"B{n:03}", "NYSE", AssetType.EQUITY, Tier.T1) for n in range(60)]
COIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    redis = open_redis(redis_url)
    yield Queue(redis, "first")
    await redis.aclose()


def sweeper(database: Database, queue: Queue, only: str = "yahoo", limit: str = "1000/1") -> QuoteSweeper:
    providers = discover()
    given = {
        "PROVIDERS_DISABLED": ",".join(one for one in providers if one != only),
        f"{only.upper()}_LIMITS": limit,
        f"{only.upper()}_API_KEY": "hunter2",
        "CADENCE_T0": "quotes_l1=5",
        "CADENCE_T1": "quotes_l1=15",
    }
    configuration = read(given, dotenv=None)
    roster = Roster(providers, accounts(configuration, providers), InForce(configuration), lambda: NOW)
    return QuoteSweeper(database, queue, roster)


def symbols(jobs: list[Job]) -> Counter[str]:
    return Counter(symbol for job in jobs for symbol in job.symbols)


async def test_each_symbol_is_in_one_job_and_no_job_is_larger_than_a_call(
    database: Database, queue: Queue
) -> None:
    await universe.put(database, [*FAST, COIN])
    jobs = await sweeper(database, queue).due(NOW)
    assert symbols(jobs) == Counter(one.symbol for one in [*FAST, COIN])
    assert sorted(len(one.symbols) for one in jobs) == [1, 10, 20, 20], "20 is what Yahoo tells at once"
    assert all(one.asset_type is AssetType.CRYPTO for one in jobs if COIN.symbol in one.symbols)


async def test_where_nobody_tells_several_at_once_jobs_are_small(database: Database, queue: Queue) -> None:
    await universe.put(database, FAST)
    jobs = await sweeper(database, queue, only="finnhub").due(NOW)
    assert {len(one.symbols) for one in jobs} == {SINGLES}


async def test_symbols_whose_market_is_closed_are_not_asked_for(database: Database, queue: Queue) -> None:
    await universe.put(database, [*FAST, COIN])
    assert symbols(await sweeper(database, queue).due(CLOSED)) == Counter([COIN.symbol])


async def test_each_symbol_comes_once_in_its_cadence(database: Database, queue: Queue) -> None:
    await universe.put(database, [*FAST, *SLOW])
    sweep = sweeper(database, queue)
    assert sweep.tick == 5.0
    rounds = [await sweep.due(NOW + 5 * n) for n in range(12)]
    times = sum((symbols(jobs) for jobs in rounds), Counter[str]())
    assert {times[one.symbol] for one in FAST} == {12}
    assert {times[one.symbol] for one in SLOW} == {4}
    of_t1 = [sum(job.tier is Tier.T1 for job in jobs) for jobs in rounds]
    assert of_t1 == [1] * 12, "they are spread over the cadence, not asked for together"


async def test_a_small_budget_stretches_the_cadence_and_every_symbol_has_its_turn(
    database: Database, queue: Queue
) -> None:
    await universe.put(database, FAST)
    sweep = sweeper(database, queue, only="finnhub", limit="60/60")  # 50 symbols: 50 s
    rounds = [await sweep.due(NOW + 5 * n) for n in range(20)]
    times = sum((symbols(jobs) for jobs in rounds), Counter[str]())
    assert set(times) == {one.symbol for one in FAST}
    assert set(times.values()) <= {1, 2}
    assert max(len(jobs) for jobs in rounds) == 1


async def test_a_tick_is_swept_once_and_the_next_one_finds_the_lease_over(
    database: Database, queue: Queue
) -> None:
    await universe.put(database, FAST[:20])
    sweep = sweeper(database, queue)
    assert await sweep.sweep(NOW) == 1
    assert await sweep.sweep(NOW + 1) == 0
    (claimed,) = await queue.claim(10)
    assert claimed.job.life_ms < 5000, "its lease must be over when the next one is due"
    await queue.done(claimed)
