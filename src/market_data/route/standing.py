"""Where one provider stands at this moment: its health, its breaker, its rests and what it cannot do."""

from collections import OrderedDict
from dataclasses import dataclass

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unavailable, Unsupported
from market_data.market.capability import Capability
from market_data.market.span import moment
from market_data.provider import Query
from market_data.route.breaker import Breaker, State, Thresholds
from market_data.route.health import Health, Score
from market_data.settings import Settings

REST_SECONDS = 60.0
"""How long a provider rests that throttles without saying for how long."""
SHORTEST_REST = 1.0
"""Seconds; one that throttles and says "at once" is not believed."""
REFUSED_SECONDS = 6 * 3600.0
"""How long a refused key or capability is left alone before it is tried again."""
UNSUPPORTED_SECONDS = 3600.0
"""How long a series that a provider does not have is not asked for again."""
UNSUPPORTED_KEPT = 20_000
"""Such series that are remembered; past it the oldest is forgotten, which costs one call."""


@dataclass(frozen=True, slots=True)
class Cordon:
    """Something that a provider must not be asked until `until` (epoch seconds), and why."""

    reason: str
    until: float


class Standing:
    """What this process knows of one provider. The clock is given with every call."""

    def __init__(self, settings: Settings) -> None:
        self._rules = Thresholds(
            settings.breaker_demote_threshold,
            settings.breaker_promote_threshold,
            settings.breaker_cooldown_sec,
            settings.breaker_promote_min_samples,
        )
        self.health = Health()
        self._breaker = Breaker()
        self._rest: Cordon | None = None
        self.refused: dict[Capability | None, Cordon] = {}
        """By capability what the key or its plan does not cover; None: the key itself."""
        self._unsupported: OrderedDict[tuple[Capability, str], Cordon] = OrderedDict()

    def breaker_at(self, now: float) -> Breaker:
        """The breaker at `now`."""
        self._breaker = self._breaker.at(now, self._rules)
        return self._breaker

    @property
    def score(self) -> Score:
        """The health score at present."""
        return self.health.score(self._breaker.state.part)

    def out(self, query: Query, now: float) -> tuple[str, float | None]:
        """Why it must not be asked this now, and until when; ("", None) if it may."""
        found = (
            self._rest,
            self.refused.get(None),
            self.refused.get(query.capability),
            self._unsupported.get((query.capability, query.symbol)),
        )
        for cordon in found:
            if cordon is not None and now < cordon.until:
                return f"{cordon.reason}; asked again at {moment(cordon.until):%H:%M:%S}Z", cordon.until
        return "", None

    def note(self, query: Query, fault: ProviderFault | None, milliseconds: float, now: float) -> None:
        """Note how a call ended: `fault` is None if it answered."""
        match fault:
            case None:
                self._answered(query, milliseconds, now)
            case Throttled():
                self._throttled(fault, now)
            case Refused():
                what = None if fault.whole else query.capability
                self.refused[what] = Cordon(f"it refused ({fault.detail})", now + REFUSED_SECONDS)
            case Unsupported():
                self._lacks(query, fault, now)
            case Unavailable() | Malformed() | _:
                self.health.failed()
                self._settle(False, now)

    def _throttled(self, fault: Throttled, now: float) -> None:
        rest = REST_SECONDS if fault.retry_after is None else max(fault.retry_after, SHORTEST_REST)
        if self._rest is None or now + rest > self._rest.until:  # a burst does not shorten a spent day's rest
            self._rest = Cordon(f"it asked for a rest ({fault.detail})", now + rest)

    def _lacks(self, query: Query, fault: Unsupported, now: float) -> None:
        series = (query.capability, query.symbol)
        self._unsupported[series] = Cordon(
            f"it does not have {query.symbol} ({fault.detail})", now + UNSUPPORTED_SECONDS
        )
        self._unsupported.move_to_end(series)
        if len(self._unsupported) > UNSUPPORTED_KEPT:
            self._unsupported.popitem(last=False)

    def _answered(self, query: Query, milliseconds: float, now: float) -> None:
        self.refused.pop(query.capability, None)
        self.refused.pop(None, None)
        if self._breaker.state is not State.CLOSED and not self._breaker.good_trials:
            self.health.forget()
        self.health.answered(milliseconds)
        self._settle(True, now)

    def _settle(self, good: bool, now: float) -> None:
        score = self.score.value
        self._breaker = self._breaker.after(good, score, self.health.samples, now, self._rules)
        self.health.history.append((now, score))
