"""Fetch jobs on a real Redis: one a key, shared by replicas, T0 first; what is no job stops nobody."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from market_data import queue as queue_module
from market_data.errors import StoreUnavailable
from market_data.events import Event, JobDropped
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Tier
from market_data.market.span import Span
from market_data.queue import EMIT_BATCH, GROUP, Claimed, Job, Queue
from market_data.store.redis import open_redis
from waiting import until_somebody_waits

pytestmark = pytest.mark.anyio

NOW = 1_720_018_800.0
T0_STREAM = "market:fetch:{T0}"


def job(
    symbol: str = "AAPL",
    *,
    tier: Tier = Tier.T0,
    capability: Capability = Capability.BARS_1M,
    made_at: float = NOW,
    life: float = 600.0,
    hint: str | None = None,
) -> Job:
    return Job(
        symbol=symbol,
        exchange="NASDAQ",
        asset_type=AssetType.EQUITY,
        tier=tier,
        capability=capability,
        start=int(NOW) - 60,
        end=int(NOW),
        made_at=made_at,
        expires_at=made_at + life,
        provider_hint=hint,
    )


def jobs(count: int, tier: Tier = Tier.T0) -> list[Job]:
    return [job(f"{tier}.{number}", tier=tier) for number in range(count)]


def symbols(claimed: Iterable[Claimed]) -> list[str]:
    return [one.job.symbol for one in claimed]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_redis(redis_url) as client:
        yield client


@pytest.fixture
async def queue(redis: Redis) -> Queue:
    opened = Queue(redis, "first")
    await opened.open()
    return opened


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Queue]:
    """The same queue as another replica sees it, over a connection of its own."""
    async with open_redis(redis_url) as client:
        opened = Queue(client, "other")
        await opened.open()
        yield opened


async def leases(redis: Redis) -> list[bytes]:
    return [key async for key in redis.scan_iter("market:lease:*")]


async def run_out(redis: Redis) -> None:
    """Every lease runs out."""
    await redis.delete(*await leases(redis))


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("capability", Capability)
async def test_a_job_comes_out_as_it_went_in(queue: Queue, tier: Tier, capability: Capability) -> None:
    told = job("BRK.B", tier=tier, capability=capability, made_at=NOW + 0.123456, hint="yahoo")
    assert await queue.emit([told]) == 1
    (claimed,) = await queue.claim(each=1)
    assert claimed.job == told
    assert claimed.job.span == Span(int(NOW) - 60, int(NOW))


async def test_a_key_has_one_job_that_waits_or_runs(queue: Queue) -> None:
    assert await queue.emit([job(), job(), job(capability=Capability.EOD), job("KO")]) == 3
    assert await queue.emit([job(made_at=NOW + 1)]) == 0
    await queue.claim(each=10)
    assert await queue.emit([job(made_at=NOW + 2), job("KO", made_at=NOW + 2)]) == 0


async def test_replicas_that_emit_at_once_make_each_job_once(queue: Queue, other: Queue) -> None:
    wanted = jobs(300)
    made = await asyncio.gather(
        *(one.emit(order) for one in (queue, other) for order in (wanted, wanted[::-1], wanted[100:]))
    )
    assert sum(made) == 300
    assert sorted(symbols(await queue.claim(each=1000))) == sorted(one.symbol for one in wanted)


async def test_a_job_is_claimed_by_one_replica(queue: Queue, other: Queue) -> None:
    await queue.emit(jobs(100))
    shares = await asyncio.gather(*(one.claim(each=25) for one in (queue, other) for _ in range(2)))
    assert sorted(len(one) for one in shares) == [25, 25, 25, 25]
    assert {symbol for share in shares for symbol in symbols(share)} == {one.symbol for one in jobs(100)}


async def test_t0_comes_first_and_every_tier_gives_its_share_in_order(queue: Queue) -> None:
    for tier in (Tier.T2, Tier.T1, Tier.T0):
        await queue.emit(jobs(5, tier))
    assert symbols(await queue.claim(each=2)) == ["T0.0", "T0.1", "T1.0", "T1.1", "T2.0", "T2.1"]
    assert symbols(await queue.claim(each=2)) == ["T0.2", "T0.3", "T1.2", "T1.3", "T2.2", "T2.3"]


async def test_depth_counts_what_waits_and_what_runs(queue: Queue) -> None:
    assert await queue.depth() == {Tier.T0: 0, Tier.T1: 0, Tier.T2: 0}
    await queue.emit([*jobs(3), *jobs(2, Tier.T2)])
    (first, *_) = await queue.claim(each=2)
    assert await queue.depth() == {Tier.T0: 3, Tier.T1: 0, Tier.T2: 2}
    await queue.done(first)
    assert await queue.depth() == {Tier.T0: 2, Tier.T1: 0, Tier.T2: 2}


async def test_a_job_that_is_done_leaves_nothing_and_frees_its_key(queue: Queue, redis: Redis) -> None:
    await queue.emit([job()])
    (claimed,) = await queue.claim(each=1)
    await redis.script_flush()  # a Redis that was started again does not know our script
    await queue.done(claimed)
    assert await leases(redis) == []
    assert (await redis.xpending(T0_STREAM, GROUP))["pending"] == 0
    assert await queue.emit([job(made_at=NOW + 60)]) == 1


async def test_a_lease_lasts_as_long_as_its_job_is_worth_something(queue: Queue, redis: Redis) -> None:
    await queue.emit([job(life=600.0)])
    (lease,) = await leases(redis)
    assert 500_000 < await redis.pttl(lease) <= 600_000
    await run_out(redis)  # as when the replica that held the job was killed
    assert await queue.emit([job(made_at=NOW + 600)]) == 1


async def test_a_late_done_does_not_free_the_key_of_a_newer_job(queue: Queue, redis: Redis) -> None:
    await queue.emit([job()])
    (old,) = await queue.claim(each=1)
    await run_out(redis)
    assert await queue.emit([job(made_at=NOW + 600)]) == 1
    (new,) = await queue.claim(each=1)
    await queue.done(old)
    assert await queue.emit([job(made_at=NOW + 601)]) == 0
    await queue.done(new)
    assert await queue.emit([job(made_at=NOW + 602)]) == 1


async def test_a_quote_is_not_queued_again_before_its_cadence_is_over(queue: Queue, redis: Redis) -> None:
    quote = job(capability=Capability.QUOTES_L1, life=600.0)
    await queue.emit([quote])
    (claimed,) = await queue.claim(each=1)
    await queue.done(claimed)
    assert await queue.depth() == {Tier.T0: 0, Tier.T1: 0, Tier.T2: 0}
    assert await queue.emit([quote]) == 0
    (lease,) = await leases(redis)
    assert 500_000 < await redis.pttl(lease) <= 600_000
    await run_out(redis)
    assert await queue.emit([quote]) == 1


async def test_a_tick_is_claimed_by_one_replica_and_for_no_longer_than_it_says(
    queue: Queue, other: Queue, redis: Redis
) -> None:
    claims = await asyncio.gather(*(one.claim_tick(7, 30.0) for one in (queue, other) for _ in range(4)))
    assert sum(claims) == 1
    assert await other.claim_tick(8, 30.0)
    (seven, eight) = sorted([key async for key in redis.scan_iter("market:sweep:*")])
    assert 20_000 < await redis.pttl(seven) <= 30_000
    assert 20_000 < await redis.pttl(eight) <= 30_000


GOOD = msgspec.to_builtins(job())


def changed(**values: object) -> bytes:
    return msgspec.json.encode({**GOOD, **values})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"other": changed()}, "it has no field `job`"),
        ({"job": b""}, "truncated"),
        ({"job": b"{"}, "truncated"),
        ({"job": b"\xff\x00"}, "malformed"),
        ({"job": b"[]"}, "Expected `object`, got `array`"),
        ({"job": b"{}"}, "missing required field"),
        ({"job": changed(start="now")}, "Expected `int`, got `str`"),
        ({"job": changed(made_at=None)}, "Expected `float`, got `null`"),
        ({"job": changed(tier="T9")}, "Invalid enum value 'T9'"),
        ({"job": changed(capability="ticks")}, "Invalid enum value 'ticks'"),
        ({"job": changed(end=GOOD["start"])}, "a job's span must end after it starts"),
    ],
)
async def test_an_entry_that_is_no_job_is_told_and_thrown_away_while_good_ones_pass(
    redis: Redis, fields: dict[str, bytes], why: str
) -> None:
    events: list[Event] = []
    queue = Queue(redis, "first", events.append)
    await queue.open()
    await queue.emit([job("KO")])
    poison = await redis.xadd(T0_STREAM, dict(fields.items()))
    assert isinstance(poison, bytes)
    await queue.emit([job("PEP")])

    assert symbols(await queue.claim(each=10)) == ["KO", "PEP"]
    (event,) = events
    assert isinstance(event, JobDropped)
    assert event.entry == f"{T0_STREAM} {poison.decode()}"
    assert why in event.detail
    assert (await queue.depth())[Tier.T0] == 2
    assert (await redis.xpending(T0_STREAM, GROUP))["pending"] == 2


async def test_a_span_that_is_empty_makes_no_job() -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        msgspec.convert({**GOOD, "start": GOOD["end"]}, Job)
    with pytest.raises(ValueError, match="must end after it starts"):
        msgspec.structs.replace(job(), end=0)


async def test_opening_again_keeps_what_waits_and_repeats_nothing(queue: Queue, other: Queue) -> None:
    await queue.emit(jobs(2))
    await queue.claim(each=1)
    await queue.open()
    assert symbols(await other.claim(each=10)) == ["T0.1"]


async def test_jobs_that_were_there_before_the_first_replica_are_claimed(redis: Redis) -> None:
    queue = Queue(redis, "first")
    await queue.emit([job()])
    await queue.open()
    assert symbols(await queue.claim(each=1)) == ["AAPL"]


async def test_a_redis_that_comes_back_empty_is_opened_again(queue: Queue, redis: Redis) -> None:
    await queue.emit([job("OLD")])
    (lost,) = await queue.claim(each=1)
    await redis.flushall()
    await queue.emit([job("NEW")])
    assert await queue.claim(each=1) == []
    assert symbols(await queue.claim(each=1)) == ["NEW"]
    await queue.done(lost)
    assert (await queue.depth())[Tier.T0] == 1


async def test_a_claim_that_waits_outlives_a_redis_that_is_emptied(
    queue: Queue, other: Queue, redis: Redis
) -> None:
    waiting = asyncio.create_task(queue.claim(each=1))
    await until_somebody_waits(redis)
    await redis.flushall()
    assert await waiting == []
    await other.emit([job()])
    assert symbols(await queue.claim(each=1)) == ["AAPL"]


async def test_a_claim_that_waits_gets_what_comes(queue: Queue, other: Queue, redis: Redis) -> None:
    waiting = asyncio.create_task(queue.claim(each=1))
    await until_somebody_waits(redis)
    await other.emit([job()])
    assert symbols(await waiting) == ["AAPL"]


async def test_more_jobs_than_a_batch_are_all_queued(queue: Queue) -> None:
    many = jobs(2 * EMIT_BATCH + 1)
    assert await queue.emit(many) == len(many)
    assert (await queue.depth())[Tier.T0] == len(many)
    assert await queue.emit(many) == 0
    assert await queue.emit([]) == 0


async def test_past_the_bound_the_oldest_jobs_of_the_tier_are_dropped(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = 100  # entries that Redis drops at once where the bound is "about"
    monkeypatch.setattr(queue_module, "KEPT", 200)
    await queue.emit([*jobs(5, Tier.T1), *jobs(1000)])
    depth = await queue.depth()
    assert 200 <= depth[Tier.T0] < 200 + node
    assert depth[Tier.T1] == 5
    kept = [symbol for symbol in symbols(await queue.claim(each=1000)) if symbol.startswith("T0")]
    assert kept == [one.symbol for one in jobs(1000)][-len(kept) :]


@pytest.mark.parametrize("url", ["redis://user:{secret}@127.0.0.1:1/0", "unix://user:{secret}@{folder}/none"])
async def test_a_redis_that_is_not_there_is_an_outage_that_tells_no_password(
    url: str, tmp_path: Path
) -> None:
    secret = "hunter2-hunter2"  # noqa: S105 - what must not be told
    async with open_redis(url.format(secret=secret, folder=tmp_path)) as redis:
        queue = Queue(redis, "first")
        claimed = Claimed(job(), T0_STREAM, "0-1")
        calls = (
            queue.open(),
            queue.emit([job()]),
            queue.claim(each=1),
            queue.claim_tick(1, 1.0),
            queue.done(claimed),
            queue.depth(),
        )
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(error, StoreUnavailable)
            assert str(error).startswith("Redis cannot be reached: ")
            assert secret not in "".join(traceback.format_exception(error))
