"""/stats and /providers: why the service does what it does."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter

from market_data.collect.plan import plan
from market_data.errors import BadQuestion, StoreUnavailable
from market_data.market.capability import Capability
from market_data.market.span import Span, moment
from market_data.provider import Facts, Query
from market_data.route.health import WEIGHTS
from market_data.route.standing import Standing
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.store import universe

Name = Annotated[
    str,
    PathParameter(description="A provider, as /stats/providers names it.", examples=[Example(value="yahoo")]),
]


class Sample(msgspec.Struct, frozen=True):
    """A health score, 0 to 1, as it was at a moment."""

    timestamp: datetime
    score: float


class BudgetLeft(msgspec.Struct, frozen=True):
    """One limit of a provider's plan and what is left of it."""

    calls: int
    seconds: int
    left: int | None  # null: Redis, which counts them, cannot be reached


class ProviderStats(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as this replica knows it."""

    provider: str
    title: str
    state: str  # CLOSED, HALF_OPEN, OPEN, or DISABLED (it needs a key and has none)
    health_score: float
    parts: dict[str, float]  # of the score, each 0 to 1
    weights: dict[str, float]
    error_rate: float  # of the newest answers
    samples: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    capabilities: dict[str, str]  # "ok", or why it cannot be asked for it now
    budget: list[BudgetLeft]
    terms: str
    history: list[Sample]


class ProvidersAnswer(msgspec.Struct, frozen=True):
    """Every provider that is installed."""

    providers: list[ProviderStats]


class CadenceLine(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds between two fetches of a symbol: asked for, and what the budgets allow (null: never)."""

    tier: str
    capability: str
    symbols: int
    asked_for_seconds: float
    achievable_seconds: float | None
    reason: str


class CadenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The plan, and how the sweeper keeps it."""

    sweep_tick_seconds: float
    sweep_enabled: bool
    queue_depth: dict[str, int]
    cadences: list[CadenceLine]


class ConfigAnswer(msgspec.Struct, frozen=True):
    """By setting, the source that won and those that it won over. Values are not shown: some are secret."""

    sources: dict[str, str]


@get("/stats/providers", summary="Health, state and budget of each provider")
async def providers(parts: Given) -> ProvidersAnswer:
    """Every provider with its state, its score and the score's parts, its budget and its last 60 scores."""
    return ProvidersAnswer([await _stats(parts, name) for name in parts.router.providers])


@get("/stats/cadence", summary="Asked-for and achievable cadence", responses=can_fail(503))
async def cadence(parts: Given) -> CadenceAnswer:
    """For each tier the cadence asked for, the one that the budgets allow, and why they differ."""
    counts = Counter(one.tier for one in await universe.load(parts.database))
    able = {capability: parts.router.able(capability) for capability in Capability}
    limits = {name: account.limits for name, account in parts.router.accounts.items()}
    lines = plan(counts, parts.settings, able, limits)
    return CadenceAnswer(
        sweep_tick_seconds=parts.settings.local_sweep_tick_sec,
        sweep_enabled=parts.settings.local_sweep_enabled,
        queue_depth={tier.value: depth for tier, depth in (await parts.queue.depth()).items()},
        cadences=[
            CadenceLine(
                tier=line.tier,
                capability=line.capability,
                symbols=line.symbols,
                asked_for_seconds=line.asked_for,
                achievable_seconds=line.achievable,
                reason=line.reason,
            )
            for line in lines
        ],
    )


@get("/stats/config", summary="Where each setting comes from", sync_to_thread=False)
def config(parts: Given) -> ConfigAnswer:
    """Which source each setting was read from, and which others it won over."""
    return ConfigAnswer(parts.configuration.sources)


@get(
    "/providers/{name:str}/health-history",
    summary="The last 60 scores",
    responses=can_fail(404),
    sync_to_thread=False,
)
def health_history(parts: Given, name: Name) -> list[Sample]:
    """The last 60 health scores of a provider, oldest first."""
    return _history(_standing(parts, name))


router = Router("/", route_handlers=[providers, cadence, config, health_history], tags=["stats"])


def _standing(parts: Parts, name: str) -> Standing:
    standing = parts.router.standings.get(name)
    if standing is None:
        known = ", ".join(parts.router.standings)
        raise BadQuestion(f"no provider {name[:40]!r}: there are {known}", status=404)
    return standing


def _history(standing: Standing) -> list[Sample]:
    return [Sample(moment(at), round(score, 4)) for at, score in standing.health.history]


async def _stats(parts: Parts, name: str) -> ProviderStats:
    facts, standing = parts.router.providers[name].facts, parts.router.standings[name]
    score, health = standing.score, standing.health
    return ProviderStats(
        provider=name,
        title=facts.title,
        state=parts.router.state(name),
        health_score=round(score.value, 4),
        parts={part: round(getattr(score, part), 4) for part in WEIGHTS},
        weights=WEIGHTS,
        error_rate=round(health.error_rate, 4),
        samples=health.samples,
        latency_p50_ms=_rounded(health.latency(50)),
        latency_p95_ms=_rounded(health.latency(95)),
        capabilities={one.value: _capability(parts, facts, one) for one in Capability},
        budget=await _budget(parts, name),
        terms=facts.terms,
        history=_history(standing),
    )


async def _budget(parts: Parts, name: str) -> list[BudgetLeft]:
    limits = parts.router.accounts[name].limits
    left: Sequence[int | None]
    try:
        left = await parts.router.budget_left(name)
    except StoreUnavailable:  # what else is known of a provider is wanted then more than ever
        left = [None] * len(limits)
    return [BudgetLeft(one.calls, one.seconds, free) for one, free in zip(limits, left, strict=True)]


def _capability(parts: Parts, facts: Facts, capability: Capability) -> str:
    reach = facts.reach.get(capability)
    if reach is None:
        return "it has none"
    now = parts.clock()
    probe = Query(capability, "", min(reach.asset_types), Span(int(now), int(now) + 1), now)
    excluded = {one.name: one.reason for one in parts.router.ranking(probe).excluded}
    return excluded.get(facts.name, "ok")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
