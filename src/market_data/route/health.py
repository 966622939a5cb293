"""Rolling facts of a provider's answers, and the score made of them."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

SAMPLES = 20
"""The newest answers that count."""
HISTORY = 60
"""The newest scores that are kept to be shown."""
SLOWEST_MS = 5000.0
"""Latency (p95) at which the latency part of the score is 0."""
WEIGHTS = {"breaker": 0.45, "latency": 0.25, "errors": 0.20, "completeness": 0.10}


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
        return sum(weight * float(getattr(self, part)) for part, weight in WEIGHTS.items())


@dataclass(slots=True)
class Health:
    """The newest answers of one provider. Throttling and refusals are not: they say nothing of health."""

    _good: deque[bool] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    _latency: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    _complete: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    history: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=HISTORY))
    """(epoch seconds, score) after each answer."""

    def answered(self, milliseconds: float) -> None:
        """It answered, after so long."""
        self._good.append(True)
        self._latency.append(milliseconds)

    def failed(self) -> None:
        """It failed. The time that took is no latency: a fast failure is not a fast provider."""
        self._good.append(False)

    def completed(self, share: float) -> None:
        """It gave this share (0 to 1) of the bars that the calendar expects."""
        self._complete.append(share)

    @property
    def samples(self) -> int:
        """How many answers count at present, at most SAMPLES."""
        return len(self._good)

    @property
    def error_rate(self) -> float:
        """Share of failures among the newest answers; 0 before the first."""
        return 1 - sum(self._good) / len(self._good) if self._good else 0.0

    def latency(self, percentile: float) -> float | None:
        """A percentile of the newest good answers' latency in ms; None without one."""
        return float(np.percentile(list(self._latency), percentile)) if self._latency else None

    def score(self, breaker: float) -> Score:
        """The score, given the breaker's part (0 open, 0.5 half open, 1 closed).

        A provider that has not been asked yet is trusted. A failure shows neither speed nor bars, so each
        part is what the good answers earn times their share: else a few fast ones would outweigh any number
        of failures, and a provider that fails nearly always would never be demoted.
        """
        good = 1 - self.error_rate
        slow = self.latency(95) or 0.0
        complete = sum(self._complete) / len(self._complete) if self._complete else 1.0
        return Score(breaker, good * max(0.0, 1 - slow / SLOWEST_MS), good, good * complete)

    def forget(self) -> None:
        """Start anew: a provider on trial is judged by its trials, not by what had it demoted."""
        for answers in (self._good, self._latency, self._complete):
            answers.clear()
