"""Decides in which order providers are asked; a pure function whose result carries its reasons."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market_data.provider import Query, Reach
from market_data.route.breaker import State

HANDICAP = 0.1
"""How much more merit than the provider before it in the policy one must have to be asked first."""
FIT_FOR_HINT = 0.70
"""Score that a provider must have for a hint to be honoured."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the decision needs to know of a provider at this moment."""

    name: str
    reach: Reach | None  # None: it does not have the capability
    state: State
    score: float
    merit: float  # the score as if no call had failed
    on_trial: bool = False  # half open, and its one trial is under way
    out: str = ""  # why it must not be asked now (no key, refused, resting, unknown symbol); "" if it may
    until: float | None = None  # epoch seconds at which `out` is over, where that is known
    last_resort: bool = False  # `out` gives way where nobody else is left


@dataclass(frozen=True, slots=True)
class Excluded:
    """A provider that is not asked, why, and until when (epoch seconds, None: open end)."""

    name: str
    reason: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who is asked, best first, and who is not. `last_resort`: all were out, the least bad is tried."""

    order: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    last_resort: bool = False


def rank(
    query: Query,
    candidates: Iterable[Candidate],
    policy: Sequence[str],
    *,
    hint: str | None = None,
    trials: bool = True,
) -> Ranking:
    """Order the candidates.

    First one that waits for its trial (where `trials` are wanted: they may cost a time-out), then the closed
    ones by merit, of which each place in the policy takes HANDICAP: one that is slow, or lacks bars, falls
    behind the next. Failures do not count here: they are the breaker's, which must see them. The one of
    `hint` comes first while it is in good health. One that has bars of a part of the span alone comes after
    those that have bars of all of it. Those that the policy does not name come after all that it
    names. "Everyone is out" is no dead end: the least bad one is tried.
    """
    fit: list[Candidate] = []
    excluded: list[Excluded] = []
    least_bad: list[Candidate] = []
    for one in candidates:
        reason = _unfit(query, one) or one.out or _closed_to_questions(one)
        if not reason:
            fit.append(one)
            continue
        excluded.append(Excluded(one.name, reason, one.until if reason == one.out else None))
        if not _unfit(query, one) and (one.last_resort or not one.out):
            least_bad.append(one)
    if fit:
        fit.sort(key=lambda one: _place(query, one, policy, hint=hint, trials=trials))
        return Ranking(tuple(one.name for one in fit), tuple(excluded))
    if not least_bad:
        return Ranking((), tuple(excluded))
    tried = min(least_bad, key=lambda one: (one.out != "", -one.score, one.name))
    return Ranking((tried.name,), tuple(one for one in excluded if one.name != tried.name), last_resort=True)


def _place(
    query: Query, one: Candidate, policy: Sequence[str], *, hint: str | None, trials: bool
) -> tuple[int, bool, bool, float, int, str]:
    preference = policy.index(one.name) if one.name in policy else len(policy)
    half_open = one.state is State.HALF_OPEN
    group = (0 if trials else 2) if half_open else 1
    hinted = one.name == hint and one.score >= FIT_FOR_HINT
    partly = one.reach is not None and one.reach.told(query) != query.span
    return group, partly, not hinted, HANDICAP * preference - one.merit, preference, one.name


def _closed_to_questions(one: Candidate) -> str:
    if one.state is State.OPEN:
        return "its circuit is open"
    return "its trial is under way" if one.on_trial else ""


def _unfit(query: Query, one: Candidate) -> str:
    if one.reach is None:
        return f"it has no {query.capability}"
    if query.asset_type not in one.reach.asset_types:
        return f"it has no {query.asset_type} symbols"
    if one.reach.told(query) is not None:
        return ""
    if one.reach.depth is not None and query.span.end <= query.now - one.reach.depth:
        return f"its history ends {_rounded(one.reach.depth)} ago"
    return "it has no bars of the running day"


def _rounded(seconds: int) -> str:
    hours = seconds // 3600
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"
