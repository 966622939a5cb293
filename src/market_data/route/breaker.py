"""A circuit breaker as a value: it obeys the score, it does not judge.

CLOSED ── score below demote, after enough answers, or a refused key ──► OPEN
OPEN ── cooldown over, or the configuration was read again ──► HALF_OPEN
HALF_OPEN ── a failure ──► OPEN
HALF_OPEN ── enough good trials and score above promote ──► CLOSED
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from market_data.market.noted import holds
from market_data.settings import Settings

SAMPLES_BEFORE_DEMOTION = 3
"""One failure of a provider that has hardly been asked is no evidence."""


class State(StrEnum):
    """Whether a provider may be asked: yes, on trial, or no."""

    CLOSED = "CLOSED"
    HALF_OPEN = "HALF_OPEN"
    OPEN = "OPEN"

    @property
    def part(self) -> float:
        """Its part of the score, and the value of `circuit_state`: 0 open, 0.5 half open, 1 closed."""
        return {State.CLOSED: 1.0, State.HALF_OPEN: 0.5, State.OPEN: 0.0}[self]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a breaker moves; scores 0 to 1, seconds, and a count of trials."""

    demote: float
    promote: float
    cooldown: float
    trials: int

    @classmethod
    def of(cls, settings: Settings) -> "Thresholds":
        """Those that the operator has chosen."""
        return cls(
            settings.breaker_demote_threshold,
            settings.breaker_promote_threshold,
            settings.breaker_cooldown_sec,
            settings.breaker_promote_min_samples,
        )


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state since `since` (epoch seconds), and how many trials went well."""

    state: State = State.CLOSED
    since: float = 0.0
    good_trials: int = 0

    def at(self, now: float, rules: Thresholds) -> "Breaker":
        """This breaker when the clock says `now`: the cooldown ends by itself."""
        if self.state is State.OPEN and not holds(self.since, self.since + rules.cooldown, now):
            return Breaker(State.HALF_OPEN, now)
        return self

    def after(self, good: bool, score: float, samples: int, now: float, rules: Thresholds) -> "Breaker":
        """This breaker after an answer that left the provider with `score` out of `samples` answers."""
        if self.state is State.CLOSED:
            demoted = score < rules.demote and samples >= SAMPLES_BEFORE_DEMOTION
            return Breaker(State.OPEN, now) if demoted else self
        if not good:
            return Breaker(State.OPEN, now)
        trials = self.good_trials + 1
        if trials >= rules.trials and score > rules.promote:
            return Breaker(State.CLOSED, now)
        return replace(self, state=State.HALF_OPEN, good_trials=trials)

    def readmitted(self, now: float) -> "Breaker":
        """This breaker after the configuration was read again: what was out is on trial at once."""
        return self if self.state is State.CLOSED else Breaker(State.HALF_OPEN, now)
