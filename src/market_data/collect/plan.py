"""What the budgets allow: the cadence that each tier asks for beside the one that can be kept; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from market_data.market.capability import Capability
from market_data.market.instrument import Tier
from market_data.provider import Limit
from market_data.settings import Settings

ORDER = (Capability.BARS_1M, Capability.EOD, Capability.QUOTES_L1)
"""Within a tier, what is served first where a budget is short."""
ROUNDING = 1.001
"""A cadence that is missed by less than this factor counts as kept."""
NEGLIGIBLE = 1e-9
"""Calls a second that are a rounding error of shares taken before, not a budget."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of the plan; cadences in seconds between two fetches of one symbol, None: never."""

    tier: Tier
    capability: Capability
    symbols: int
    asked_for: float
    achievable: float | None
    reason: str  # "" where the two are the same


def plan(
    symbols: Mapping[Tier, int],
    settings: Settings,
    able: Mapping[Capability, Sequence[str]],
    limits: Mapping[str, Sequence[Limit]],
) -> list[Planned]:
    """Spend the providers' calls on T0 first, T2 last; within a tier in ORDER, on providers as ranked.

    `able` names, for each capability, the providers that may be asked now, best first.
    """
    left = {name: calls_per_second(budget) for name, budget in limits.items()}
    lines = []
    for tier in Tier:
        cadences = settings.cadence(tier)
        for capability in (one for one in ORDER if one in cadences):
            count, asked = symbols.get(tier, 0), float(cadences[capability])
            names = able.get(capability, ())
            granted = _grant(count / asked, names, left)
            tick = settings.local_sweep_tick_sec
            achievable, reason = _kept(count, asked, granted=granted, tick=tick, names=names)
            lines.append(Planned(tier, capability, count, asked, achievable, reason))
    return lines


def calls_per_second(limits: Sequence[Limit]) -> float:
    """The steady rate that all of the limits allow; infinite without any."""
    return min((limit.calls / limit.seconds for limit in limits), default=float("inf"))


def _grant(demand: float, names: Sequence[str], left: dict[str, float]) -> float:
    """Take up to `demand` calls a second from the named providers; returns what could be taken."""
    granted = 0.0
    for name in names:
        share = min(demand - granted, left[name])
        left[name] -= share
        granted += share
    return granted


def _kept(
    count: int, asked: float, *, granted: float, tick: float, names: Sequence[str]
) -> tuple[float | None, str]:
    """The cadence that `granted` calls a second keep for `count` symbols, and why it is not `asked`."""
    if not count:
        return asked, ""
    if granted <= NEGLIGIBLE:
        return None, "other series use up the budgets" if names else "no provider can be asked for it"
    achievable, reason = asked, ""
    if count / granted > asked * ROUNDING:
        achievable = round(count / granted, 1)
        reason = f"the budgets of {', '.join(names)} allow {granted * 60:.1f} calls a minute here"
    if achievable < tick:
        achievable, reason = tick, "the sweeper looks once in LOCAL_SWEEP_TICK_SEC"
    return achievable, reason
