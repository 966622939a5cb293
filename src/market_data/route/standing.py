"""Where one provider stands at this moment: the track of each capability, its rests, what it cannot do."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from market_data.errors import ProviderFault, Refused, Throttled, Unsupported
from market_data.market.capability import Capability
from market_data.market.noted import holds
from market_data.market.span import moment
from market_data.provider import Query
from market_data.route.breaker import State, Thresholds
from market_data.route.health import Score
from market_data.route.track import Track

HISTORY = 60
"""The newest scores that are kept to be shown."""
REST_SECONDS = 60.0
"""How long a provider rests that throttles without saying for how long."""
SHORTEST_REST = 1.0
"""Seconds; one that throttles and says "at once" is not believed.

Doubled, up to REST_SECONDS, each time that it throttles again right after a rest: whoever keeps knocking is
banned in the end."""
REFUSED_SECONDS = 6 * 3600.0
"""How long a refused key or capability is left alone before it is tried again; a reload tries it at once."""
LAST_RESORT_SECONDS = 60.0
"""Where nobody else is left, what was refused is tried again after this time already."""
UNSUPPORTED_SECONDS = 3600.0
"""How long a series that a provider does not have is not asked for again."""
UNSUPPORTED_KEPT = 20_000
"""Such series that are remembered; past it the oldest is forgotten, which costs one call."""


@dataclass(frozen=True, slots=True)
class Cordon:
    """What a provider must not be asked from `since` until `until` (epoch seconds), and why.

    `yields` is when it may be asked all the same if nobody else is left; None: not before `until`.
    """

    reason: str
    since: float
    until: float
    yields: float | None = None

    def holds(self, now: float) -> bool:
        """Whether it is in force."""
        return holds(self.since, self.until, now)


class Standing:
    """What this process knows of one provider. The clock is given with every call."""

    def __init__(self, rules: Callable[[], Thresholds]) -> None:
        self._rules = rules
        self.tracks: dict[Capability, Track] = {}
        self.history: deque[tuple[float, float]] = deque(maxlen=HISTORY)
        """(epoch seconds, score) after each answer."""
        self._rest: Cordon | None = None
        self._shortest = SHORTEST_REST
        self._refused: dict[Capability | None, Cordon] = {}  # None: the key itself
        self._unsupported: OrderedDict[tuple[Capability, str], Cordon] = OrderedDict()

    def track(self, capability: Capability) -> Track:
        """The track of a capability; a new one is trusted."""
        found = self.tracks.get(capability)
        if found is None:
            found = self.tracks[capability] = Track()
        return found

    def state(self, now: float) -> State:
        """The worst state of what it has been asked for; OPEN while its key is refused."""
        if self._key_refused(now):
            return State.OPEN
        states = (one.state(now, self._rules()) for one in self.tracks.values())
        return min(states, key=lambda state: state.part, default=State.CLOSED)

    def state_of(self, capability: Capability, now: float) -> State:
        """The state of one capability."""
        return self.track(capability).state(now, self._rules())

    def score(self, now: float) -> Score:
        """The worst score of what it has been asked for; 0 while its key is refused."""
        tracks = self.tracks.values() or (Track(),)
        worst = min((one.score(now, self._rules()) for one in tracks), key=lambda score: score.value)
        return Score(0.0, 0.0, 0.0, 0.0) if self._key_refused(now) else worst

    def score_of(self, capability: Capability, now: float) -> Score:
        """The score of one capability."""
        return self.track(capability).score(now, self._rules())

    def cordon(self, query: Query, now: float) -> Cordon | None:
        """Why it must not be asked this now; None if it may."""
        found = (
            self._rest,
            self._refused.get(None),
            self._refused.get(query.capability),
            self._unsupported.get((query.capability, query.symbol)),
        )
        return next((one for one in found if one is not None and one.holds(now)), None)

    def barred(self, query: Query, now: float) -> bool:
        """Whether it was refused, or does not have the series: more than a rest."""
        cordon = self.cordon(query, now)
        return cordon is not None and cordon is not self._rest

    def readmit(self, now: float) -> None:
        """Try again at once what was refused or failed: the configuration has been read again."""
        self._refused.clear()
        for track in self.tracks.values():
            track.readmit(now)

    def note(self, query: Query, fault: ProviderFault | None, milliseconds: float, now: float) -> None:
        """Note how a call ended: `fault` is None if it answered."""
        match fault:
            case None:
                self._refused.pop(query.capability, None)
                self._refused.pop(None, None)
                self._rested(now)
                self.track(query.capability).answered(milliseconds, now, self._rules())
            case Throttled():
                self._throttled(fault, now)
                return
            case Refused(whole=False):
                self._refuse(query.capability, fault, now)
                return
            case Refused():
                self._refuse(None, fault, now)
                self.track(query.capability).failed(now, self._rules())
                self.track(query.capability).trip(now)
            case Unsupported():
                self._lacks(query, fault, now)
                return
            case _:
                self.track(query.capability).failed(now, self._rules())
        self.history.append((now, self.score(now).value))

    def _key_refused(self, now: float) -> bool:
        cordon = self._refused.get(None)
        return cordon is not None and cordon.holds(now)

    def _refuse(self, what: Capability | None, fault: Refused, now: float) -> None:
        self._refused[what] = Cordon(
            f"it refused ({fault.detail})", now, now + REFUSED_SECONDS, yields=now + LAST_RESORT_SECONDS
        )

    def _rested(self, now: float) -> None:
        """It answers again."""
        if self._rest is not None and not self._rest.holds(now):
            self._rest, self._shortest = None, SHORTEST_REST

    def _throttled(self, fault: Throttled, now: float) -> None:
        if self._rest is not None and not self._rest.holds(now):  # not one of the same burst
            self._shortest = min(2 * self._shortest, REST_SECONDS)
        rest = REST_SECONDS if fault.retry_after is None else max(fault.retry_after, self._shortest)
        held = self._rest is not None and self._rest.holds(now)
        if self._rest is None or not held or now + rest > self._rest.until:
            # a burst does not shorten a spent day's rest
            self._rest = Cordon(f"it asked for a rest ({fault.detail})", now, now + rest)

    def _lacks(self, query: Query, fault: Unsupported, now: float) -> None:
        series = (query.capability, query.symbol)
        self._unsupported[series] = Cordon(
            f"it does not have {query.symbol} ({fault.detail})", now, now + UNSUPPORTED_SECONDS
        )
        self._unsupported.move_to_end(series)
        if len(self._unsupported) > UNSUPPORTED_KEPT:
            self._unsupported.popitem(last=False)


def told(cordon: Cordon) -> str:
    """A cordon's reason, with the time at which it is over."""
    return f"{cordon.reason}; asked again at {moment(cordon.until):%H:%M:%S}Z"
