"""Rolling facts of a provider's answers to one capability, and the score made of them."""

from collections import deque
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from market_data.market.noted import CLOCKS_DIFFER

SAMPLES = 20
"""The newest answers that count."""
ERROR_SAMPLES = 8
"""Those of them whose failures count: an outage must show after few calls, whatever was good before."""
WINDOW_SECONDS = 300.0
"""How long an answer counts: a provider that nobody asked since is trusted again, and so found out again."""
SLOWEST_MS = 5000.0
"""Latency (p95) at which the latency part of the score is 0."""
_BREAKER, _LATENCY, _ERRORS, _COMPLETENESS = 0.45, 0.25, 0.20, 0.10
WEIGHTS = {
    "breaker": _BREAKER,
    "latency": _LATENCY,
    "errors": _ERRORS,
    "completeness": _COMPLETENESS,
}


@dataclass(frozen=True, slots=True)
class Score:
    """H = 0.45 breaker + 0.25 latency + 0.20 errors + 0.10 completeness, each part 0 (bad) to 1 (good)."""

    breaker: float
    latency: float
    errors: float
    completeness: float

    @property
    def value(self) -> float:
        """The weighted sum, 0 to 1."""
        return (
            _BREAKER * self.breaker
            + _LATENCY * self.latency
            + _ERRORS * self.errors
            + _COMPLETENESS * self.completeness
        )

    @property
    def merit(self) -> float:
        """The score as if no call had failed: what its good answers are worth, 0 to 1."""
        if not self.errors:  # no good answer has shown anything yet
            return Score(self.breaker, 1.0, 1.0, 1.0).value
        return Score(self.breaker, self.latency / self.errors, 1.0, self.completeness / self.errors).value


class _Answer(NamedTuple):
    at: float
    milliseconds: float | None  # None: it failed


class _Share(NamedTuple):
    at: float
    share: float


@dataclass(slots=True)
class Health:
    """The newest answers. Throttling and a plan's refusals are not among them: they say nothing of health.

    Times are epoch seconds, given with every call.
    """

    _answers: deque[_Answer] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    _complete: deque[_Share] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def answered(self, milliseconds: float, now: float) -> None:
        """It answered, after so long."""
        self._answers.append(_Answer(now, milliseconds))

    def failed(self, now: float) -> None:
        """It failed. The time that took is no latency: a fast failure is not a fast provider."""
        self._answers.append(_Answer(now, None))

    def completed(self, share: float, now: float) -> None:
        """It gave this share (0 to 1) of the bars that the calendar expects."""
        self._complete.append(_Share(now, share))

    def samples(self, now: float) -> int:
        """How many answers count at present, at most SAMPLES."""
        self._forget(now)
        return len(self._answers)

    def error_rate(self, now: float) -> float:
        """Share of failures among the newest ERROR_SAMPLES; 0 without any."""
        self._forget(now)
        newest = list(self._answers)[-ERROR_SAMPLES:]
        return sum(one.milliseconds is None for one in newest) / len(newest) if newest else 0.0

    def latency(self, percentile: float, now: float) -> float | None:
        """A percentile (nearest rank) of the good answers' latency in ms; None without one."""
        self._forget(now)
        times = sorted(one.milliseconds for one in self._answers if one.milliseconds is not None)
        return times[max(ceil(len(times) * percentile / 100), 1) - 1] if times else None

    def score(self, breaker: float, now: float) -> Score:
        """The score, given the breaker's part (0 open, 0.5 half open, 1 closed).

        A provider that has not been asked yet is trusted. A failure shows neither speed nor bars, so each
        part is what the good answers earn times their share: else a few fast ones would outweigh any number
        of failures, and a provider that fails nearly always would never be demoted.
        """
        good = 1 - self.error_rate(now)
        slow = self.latency(95, now) or 0.0
        shares = [one.share for one in self._complete]
        complete = sum(shares) / len(shares) if shares else 1.0
        return Score(breaker, good * max(0.0, 1 - slow / SLOWEST_MS), good, good * complete)

    def forget(self) -> None:
        """Start anew: a provider on trial is judged by its trials, not by what had it demoted."""
        self._answers.clear()
        self._complete.clear()

    def _forget(self, now: float) -> None:
        """Drop what is too old, and what was noted by a clock that has been set back since."""
        for facts in (self._answers, self._complete):
            while facts and facts[0].at < now - WINDOW_SECONDS:
                facts.popleft()
            while facts and facts[-1].at > now + CLOCKS_DIFFER:
                facts.pop()
