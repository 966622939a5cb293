"""What time it is: our clock, held against the clocks of the providers, whose `Date` every answer carries.

A machine's clock may be wrong by hours, and it may be set at any moment. What the providers send is timed by
their clocks, and these agree; so where they agree that ours is wrong, the service goes by theirs.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

TOLERANCE_SECONDS = 2.0
"""A `Date` has whole seconds and takes a while to arrive: up to so much our clock counts as right."""
LONGEST_TRIP_SECONDS = 2.0
"""An answer that took longer says too little of the time: one that did not is off by 1.5 s at most."""
SAMPLES = 5
"""The newest answers of a provider that count."""
KEPT_SECONDS = 1800.0
"""How long an answer counts."""


class _Sample(NamedTuple):
    at: float  # by the steady clock
    ahead: float  # of the steady clock, by the provider's


@dataclass(frozen=True, slots=True)
class Offset:
    """By how many seconds our clock is ahead: of the providers' time, and of each one's clock."""

    seconds: float
    of: Mapping[str, float]

    @property
    def known(self) -> bool:
        """Whether any provider has sent its time lately."""
        return bool(self.of)

    @property
    def wrong(self) -> bool:
        """Whether our clock is not to be trusted."""
        return abs(self.seconds) > TOLERANCE_SECONDS

    def __str__(self) -> str:
        if not self.known:
            return "not compared yet: no provider has sent its time"
        heard = f"the time of {', '.join(sorted(self.of))}"
        if not self.wrong:
            return f"within {TOLERANCE_SECONDS:g} s of {heard}"
        way = "ahead of" if self.seconds > 0 else "behind"
        return (
            f"this machine's clock is {abs(self.seconds):.1f} s {way} {heard}: set it right (NTP); "
            "until then the service goes by theirs"
        )


class VendorTime:
    """The time, learned from the newest answers of several providers.

    Each provider's median counts once, and the median of these decides; of two our own clock, where it lies
    between them. So one provider whose clock is wrong moves nothing, unless nobody else answers.

    What is kept is how far each provider's clock is ahead of a `steady` one, which nobody sets: when ours is
    set, nothing has to be learned again. A clock that is not the machine's (a test's, a rehearsal's) is its
    own steady one; where it is set back, what was learned later is forgotten.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, steady: Callable[[], float] | None = None
    ) -> None:
        self._clock = clock
        self.steady = steady or (_since_boot if clock is time.time else clock)
        """Seconds on a clock that nobody sets: when a question is sent, for `note`."""
        self._samples: dict[str, deque[_Sample]] = {}
        self._middle: tuple[float, float] | None = None
        self._first_at = self._last_at = 0.0

    def note(self, provider: str, told: float | None, sent: float) -> None:
        """Note the time (epoch seconds) that an answer carried; it was asked for at `sent` (steady)."""
        came = self.steady()
        if told is None or not 0.0 <= came - sent <= LONGEST_TRIP_SECONDS:
            return
        samples = self._samples.setdefault(provider, deque(maxlen=SAMPLES))
        samples.append(_Sample(came, told + 0.5 - (sent + came) / 2))
        self._learn(came)

    def now(self) -> float:
        """Epoch seconds: our clock where it is right or nothing else is known, else the providers' time."""
        ours, steady = self._clock(), self.steady()
        ahead = self._ahead(ours, steady)
        return ours if abs(ours - steady - ahead) <= TOLERANCE_SECONDS else steady + ahead

    def offset(self) -> Offset:
        """How wrong our clock is."""
        ours, steady = self._clock(), self.steady()
        ahead = self._ahead(ours, steady)
        each = {name: median(sample.ahead for sample in samples) for name, samples in self._samples.items()}
        return Offset(ours - steady - ahead, {name: ours - steady - one for name, one in each.items()})

    def _ahead(self, ours: float, steady: float) -> float:
        """How far the providers' time is ahead of the steady clock; ours, where nothing is known."""
        if self._middle is not None and not self._last_at <= steady <= self._first_at + KEPT_SECONDS:
            self._learn(steady)
        if self._middle is None:
            return ours - steady
        low, high = self._middle
        return min(max(ours - steady, low), high)

    def _learn(self, steady: float) -> None:
        """Forget what does not count any more, and find the middle of what does."""
        for name, samples in list(self._samples.items()):
            counts = [sample for sample in samples if sample.at <= steady <= sample.at + KEPT_SECONDS]
            if len(counts) < len(samples):
                self._samples[name] = deque(counts, maxlen=SAMPLES)
            if not counts:
                del self._samples[name]
        if not self._samples:
            self._middle = None
            return
        at = [sample.at for samples in self._samples.values() for sample in samples]
        self._first_at, self._last_at = min(at), max(at)
        each = sorted(median(sample.ahead for sample in samples) for samples in self._samples.values())
        self._middle = each[(len(each) - 1) // 2], each[len(each) // 2]


def _since_boot() -> float:
    """Seconds on a clock that also goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
