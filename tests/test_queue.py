"""Fetch jobs on a real Redis: one a key, shared by replicas, T0 first; what is no job stops nobody."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from market_data.errors import StoreUnavailable
from market_data.events import Event, JobDropped
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Tier
from market_data.market.span import Span
from market_data.queue import Claimed, Job, Queue
from market_data.queue import fetch as fetch_module
from market_data.queue import group as group_module
from market_data.queue.fetch import EMIT_BATCH, GROUP, MOST_CLAIMS
from market_data.queue.group import Entry
from market_data.store.redis import open_redis
from waiting import until_somebody_waits

pytestmark = pytest.mark.anyio

NOW = 1_720_018_800.0
T0_STREAM = "{market:fetch}:T0"


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
def queue(redis: Redis) -> Queue:
    return Queue(redis, "first")


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Queue]:
    """The same queue as another replica sees it, over a connection of its own."""
    async with open_redis(redis_url) as client:
        yield Queue(client, "other")


async def leases(redis: Redis) -> list[bytes]:
    return [key async for key in redis.scan_iter("{market:fetch}:lease:*")]


async def run_out(redis: Redis) -> None:
    """Every lease runs out."""
    await redis.delete(*await leases(redis))


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("capability", Capability)
async def test_a_job_comes_out_as_it_went_in(queue: Queue, tier: Tier, capability: Capability) -> None:
    told = job("BRK.B", tier=tier, capability=capability, made_at=NOW + 0.123456, hint="yahoo")
    assert await queue.emit([told]) == 1
    (claimed,) = await queue.claim(1)
    assert claimed.job == told
    assert claimed.job.span == Span(int(NOW) - 60, int(NOW))


async def test_a_key_has_one_job_that_waits_or_runs(queue: Queue) -> None:
    assert await queue.emit([job(), job(), job(capability=Capability.EOD), job("KO")]) == 3
    assert await queue.emit([job(made_at=NOW + 1)]) == 0
    await queue.claim(10)
    assert await queue.emit([job(made_at=NOW + 2), job("KO", made_at=NOW + 2)]) == 0


async def test_replicas_that_emit_at_once_make_each_job_once(queue: Queue, other: Queue) -> None:
    wanted = jobs(300)
    made = await asyncio.gather(
        *(one.emit(order) for one in (queue, other) for order in (wanted, wanted[::-1], wanted[100:]))
    )
    assert sum(made) == 300
    assert sorted(symbols(await queue.claim(1000))) == sorted(one.symbol for one in wanted)


async def test_a_job_is_claimed_by_one_replica(queue: Queue, other: Queue) -> None:
    await queue.emit(jobs(100))
    shares = await asyncio.gather(*(one.claim(25) for one in (queue, other) for _ in range(2)))
    assert sorted(len(one) for one in shares) == [25, 25, 25, 25]
    assert {symbol for share in shares for symbol in symbols(share)} == {one.symbol for one in jobs(100)}


async def test_t0_comes_first_and_every_tier_has_its_turns(queue: Queue) -> None:
    for tier in (Tier.T2, Tier.T1, Tier.T0):
        await queue.emit(jobs(20, tier))
    for _ in range(2):
        of_tiers = [symbol[:2] for symbol in symbols(await queue.claim(7))]
        assert of_tiers == ["T0"] * 4 + ["T1"] * 2 + ["T2"]
    one_by_one = [symbols(await queue.claim(1))[0][:2] for _ in range(7)]
    assert sorted(one_by_one) == ["T0"] * 4 + ["T1"] * 2 + ["T2"], (
        "no tier starves, however little room there is"
    )


async def test_a_turn_that_a_tier_leaves_goes_to_the_others(queue: Queue) -> None:
    await queue.emit([*jobs(20, Tier.T1), *jobs(1)])
    assert symbols(await queue.claim(7)) == ["T0.0", *(f"T1.{number}" for number in range(6))]


async def test_a_first_load_of_days_keeps_neither_minutes_nor_quotes_waiting(queue: Queue) -> None:
    await queue.emit([job(f"D{number}", capability=Capability.EOD) for number in range(200)])
    await queue.emit([job(f"M{number}") for number in range(200)])
    await queue.emit([job(f"Q{number}", capability=Capability.QUOTES_L1) for number in range(3)])
    kinds = [one.job.capability for one in await queue.claim(21)]
    assert kinds.count(Capability.QUOTES_L1) == 3
    assert kinds.count(Capability.EOD) >= 1, "nor do these starve"
    assert kinds.count(Capability.BARS_1M) >= 15 - 4
    later = [one.job.capability for _ in range(60) for one in await queue.claim(1)]
    assert 5 <= later.count(Capability.EOD) <= 8, "a sixth of the turns of T0"
    assert set(later) == {Capability.EOD, Capability.BARS_1M}, (
        "a turn that quotes leave is for the tier's others"
    )


async def test_a_turn_that_a_lane_leaves_goes_to_its_own_tier(queue: Queue) -> None:
    days = [job(f"T1.{number}", tier=Tier.T1, capability=Capability.EOD) for number in range(20)]
    await queue.emit([*days, *jobs(20, Tier.T0)])
    of_tiers = [symbol[:2] for symbol in symbols(await queue.claim(7))]
    assert of_tiers == ["T0"] * 4 + ["T1"] * 2 + ["T0"]


async def test_depth_counts_what_waits_and_what_runs(queue: Queue) -> None:
    assert await queue.depth() == {Tier.T0: 0, Tier.T1: 0, Tier.T2: 0}
    await queue.emit([*jobs(3), *jobs(2, Tier.T2)])
    (first, *_) = await queue.claim(2)
    assert await queue.depth() == {Tier.T0: 3, Tier.T1: 0, Tier.T2: 2}
    await queue.done(first)
    assert await queue.depth() == {Tier.T0: 2, Tier.T1: 0, Tier.T2: 2}


async def test_a_job_that_is_done_leaves_nothing_and_frees_its_key(queue: Queue, redis: Redis) -> None:
    await queue.emit([job()])
    (claimed,) = await queue.claim(1)
    await redis.script_flush()  # a Redis that was started again does not know our script
    await queue.done(claimed)
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
    (old,) = await queue.claim(1)
    await run_out(redis)
    assert await queue.emit([job(made_at=NOW + 600)]) == 1
    (new,) = await queue.claim(1)
    await queue.done(old)
    assert await queue.emit([job(made_at=NOW + 601)]) == 0
    await queue.done(new)
    assert await queue.emit([job(made_at=NOW + 602)]) == 1


async def test_a_quote_is_not_queued_again_before_its_cadence_is_over(queue: Queue, redis: Redis) -> None:
    quote = job(capability=Capability.QUOTES_L1, life=600.0)
    await queue.emit([quote])
    (claimed,) = await queue.claim(1)
    await queue.done(claimed)
    assert await queue.depth() == {Tier.T0: 0, Tier.T1: 0, Tier.T2: 0}
    assert await queue.emit([quote]) == 0
    (lease,) = await leases(redis)
    assert 500_000 < await redis.pttl(lease) <= 600_000
    await run_out(redis)
    assert await queue.emit([quote]) == 1


async def test_a_slot_is_swept_once_and_again_if_who_began_it_died(
    queue: Queue, other: Queue, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = await asyncio.gather(*(one.claim_slot(7) for one in (queue, other) for _ in range(4)))
    assert sorted(claims)[:7] == [-1] * 7
    assert max(claims) > 1e12, "Redis's time in ms"
    await queue.swept(7, 60.0)
    assert await other.claim_slot(7) == 0
    monkeypatch.setattr(fetch_module, "SWEEP_SECONDS", 0.02)
    assert await other.claim_slot(8) > 0
    await asyncio.sleep(0.05)
    assert await queue.claim_slot(8) > 0


async def test_a_job_that_was_done_before_the_clock_of_redis_was_set_back_is_due(
    queue: Queue, redis: Redis
) -> None:
    read_at = await queue.claim_slot(1)
    lease = "{market:fetch}:lease:" + job().key
    await redis.set(lease, f"done:{read_at + 3_600_000}")
    assert await queue.emit([job()], read_at) == 1


async def test_a_job_that_was_done_after_the_cursors_were_read_is_not_due(queue: Queue) -> None:
    read_at = await queue.claim_slot(1)
    await queue.emit([job()], read_at)
    await asyncio.sleep(0.01)
    await queue.done(*await queue.claim(1))
    assert await queue.emit([job(made_at=NOW + 1)], read_at) == 0
    await asyncio.sleep(0.01)
    assert await queue.emit([job(made_at=NOW + 2)], await queue.claim_slot(2)) == 1


async def test_jobs_of_a_replica_that_gives_no_sign_of_life_are_taken_over(
    queue: Queue, other: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "TAKEN_OVER_SECONDS", 0.2)
    await queue.emit([job("KO"), job("PEP")])
    held = await queue.claim(2)
    for _ in range(3):
        await asyncio.sleep(0.1)
        assert await queue.beat(held[:1]) == []
    (taken,) = await other.take_over(10)
    assert (taken.job.symbol, taken.entry.claims) == ("PEP", 2)
    assert await queue.beat(held) == [held[1]]
    await queue.done(held[1])  # it was done all the same: nobody else has to
    await other.done(taken)
    assert (await queue.depth())[Tier.T0] == 1


async def test_a_job_that_kills_its_workers_ends_as_a_dead_letter(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "TAKEN_OVER_SECONDS", 0.0)
    events: list[Event] = []
    queue = Queue(redis, "first", events.append, lambda: NOW)
    await queue.emit([job()])
    await queue.claim(1)
    for _ in range(MOST_CLAIMS - 1):
        assert symbols(await queue.take_over(1)) == ["AAPL"]
    assert await queue.take_over(1) == []
    (letter,) = await queue.dead(10)
    assert "its workers died" in letter.why
    assert msgspec.json.decode(letter.job, type=Job) == job()
    assert letter.at == NOW
    assert [type(one) for one in events] == [JobDropped]
    assert (await queue.depth())[Tier.T0] == 0
    assert await queue.emit([job(made_at=NOW + 1)]) == 0, "it would kill more of them"
    assert await queue.discard(letter.id)
    assert not await queue.discard(letter.id)
    assert await queue.dead(10) == []


async def test_a_job_that_is_given_back_is_the_next_ones_and_of_the_first_try(
    queue: Queue, other: Queue
) -> None:
    await queue.emit([job()])
    await queue.give_back(*await queue.claim(1))
    assert await queue.emit([job(made_at=NOW + 1)]) == 0
    (claimed,) = await other.claim(1)
    assert claimed.entry.claims == 1


async def test_a_consumer_that_leaves_is_forgotten_unless_it_holds_something(
    queue: Queue, redis: Redis
) -> None:
    await queue.emit([job()])
    held = await queue.claim(1)
    await queue.leave()
    assert [one["name"] for one in await redis.xinfo_consumers(T0_STREAM, GROUP)] == [b"first"]
    await queue.done(*held)
    await queue.leave()
    assert await redis.xinfo_consumers(T0_STREAM, GROUP) == []


GOOD = msgspec.to_builtins(job())


def changed(**values: object) -> bytes:
    return msgspec.json.encode({**GOOD, **values})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"other": changed()}, "it has no field `job`"),
        ({"job": b""}, "it has no field `job`"),
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
async def test_an_entry_that_is_no_job_is_a_dead_letter_while_good_ones_pass(
    redis: Redis, fields: dict[str, bytes], why: str
) -> None:
    events: list[Event] = []
    queue = Queue(redis, "first", events.append)
    await queue.emit([job("KO")])
    poison = await redis.xadd(T0_STREAM, dict(fields.items()))
    assert isinstance(poison, bytes)
    await queue.emit([job("PEP")])

    assert symbols(await queue.claim(10)) == ["KO", "PEP"]
    (event,) = events
    assert isinstance(event, JobDropped)
    assert event.entry == f"{T0_STREAM} {poison.decode()}"
    assert why in event.detail
    (letter,) = await queue.dead(10)
    assert why in letter.why
    assert (await queue.depth())[Tier.T0] == 2
    assert (await redis.xpending(T0_STREAM, GROUP))["pending"] == 2


async def test_a_span_that_is_empty_makes_no_job() -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        msgspec.convert({**GOOD, "start": GOOD["end"]}, Job)
    with pytest.raises(ValueError, match="must end after it starts"):
        msgspec.structs.replace(job(), end=0)


async def test_a_redis_that_comes_back_empty_is_used_as_it_is(queue: Queue, redis: Redis) -> None:
    await queue.emit([job("OLD")])
    (lost,) = await queue.claim(1)
    await redis.flushall()
    await redis.xadd(T0_STREAM, {"job": msgspec.json.encode(job("NEW"))}, id=lost.entry.id)
    await queue.done(lost)  # the new one has its id
    assert symbols(await queue.claim(1)) == ["NEW"]
    assert await queue.beat([lost]) == []
    assert (await queue.depth())[Tier.T0] == 1


async def test_a_claim_that_waits_outlives_a_redis_that_is_emptied(
    queue: Queue, other: Queue, redis: Redis
) -> None:
    waiting = asyncio.create_task(queue.claim(1))
    await until_somebody_waits(redis)
    await redis.flushall()
    assert await waiting == []
    await other.emit([job()])
    assert symbols(await queue.claim(1)) == ["AAPL"]


async def test_a_claim_that_waits_gets_what_comes(queue: Queue, other: Queue, redis: Redis) -> None:
    waiting = asyncio.create_task(queue.claim(1))
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
    monkeypatch.setattr(fetch_module, "KEPT", 200)
    await queue.emit([*jobs(5, Tier.T1), *jobs(1000)])
    depth = await queue.depth()
    assert 200 <= depth[Tier.T0] < 200 + node
    assert depth[Tier.T1] == 5
    kept = [symbol for symbol in symbols(await queue.claim(1100)) if symbol.startswith("T0")]
    assert kept == [one.symbol for one in jobs(1000)][-len(kept) :]


@pytest.mark.parametrize("url", ["redis://user:{secret}@127.0.0.1:1/0", "unix://user:{secret}@{folder}/none"])
async def test_a_redis_that_is_not_there_is_an_outage_that_tells_no_password(
    url: str, tmp_path: Path
) -> None:
    secret = "hunter2-hunter2"  # noqa: S105 - what must not leak
    async with open_redis(url.format(secret=secret, folder=tmp_path)) as redis:
        queue = Queue(redis, "first")
        claimed = Claimed(job(), Entry(T0_STREAM, "0-1", b"{}"))
        calls = (
            queue.emit([job()]),
            queue.claim(1),
            queue.beat([claimed]),
            queue.take_over(1),
            queue.claim_slot(1),
            queue.swept(1, 1.0),
            queue.done(claimed),
            queue.give_back(claimed),
            queue.bury(claimed, "bad"),
            queue.dead(1),
            queue.discard("0-1"),
            queue.leave(),
            queue.depth(),
        )
        for error in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(error, StoreUnavailable)
            assert str(error).startswith("RLC_REDIS_URL: ")
            assert secret not in "".join(traceback.format_exception(error))
