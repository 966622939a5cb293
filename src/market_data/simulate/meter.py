"""Counts a provider's calls and tells which of them exceed its plan."""

from collections import Counter, deque
from dataclasses import dataclass, field

from market_data.provider import Limit
from market_data.simulate.protocol import Allowance


@dataclass(slots=True)
class Calls:
    """What was asked of one provider since the start, and how it went."""

    asked: int = 0
    over_plan: int = 0  # calls that the plan did not allow: 0 means that the caller kept to it
    endpoints: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)  # how often each fault struck


class Meter:
    """The calls of the last while, oldest first: as many as the plan's limits look back at."""

    def __init__(self) -> None:
        self._granted: deque[float] = deque()

    def spend(self, now: float, limits: tuple[Limit, ...]) -> Allowance:
        """Count a call at `now`. One that exceeds a limit is not held against later ones.

        The windows slide: `calls` in any `seconds`. Where several limits are exceeded the shortest is named.
        """
        if not limits:
            return Allowance()
        ordered = sorted(limits, key=lambda limit: limit.seconds)
        widest = ordered[-1]
        while self._granted and not now - widest.seconds < self._granted[0] <= now:
            self._granted.popleft()
        over = next((limit for limit in ordered if self._within(limit, now) >= limit.calls), None)
        if over is None:
            self._granted.append(now)
        used = self._within(widest, now)
        oldest = self._granted[0] if self._granted else now
        return Allowance(over, widest, max(widest.calls - used, 0), oldest + widest.seconds)

    def _within(self, limit: Limit, now: float) -> int:
        return sum(1 for at in self._granted if at > now - limit.seconds)
