"""Learns how late each provider's minutes of an exchange arrive, from what it answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from market_data.market.interval import Interval
from market_data.market.session import MarketHours

WINDOW_SECONDS = 300
"""Of the lags of each window of this length the shortest counts: that of the symbol that traded last."""
WINDOWS = 6
"""Windows that count; older ones are forgotten, so that a provider that became slower is noticed."""
LONGEST_DELAY = 2 * 3600.0
"""Seconds; a lag beyond it is an outage or a silent symbol, not a delay."""
OPENING_SECONDS = 120
"""After the open nothing is learned for so long: the first bars of a session are rare."""

Key = tuple[str, str, Interval]
"""Provider, calendar, interval."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The delay (s after a bar's end) and the label of the newest bar of any symbol, both as received."""

    seconds: float
    newest: int


class Delays:
    """What this process has learned, and what others have: the newer of both is used."""

    def __init__(self) -> None:
        self._lags: dict[Key, dict[int, float]] = {}
        self._known: dict[Key, Learned] = {}
        self._fresh: set[Key] = set()

    def heard(self, provider: str, hours: MarketHours, interval: Interval, *, newest: int, at: float) -> None:
        """Note the newest bar (its label) of an answer that was given at `at`, by the provider's time."""
        key = provider, hours.regular.name, interval
        known = self._known.get(key, Learned(0.0, 0))
        lag = max(at - newest - interval.seconds, 0.0)
        seconds = known.seconds
        if _says_something(hours, interval, newest, at) and lag <= LONGEST_DELAY:
            lags = self._lags.setdefault(key, {})
            window = int(at // WINDOW_SECONDS)
            lags[window] = min(lag, lags.get(window, lag))
            for old in [one for one in lags if not window - WINDOWS < one <= window]:
                del lags[old]
            seconds = min(lags.values())
        learned = Learned(seconds, max(known.newest, newest))
        if learned != known:
            self._known[key] = learned
            self._fresh.add(key)

    def of(self, provider: str, calendar: str, interval: Interval) -> Learned:
        """What is known of a provider's bars of a calendar; no delay where nothing is."""
        return self._known.get((provider, calendar, interval), Learned(0.0, 0))

    def taken(self) -> dict[Key, Learned]:
        """What was learned here since the last call."""
        fresh, self._fresh = self._fresh, set()
        return {key: self._known[key] for key in fresh}

    def adopt(self, known: Mapping[Key, Learned] | Iterable[tuple[Key, Learned]]) -> None:
        """Learn from other replicas: their newest bars, and their delays where we know none."""
        for key, theirs in dict(known).items():
            ours = self._known.get(key)
            if ours is None:
                self._known[key] = theirs
            elif theirs.newest > ours.newest:
                self._known[key] = Learned(ours.seconds, theirs.newest)


def _says_something(hours: MarketHours, interval: Interval, newest: int, at: float) -> bool:
    """Whether the lag of a bar can be a delay: minutes of the running session, asked for while it runs."""
    if interval is Interval.D1:
        return False
    session = hours.regular.session_at(at)
    return session is not None and session.start <= newest and at >= session.start + OPENING_SECONDS
