"""Two clocks that stand until they are turned: the world's, and the service's, which may be wrong."""

from dataclasses import dataclass


@dataclass(slots=True)
class World:
    """The true time, in epoch seconds. The providers' clocks show it."""

    now: float
    error: float = 0.0
    """Seconds by which the clock of the service's machine is ahead."""

    def __call__(self) -> float:
        return self.now

    def service(self) -> float:
        """What the service's machine believes the time is."""
        return self.now + self.error
