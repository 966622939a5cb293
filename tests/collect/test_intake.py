"""Jobs from outside become fetch jobs and backfills; what is no job is a dead letter that says why."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from market_data.collect.intake import LIFE_SECONDS, Intake
from market_data.events import Event, JobDropped
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.queue import Queue
from market_data.queue import group as group_module
from market_data.queue.intake import STREAM, Orders
from market_data.settings import InForce, read
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis

from .moments import at

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unheld")]

NOW = at("2024-07-03 15:00") + 5.0
AAPL = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T1)


@dataclass
class Taken:
    redis: Redis
    intake: Intake
    queue: Queue
    events: list[Event] = field(default_factory=list)
    backfills: list[tuple[str, Interval, Span, Tier | None]] = field(default_factory=list)

    async def takes(self, *told: object) -> None:
        """These are written to the stream, and taken in."""
        for one in told:
            body = one if isinstance(one, bytes | str) else json.dumps(one)
            await self.redis.xadd(STREAM, {"job": body})
        await self.intake.take(await self.intake.orders.claim(100))


@pytest.fixture
async def taken(database: Database, redis_url: str) -> AsyncIterator[Taken]:
    async with open_redis(redis_url) as redis:
        await universe.put(database, [AAPL])
        queue = Queue(redis, "first")
        found = Taken(redis, None, queue)  # type: ignore[arg-type]  # it tells the very object that it is part of

        async def backfill(one: Instrument, interval: Interval, span: Span, tier: Tier | None) -> None:
            found.backfills.append((one.symbol, interval, span, tier))

        found.intake = Intake(
            orders=Orders(redis, "first"),
            queue=queue,
            database=database,
            backfill=backfill,
            in_force=InForce(read({}, dotenv=None)),
            tell=found.events.append,
            clock=lambda: NOW,
        )
        yield found


@pytest.mark.parametrize("written", ["BRK.B", "brk-b", "BRK/B"])
async def test_an_order_may_spell_a_symbol_in_any_way(taken: Taken, database: Database, written: str) -> None:
    await universe.put(database, [Instrument("BRK.B", "NYSE", AssetType.EQUITY, Tier.T0)])
    window = {"start": "2024-07-03T14:00:00Z", "end": "2024-07-03T14:30:00Z"}
    await taken.takes(
        {"type": "bars_fetch", "symbol": written, **window},
        {"type": "quotes_fetch", "symbols": ["AAPL", written]},
    )
    jobs = [one.job for one in await taken.queue.claim(10)]
    assert sorted((job.symbol, job.others) for job in jobs) == [("AAPL", ("BRK.B",)), ("BRK.B", ())]


async def test_bars_are_fetched_of_the_span_that_is_told(taken: Taken) -> None:
    start, end = "2024-07-03T14:00:00Z", at("2024-07-03 14:30")
    await taken.takes(
        {
            "type": "bars_fetch",
            "symbol": "aapl",
            "start": start,
            "end": end,
            "provider": "yahoo",
            "expires_at": end,
        }
    )
    (claimed,) = await taken.queue.claim(10)
    job = claimed.job
    assert (job.symbol, job.tier, job.capability) == ("AAPL", Tier.T1, Capability.BARS_1M)
    assert job.span == Span(at("2024-07-03 14:00"), end)
    assert (job.provider_hint, job.expires_at) == ("yahoo", end)
    assert await taken.intake.orders.waiting() == 0


async def test_without_a_span_what_is_due_is_fetched_and_nothing_where_nothing_is(taken: Taken) -> None:
    await taken.takes(
        {"type": "bars_fetch", "symbol": "AAPL"}, {"type": "bars_fetch", "symbol": "AAPL", "interval": "1d"}
    )
    minutes, days = sorted(await taken.queue.claim(10), key=lambda one: one.job.capability)
    assert minutes.job.end == at("2024-07-03 15:01")
    assert minutes.job.expires_at == NOW + LIFE_SECONDS
    assert days.job.capability is Capability.EOD


async def test_a_quote_is_fetched_and_a_backfill_is_queued(taken: Taken) -> None:
    start = at("2024-07-01 14:00")
    await taken.takes(
        {"type": "quotes_fetch", "symbol": "AAPL"},
        {"type": "backfill", "symbol": "AAPL", "start": start, "end": start + 600, "priority": "T0"},
        {"type": "backfill", "symbol": "AAPL", "start": start, "end": int(NOW) + 600, "interval": "1d"},
    )
    (claimed,) = await taken.queue.claim(10)
    assert claimed.job.capability is Capability.QUOTES_L1
    assert taken.backfills == [
        ("AAPL", Interval.M1, Span(start, start + 600), Tier.T0),
        ("AAPL", Interval.D1, Span(start, int(NOW)), None),
    ]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("", "no field `job`"),
        ("{", "truncated"),
        (b"\xff", "types are bars_fetch, quotes_fetch and backfill"),
        ("[" * 3000, "types are bars_fetch"),
        ({"type": "ticks_fetch", "symbol": "AAPL"}, "Invalid value 'ticks_fetch'"),
        ({"symbol": "AAPL"}, "missing required field `type`"),
        ({"type": "bars_fetch"}, "missing required field `symbol`"),
        ({"type": "bars_fetch", "symbol": "MSFT"}, "MSFT is not in the universe"),
        ({"type": "bars_fetch", "symbol": "../x"}, "symbol"),
        ({"type": "bars_fetch", "symbol": "AAPL", "interval": "7m"}, "unknown interval '7m'"),
        ({"type": "bars_fetch", "symbol": "AAPL", "interval": "5m"}, "5m bars are built, not fetched"),
        ({"type": "bars_fetch", "symbol": "AAPL", "start": 60}, "`start` and `end` are told both"),
        ({"type": "bars_fetch", "symbol": "AAPL", "start": 60, "end": 60}, "`start` must be before `end`"),
        ({"type": "bars_fetch", "symbol": "AAPL", "start": "2024-07-03T14:00:00", "end": 60}, "has no zone"),
        ({"type": "quotes_fetch", "symbol": "AAPL", "expires_at": "soon"}, "Invalid RFC3339"),
        ({"type": "quotes_fetch"}, "quotes of which symbols"),
        ({"type": "quotes_fetch", "symbols": ["AAPL", "NOBODY"]}, "NOBODY is not in the universe"),
        ({"type": "quotes_fetch", "symbols": ["AAPL"] * 201}, "length <= 200"),
        ({"type": "backfill", "symbol": "AAPL"}, "missing required field `start`"),
        (
            {"type": "backfill", "symbol": "AAPL", "start": 1, "end": 2, "priority": "T7"},
            "Invalid enum value 'T7'",
        ),
        (
            {"type": "backfill", "symbol": "AAPL", "start": int(NOW) + 9, "end": int(NOW) + 99},
            "in the future",
        ),
        (json.dumps({"type": "quotes_fetch", "symbol": "AAPL", "provider": "y" * 5000}), "4096 are the most"),
    ],
)
async def test_what_is_no_job_is_a_dead_letter_and_good_ones_pass(
    taken: Taken, told: object, why: str
) -> None:
    await taken.takes(told, {"type": "quotes_fetch", "symbol": "AAPL"})
    assert len(await taken.queue.claim(10)) == 1
    (letter,) = await taken.intake.orders.dead(10)
    assert why in letter.why
    assert (letter.stream, letter.at) == (STREAM, NOW)
    assert [type(one) for one in taken.events] == [JobDropped]
    assert await taken.intake.orders.waiting() == 0
    assert await taken.intake.orders.discard(letter.id)


async def test_orders_that_a_dead_replica_had_claimed_are_taken_over(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "TAKEN_OVER_SECONDS", 0.0)
    await taken.redis.xadd(STREAM, {"job": '{"type":"quotes_fetch","symbol":"AAPL"}'})
    assert len(await Orders(taken.redis, "dead").claim(10)) == 1
    assert await taken.intake.take(await taken.intake.orders.take_over(10)) == 1
