"""What the budgets allow: the cadence that each tier asks for beside the one that can be kept; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from market_data.market.capability import Capability
from market_data.market.instrument import Tier
from market_data.provider import Limit
from market_data.settings import Settings

ORDER = (Capability.BARS_1M, Capability.EOD, Capability.QUOTES_L1)
"""Within a tier, what is served first where a budget is short."""
LEAST_SHARE = 0.05
"""Share of each budget that a tier keeps however much those above it want: it is slowed, never stopped."""
ROUNDING = 1.001
"""A cadence that is missed by less than this factor counts as kept."""
NEGLIGIBLE = 1e-9
"""Calls a second that are a rounding error of shares taken before, not a budget."""
UNLIMITED = 1e6
"""Calls a second that stand for a budget without limits."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One line of the plan; cadences in seconds between two fetches of one symbol, None: never."""

    tier: Tier
    capability: Capability
    symbols: int
    asked_for: float
    achievable: float | None
    reason: str  # "" where the two are the same
    mend: tuple[str, ...] = ()  # what would make them the same, each by itself


def plan(
    symbols: Mapping[Tier, int],
    settings: Settings,
    able: Mapping[Capability, Sequence[str]],
    limits: Mapping[str, Sequence[Limit]],
    unset: Mapping[Capability, Sequence[str]],
    *,
    at_once: Mapping[str, int] | None = None,
) -> list[Planned]:
    """Spend the providers' calls on T0 first, T2 last; within a tier in ORDER, on providers as ranked.

    `able` names, for each capability, the providers that may be asked now, best first; `unset` the settings
    whose lack keeps others from it, `at_once` how many quotes a provider tells in one call, where it is more
    than one.
    """
    left = {name: calls_per_second(budget) for name, budget in limits.items()}
    whole, lines = dict(left), []
    for tier in Tier:
        kept = _kept_for_later(tier, symbols, settings, whole)
        for capability, asked in _wanted(tier, settings):
            count, names = symbols.get(tier, 0), able.get(capability, ())
            quotes = capability is Capability.QUOTES_L1
            granted = _grant(count / asked, names, left, kept, (at_once or {}) if quotes else {})
            line = Planned(tier, capability, count, asked, asked, "")
            tick = asked if quotes else settings.local_sweep_tick_sec  # quotes have a sweep of their own
            lines.append(_judged(line, granted, tick, names, unset.get(capability, ())))
    return lines


def calls_per_second(limits: Sequence[Limit]) -> float:
    """The steady rate that all of the limits allow."""
    return min((limit.calls / limit.seconds for limit in limits), default=UNLIMITED)


def _wanted(tier: Tier, settings: Settings) -> list[tuple[Capability, float]]:
    """What a tier asks for, in ORDER, with its cadence."""
    cadences = settings.cadence(tier)
    return [(one, float(cadences[one])) for one in ORDER if one in cadences]


def _kept_for_later(
    tier: Tier, symbols: Mapping[Tier, int], settings: Settings, whole: Mapping[str, float]
) -> dict[str, float]:
    """Calls a second of each provider that tiers after this one keep: LEAST_SHARE each, if they want it."""
    demands = [
        sum(symbols.get(later, 0) / cadence for _, cadence in _wanted(later, settings))
        for later in Tier
        if later > tier
    ]
    return {name: sum(min(LEAST_SHARE * rate, demand) for demand in demands) for name, rate in whole.items()}


def _grant(
    demand: float,
    names: Sequence[str],
    left: dict[str, float],
    kept: Mapping[str, float],
    at_once: Mapping[str, int],
) -> float:
    """Take calls from the named providers for up to `demand` symbols a second; how many that serves."""
    granted = 0.0
    for name in names:
        symbols = at_once.get(name, 1)
        share = min((demand - granted) / symbols, max(left[name] - kept[name], 0.0))
        left[name] -= share
        granted += share * symbols
    return granted


def _judged(
    line: Planned, granted: float, tick: float, names: Sequence[str], unset: Sequence[str]
) -> Planned:
    """The line with the cadence that `granted` calls a second keep."""
    count, asked = line.symbols, line.asked_for
    if not count:
        return line
    keys = tuple(f"set {name}" for name in unset)
    if granted <= NEGLIGIBLE:
        reason = "other series use up the budgets" if names else "no provider can be asked for it"
        return _slowed(line, None, reason, keys)
    achievable = count / granted
    if achievable > asked * ROUNDING:
        unit = "symbols" if line.capability is Capability.QUOTES_L1 else "calls"
        reason = f"the budgets of {', '.join(names)} allow {granted * 60:.1f} {unit} a minute here"
        mend = (
            *keys,
            f"{ceil((count / asked - granted) * 60)} more {unit} a minute",
            _longer(line, achievable),
        )
        return _slowed(line, max(achievable, tick), reason, mend)
    if asked < tick:
        return _slowed(
            line, tick, "the sweeper looks once in LOCAL_SWEEP_TICK_SEC", (f"LOCAL_SWEEP_TICK_SEC={asked:g}",)
        )
    return line


def _slowed(line: Planned, achievable: float | None, reason: str, mend: tuple[str, ...]) -> Planned:
    rounded = None if achievable is None else round(achievable, 1)
    return Planned(line.tier, line.capability, line.symbols, line.asked_for, rounded, reason, mend)


def _longer(line: Planned, achievable: float) -> str:
    seconds = ceil(achievable / 60) * 60 if achievable > 60 else ceil(achievable)
    words = f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds} s"
    return f"{line.tier} every {words}: CADENCE_{line.tier} with {line.capability}={seconds}"
