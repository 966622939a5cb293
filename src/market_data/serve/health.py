"""/health for people and load balancers, /health/live and /health/ready for Kubernetes, /metrics."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Literal

import msgspec
from litestar import MediaType, Response, Router, get
from litestar.openapi.datastructures import ResponseSpec

from market_data.errors import StoreUnavailable
from market_data.loops import shared, task_group
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.store import universe
from market_data.store.connect import describe
from market_data.store.redis import reachable

ANSWER_SECONDS = 2.0
"""A store that does not answer within this time is out: who asks for health has no patience."""
UNMADE = "the database has no tables of the service yet"
LATE_TICKS = 3
"""Sweeps may be late by so many ticks before the collector counts as stopped."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the service: whether it works, and what there is to say of it."""

    ok: bool
    detail: dict[str, str | float | bool | None]


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the service; 503 unless it is "ok" or "degraded"."""

    status: Literal["ok", "degraded", "down"]
    uptime_seconds: float
    database: Part
    redis: Part
    providers: Part
    collector: Part
    clock: Part
    universe: Part


class Alive(msgspec.Struct, frozen=True):
    """An answer that only a process that works can give."""

    status: Literal["alive", "ready"]


@get(
    "/health",
    summary="State of the service",
    responses={503: ResponseSpec(HealthAnswer, description="It cannot do its job.", generate_examples=False)},
)
async def health(parts: Given) -> Response[HealthAnswer]:
    """200 where the service can do its job, 503 where it cannot; with the state of each part.

    It is "degraded" while no provider is in good health: what is stored can still be read; and while Redis is
    out: then each replica collects its share within its share of the budgets, and nothing is streamed; and
    while the machine's clock is wrong by those of the providers. An empty universe changes nothing of it: it
    can be filled while the service runs, and `universe` says how.
    """
    async with task_group() as group:
        looks = group.create_task(_database(parts)), group.create_task(_redis(parts))
    database, redis = (look.result() for look in looks)
    collector, providers, clock = _collector(parts), _providers(parts), _clock(parts)
    works = database.ok and collector.ok
    answer = HealthAnswer(
        status="down" if not works else "ok" if providers.ok and redis.ok and clock.ok else "degraded",
        uptime_seconds=round(parts.clock() - parts.started_at, 1),
        database=database,
        redis=redis,
        providers=providers,
        collector=collector,
        clock=clock,
        universe=await _universe(parts, database),
    )
    return Response(answer, status_code=200 if works else 503)


@get("/health/live", summary="Liveness", sync_to_thread=False)
def live() -> Alive:
    """200 while the process answers at all."""
    return Alive("alive")


@get("/health/ready", summary="Readiness", responses=can_fail(503))
async def ready(parts: Given) -> Alive:
    """200 while requests should be sent here; 503 where the database cannot be reached or written, or it is
    stopping."""
    if parts.loops.stopping:
        raise StoreUnavailable("the service is stopping")
    database = await _database(parts)
    if not database.ok:
        raise StoreUnavailable(str(database.detail["error"]))
    return Alive("ready")


@get("/metrics", media_type=MediaType.TEXT, summary="Prometheus metrics")
async def metrics(parts: Given) -> Response[bytes]:
    """All metrics in the Prometheus text format."""
    text = await parts.metrics_text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


router = Router("/", route_handlers=[health, live, ready, metrics], tags=["health"])


async def _database(parts: Parts) -> Part:
    async def look() -> Part:
        detail = await describe(parts.database)
        if not detail["migrated"]:
            return Part(ok=False, detail={**detail, "error": UNMADE})
        if not detail["writable"]:  # or only this session: it may have been opened before a failover
            await parts.database.renew()
            return Part(ok=False, detail={**detail, "error": parts.database.read_only})
        return Part(ok=True, detail=detail)

    return await _looked_at(look)


async def _redis(parts: Parts) -> Part:
    async def look() -> Part:
        with reachable(parts.redis):
            await parts.redis.ping()
        return Part(ok=True, detail={"replicas": float(len(parts.replicas.known))})

    return await _looked_at(look)


async def _looked_at(look: Callable[[], Coroutine[None, None, Part]]) -> Part:
    """What `look` says of a store; that it is out, if it fails or takes longer than ANSWER_SECONDS.

    A look that is late is cancelled but not waited for: the driver ends a statement by asking the server to,
    and one that stands still does not answer that either. So many are left behind as there are connections.
    """
    task = shared(look())
    await asyncio.wait({task}, timeout=ANSWER_SECONDS)
    if not task.done():
        task.cancel()
        return Part(ok=False, detail={"error": f"no answer within {ANSWER_SECONDS:g} s"})
    try:
        return task.result()
    except StoreUnavailable as error:
        return Part(ok=False, detail={"error": str(error)})


async def _universe(parts: Parts, database: Part) -> Part:
    """Whether anything is collected, and how to fill an empty universe."""
    if not database.ok:
        return Part(ok=False, detail={"error": "it is not known: see database"})

    async def look() -> Part:
        empty = await universe.is_empty(parts.database)
        return Part(ok=not empty, detail={"says": universe.EMPTY if empty else "it has symbols"})

    return await _looked_at(look)


def _collector(parts: Parts) -> Part:
    if not parts.settings.sweeps or parts.replicas.out:  # there are no sweeps then
        return Part(ok=True, detail={"sweeping": False})
    swept_at, now = parts.swept_at(), parts.clock()
    allowed = parts.settings.local_sweep_tick_sec * LATE_TICKS
    since = now - (swept_at if swept_at is not None else parts.started_at)
    return Part(ok=since <= allowed, detail={"sweeping": True, "seconds_since_sweep": round(since, 1)})


def _providers(parts: Parts) -> Part:
    states = {name: parts.router.roster.state(name) for name in parts.router.roster.providers}
    return Part(ok="CLOSED" in states.values(), detail=dict(states))


def _clock(parts: Parts) -> Part:
    """The machine's clock beside those of the providers."""
    offset = parts.router.caller.vendor_time.offset()
    seconds = round(offset.seconds, 1) if offset.known else None
    return Part(ok=not offset.wrong, detail={"ahead_seconds": seconds, "says": str(offset)})
