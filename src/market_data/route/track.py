"""One capability of one provider: its facts, its breaker, and whether a trial of it is under way."""

from collections.abc import Iterator
from contextlib import contextmanager

from market_data.route.breaker import Breaker, State, Thresholds
from market_data.route.health import Health, Score


class Track:
    """What its answers have shown. Clock and thresholds are given with every call."""

    def __init__(self) -> None:
        self.health = Health()
        self.on_trial = False
        self._breaker = Breaker()

    def state(self, now: float, rules: Thresholds) -> State:
        """The breaker's state at `now`."""
        self._breaker = self._breaker.at(now, rules)
        return self._breaker.state

    def score(self, now: float, rules: Thresholds) -> Score:
        """The health score at `now`. What opened the breaker counts until a trial has shown otherwise."""
        state = self.state(now, rules)
        return self.health.score(state.part, now if state is State.CLOSED else self._breaker.since)

    def answered(self, milliseconds: float, now: float, rules: Thresholds) -> None:
        """Note an answer."""
        if self.state(now, rules) is not State.CLOSED and not self._breaker.good_trials:
            self.health.forget()
        self.health.answered(milliseconds, now)
        self._settle(True, now, rules)

    def failed(self, now: float, rules: Thresholds) -> None:
        """Note a failure."""
        self.health.failed(now)
        self._settle(False, now, rules)

    def trip(self, now: float) -> None:
        """Open the breaker whatever the score says: the provider will answer nobody who has this key."""
        self._breaker = Breaker(State.OPEN, now)

    def readmit(self, now: float) -> None:
        """Put what is out on trial at once."""
        self._breaker = self._breaker.readmitted(now)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """While the block runs no other question is a trial."""
        self.on_trial = True
        try:
            yield
        finally:
            self.on_trial = False

    def _settle(self, good: bool, now: float, rules: Thresholds) -> None:
        self._breaker = self._breaker.at(now, rules)
        score = self.score(now, rules).value
        self._breaker = self._breaker.after(good, score, self.health.samples(now), now, rules)
