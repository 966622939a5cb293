"""The sweeper over a real universe and a real queue."""

import threading
from collections.abc import AsyncIterator, Callable

import pytest

from market_data.collect.sweep import Sweeper
from market_data.events import Event, Skipped, Swept, UniverseEmpty
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.providers import discover
from market_data.queue import Job, Queue
from market_data.route.account import accounts
from market_data.route.roster import Roster
from market_data.route.standing import Standing
from market_data.settings import InForce, read
from market_data.store import cursor, universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis

from .moments import at

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unheld")]

NOW = at("2024-07-03 15:00") + 5.0
AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
KO = Instrument("KO", "NYSE", AssetType.EQUITY, Tier.T1)
BITCOIN = Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T2)


@pytest.fixture
async def queues(redis_url: str) -> AsyncIterator[tuple[Queue, Queue]]:
    """The queue as two replicas see it."""
    redis = open_redis(redis_url)
    first, second = Queue(redis, "first"), Queue(redis, "second")
    yield first, second
    await redis.aclose()


def sweeper(database: Database, queue: Queue, events: list[Event] | None = None, **settings: str) -> Sweeper:
    given = {
        "FINNHUB_LIMITS": "1000/1",
        "YAHOO_LIMITS": "1000/1",
        "LOCAL_SWEEP_TICK_SEC": "5",
        "EOD_TIERS": "T2",
        **settings,
    }
    providers, configuration = discover(), read(given, dotenv=None)
    roster = Roster(providers, accounts(configuration, providers), InForce(configuration), lambda: NOW)
    return Sweeper(database, queue, roster, (events if events is not None else []).append)


async def claimed(queue: Queue) -> list[Job]:
    return [one.job for one in await queue.claim(100)]


async def test_each_series_of_its_tier_that_is_due_becomes_a_job(
    database: Database, queues: tuple[Queue, Queue]
) -> None:
    await universe.put(database, [AAPL, KO, BITCOIN])
    events: list[Event] = []
    assert await sweeper(database, queues[0], events).sweep(NOW) == 3
    jobs = await claimed(queues[0])
    assert {one.key for one in jobs} == {
        "bars_1m:AAPL", "bars_1m:KO", "eod:BTC-USD",
    }  # fmt: skip
    assert [one.tier for one in jobs] == sorted(one.tier for one in jobs)
    assert all(one.made_at == NOW < one.expires_at for one in jobs)
    assert [type(one) for one in events] == [Swept]


async def test_a_tick_is_swept_by_one_replica(database: Database, queues: tuple[Queue, Queue]) -> None:
    await universe.put(database, [AAPL])
    assert await sweeper(database, queues[0]).sweep(NOW) == 1
    assert await sweeper(database, queues[1]).sweep(NOW + 1) == 0
    for one in await queues[0].claim(10):
        await queues[0].done(one)
    assert await sweeper(database, queues[1]).sweep(NOW + 30) == 1


async def test_a_series_with_a_job_is_not_queued_again(
    database: Database, queues: tuple[Queue, Queue]
) -> None:
    await universe.put(database, [AAPL])
    assert await sweeper(database, queues[0]).sweep(NOW) == 1
    assert await sweeper(database, queues[0]).sweep(NOW + 30) == 0


async def test_what_a_cursor_says_was_asked_for_is_not_due(
    database: Database, queues: tuple[Queue, Queue]
) -> None:
    await universe.put(database, [AAPL])
    async with database.transaction() as connection:
        await cursor.advance(
            connection,
            symbol="AAPL",
            interval="1m",
            source="yahoo",
            through=int(NOW) - 5,
            last_bar=None,
            asked_at=NOW - 3.0,
        )
    await sweeper(database, queues[0], CADENCE_T0="bars_1m=60").sweep(NOW)
    assert await claimed(queues[0]) == []


async def test_an_inactive_instrument_is_left_alone_and_one_without_a_calendar_is_told(
    database: Database, queues: tuple[Queue, Queue]
) -> None:
    await universe.put(
        database,
        [
            AAPL,
            Instrument("OLD", "NYSE", AssetType.EQUITY, Tier.T0, active=False),
            Instrument("ODD", "ATLANTIS", AssetType.EQUITY, Tier.T0),
        ],
    )
    events: list[Event] = []
    await sweeper(database, queues[0], events).sweep(NOW)
    assert {one.symbol for one in await claimed(queues[0])} == {"AAPL"}
    skipped = [one for one in events if isinstance(one, Skipped)]
    assert [one.symbol for one in skipped] == ["ODD"]
    assert "ATLANTIS" in skipped[0].reason


async def test_a_row_inserted_as_the_guide_does_is_collected(
    database: Database, queues: tuple[Queue, Queue]
) -> None:
    await database.run(
        "INSERT INTO symbol_universe (symbol, exchange, asset_type, adv_21d, mkt_cap, tier, active) "
        "VALUES ('MSFT', 'NASDAQ', 'equity', 25000000, 3000000000000, 'T0', true)"
    )
    await sweeper(database, queues[0]).sweep(NOW)
    assert {one.symbol for one in await claimed(queues[0])} == {"MSFT"}


async def test_an_empty_universe_is_said_now_and_then_until_it_is_filled(
    database: Database, queues: tuple[Queue, Queue]
) -> None:
    events: list[Event] = []
    one = sweeper(database, queues[0], events)
    for seconds in (0, 5, 300, 601):
        assert await one.sweep(NOW + seconds) == 0
    said = [event for event in events if isinstance(event, UniverseEmpty)]
    assert len(said) == 2, "each ten minutes"
    assert "`market-data universe import FILE`" in said[0].remedy

    await universe.put(database, [AAPL])
    await one.sweep(NOW + 1300)
    assert len([event for event in events if isinstance(event, UniverseEmpty)]) == 2


async def test_what_is_known_of_the_providers_is_read_on_the_event_loop_alone(
    database: Database, queues: tuple[Queue, Queue], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set[int]()
    for name in ("track", "state_of", "score_of", "cordon"):
        real = getattr(Standing, name)

        def noted(*given: object, real: Callable[..., object] = real) -> object:
            threads.add(threading.get_ident())
            return real(*given)

        monkeypatch.setattr(Standing, name, noted)
    await universe.put(database, [AAPL, KO, BITCOIN])
    assert await sweeper(database, queues[0]).sweep(NOW) == 3
    assert threads == {threading.get_ident()}
