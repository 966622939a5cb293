"""/stats and /providers: why the service does what it does."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.openapi.spec import Example
from litestar.params import PathParameter

from market_data.collect.sweep import planned
from market_data.errors import BadQuestion, ProviderAnswer, StoreUnavailable
from market_data.market.capability import Capability
from market_data.market.span import moment
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


class CapabilityStats(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider's answers to one capability have shown in the last five minutes."""

    capability: str
    available: str  # "ok", or why it is not asked for it now
    state: str
    health_score: float | None  # null: the provider is DISABLED
    error_rate: float
    samples: int
    latency_p50_ms: float | None
    latency_p95_ms: float | None


class ProviderStats(msgspec.Struct, frozen=True, kw_only=True):
    """One provider as this replica knows it."""

    provider: str
    title: str
    state: str  # CLOSED, HALF_OPEN, OPEN, or DISABLED (it needs a key and has none)
    health_score: float | None  # null: DISABLED, nobody asks it, so nothing is known of its health
    parts: dict[str, float]  # of the score, each 0 to 1: those of its worst capability
    weights: dict[str, float]
    error_rate: float  # of its worst capability
    samples: int  # answers that count, of all capabilities
    latency_p50_ms: float | None  # of its slowest capability
    latency_p95_ms: float | None
    capabilities: list[CapabilityStats]
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
    reason: str  # empty where the two are the same
    mend: list[str]  # what would make them the same, each by itself


class CadenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The plan, and how the sweeper keeps it."""

    sweep_tick_seconds: float
    sweep_enabled: bool
    queue_depth: dict[str, int]
    cadences: list[CadenceLine]


class WaitingSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A series that waits, and what each provider said when it was asked for last; it is asked for again."""

    symbol: str
    capability: str
    start: datetime
    end: datetime
    asked_at: datetime
    answers: list[ProviderAnswer]


class ConfigAnswer(msgspec.Struct, frozen=True):
    """By setting, the source that won and those that it won over. Values are not shown: some are secret."""

    policy_version: int  # counts the reloads, from 1 at the start
    sources: dict[str, str]


@get("/stats/providers", summary="Health, state and budget of each provider")
async def providers(parts: Given) -> ProvidersAnswer:
    """Every provider with its state, its score and the score's parts, its budget and its last 60 scores."""
    return ProvidersAnswer([await _stats(parts, name) for name in parts.router.roster.providers])


@get("/stats/cadence", summary="Asked-for and achievable cadence", responses=can_fail(503))
async def cadence(parts: Given) -> CadenceAnswer:
    """For each tier the cadence asked for, the one that the budgets allow, and why they differ."""
    counts = Counter(one.tier for one in await universe.load(parts.database))
    lines = planned(parts.router.roster, counts)
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
                mend=list(line.mend),
            )
            for line in lines
        ],
    )


@get("/stats/waiting", summary="What no provider could serve", sync_to_thread=False)
def waiting(parts: Given) -> list[WaitingSeries]:
    """The series whose newest job nobody could serve, newest last, with what every provider said."""
    return [
        WaitingSeries(
            symbol=one.job.symbol,
            capability=one.job.capability,
            start=moment(one.job.start),
            end=moment(one.job.end),
            asked_at=moment(one.at),
            answers=list(one.answers),
        )
        for one in parts.fetcher.waiting.values()
    ]


@get("/stats/config", summary="Where each setting comes from", sync_to_thread=False)
def config(parts: Given) -> ConfigAnswer:
    """Which source each setting was read from, and which others it won over."""
    return ConfigAnswer(parts.in_force.policy_version, parts.in_force.configuration.sources)


@get(
    "/providers/{name:str}/health-history",
    summary="The last 60 scores",
    responses=can_fail(404),
    sync_to_thread=False,
)
def health_history(parts: Given, name: Name) -> list[Sample]:
    """The last 60 health scores of a provider, oldest first."""
    return _history(_standing(parts, name))


router = Router("/", route_handlers=[providers, cadence, waiting, config, health_history], tags=["stats"])


def _standing(parts: Parts, name: str) -> Standing:
    standing = parts.router.roster.standings.get(name)
    if standing is None:
        known = ", ".join(parts.router.roster.standings)
        raise BadQuestion(f"no provider {name[:40]!r}: there are {known}", status=404)
    return standing


def _history(standing: Standing) -> list[Sample]:
    return [Sample(moment(at), round(score, 4)) for at, score in standing.history]


async def _stats(parts: Parts, name: str) -> ProviderStats:
    roster, now = parts.router.roster, parts.clock()
    facts, standing = roster.providers[name].facts, roster.standings[name]
    score = standing.score(now)
    capabilities = [_capability(parts, name, one) for one in Capability]
    return ProviderStats(
        provider=name,
        title=facts.title,
        state=roster.state(name),
        health_score=None if roster.disabled(name) else round(score.value, 4),
        parts={part: round(getattr(score, part), 4) for part in WEIGHTS},
        weights=WEIGHTS,
        error_rate=max(one.error_rate for one in capabilities),
        samples=sum(one.samples for one in capabilities),
        latency_p50_ms=_slowest(one.latency_p50_ms for one in capabilities),
        latency_p95_ms=_slowest(one.latency_p95_ms for one in capabilities),
        capabilities=capabilities,
        budget=await _budget(parts, name),
        terms=facts.terms,
        history=_history(standing),
    )


def _capability(parts: Parts, name: str, capability: Capability) -> CapabilityStats:
    roster, now = parts.router.roster, parts.clock()
    standing = roster.standings[name]
    health = standing.track(capability).health
    return CapabilityStats(
        capability=capability.value,
        available=_available(parts, name, capability),
        state=standing.state_of(capability, now).value,
        health_score=(None if roster.disabled(name) else round(standing.score_of(capability, now).value, 4)),
        error_rate=round(health.error_rate(now), 4),
        samples=health.samples(now),
        latency_p50_ms=_rounded(health.latency(50, now)),
        latency_p95_ms=_rounded(health.latency(95, now)),
    )


def _available(parts: Parts, name: str, capability: Capability) -> str:
    roster = parts.router.roster
    reach = roster.providers[name].facts.reach.get(capability)
    if reach is None:
        return f"it has no {capability}"
    ranking = roster.ranking(roster.probe(capability, min(reach.asset_types)))
    return next((one.reason for one in ranking.excluded if one.name == name), "ok")


def _slowest(values: Iterable[float | None]) -> float | None:
    return max((one for one in values if one is not None), default=None)


async def _budget(parts: Parts, name: str) -> list[BudgetLeft]:
    limits = parts.router.roster.accounts[name].limits
    left: Sequence[int | None]
    try:
        left = await parts.router.caller.budget_left(name)
    except StoreUnavailable:  # what else is known of a provider is wanted then more than ever
        left = [None] * len(limits)
    return [BudgetLeft(one.calls, one.seconds, free) for one, free in zip(limits, left, strict=True)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
