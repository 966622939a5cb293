"""Decides in which order providers are asked; a pure function whose result carries its reasons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market_data.provider import Query, Reach
from market_data.route.breaker import State


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the decision needs to know of a provider at this moment."""

    name: str
    reach: Reach | None  # None: it does not have the capability
    state: State
    score: float
    out: str = ""  # why it must not be asked now (no key, refused, resting, unknown symbol); "" if it may
    until: float | None = None  # epoch seconds at which `out` is over, where that is known


@dataclass(frozen=True, slots=True)
class Excluded:
    """A provider that is not asked, why, and until when (epoch seconds, None: open end)."""

    name: str
    reason: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who is asked, best first, and who is not."""

    order: tuple[str, ...]
    excluded: tuple[Excluded, ...]


def rank(query: Query, candidates: Iterable[Candidate], policy: Sequence[str]) -> Ranking:
    """Order the candidates: closed breakers before half-open ones, then by policy.

    A provider that the policy does not name is not asked. Open breakers are excluded, unless nobody else is
    left: then the one with the best score is tried, because "everyone is out" must not be a dead end.
    """
    able: list[Candidate] = []
    excluded: list[Excluded] = []
    for one in candidates:
        reason = _unfit(query, one, policy)
        if reason:
            excluded.append(Excluded(one.name, reason, one.until if reason == one.out else None))
        else:
            able.append(one)
    able.sort(key=lambda one: (-one.state.part, policy.index(one.name)))
    closed = [one for one in able if one.state is not State.OPEN]
    if closed or not able:
        excluded += [Excluded(one.name, "its circuit is open") for one in able if one.state is State.OPEN]
        return Ranking(tuple(one.name for one in closed), tuple(excluded))
    least_bad = max(able, key=lambda one: one.score)
    excluded += [Excluded(one.name, "its circuit is open") for one in able if one is not least_bad]
    return Ranking((least_bad.name,), tuple(excluded))


def _unfit(query: Query, one: Candidate, policy: Sequence[str]) -> str:
    if one.out:
        return one.out
    if one.name not in policy:
        return f"the policy for {query.capability} does not name it"
    if one.reach is None:
        return f"it has no {query.capability}"
    if query.asset_type not in one.reach.asset_types:
        return f"it has no {query.asset_type} symbols"
    if one.reach.depth is not None and query.span.start < query.now - one.reach.depth:
        return f"its history ends {one.reach.depth // 86_400} days ago"
    return ""
