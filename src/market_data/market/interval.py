"""The length of a bar."""

from enum import StrEnum

_SECONDS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86_400}


class Interval(StrEnum):
    """A bar length that the service knows; its value is the spelling in the API and in the tables."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    H1 = "1h"
    D1 = "1d"

    @property
    def seconds(self) -> int:
        """Length in seconds (a day counts 86,400 whatever its session's length)."""
        return _SECONDS[self.value]

    @classmethod
    def read(cls, text: str) -> "Interval":
        """The interval spelled `text`; ValueError names the spellings that exist."""
        try:
            return cls(text)
        except ValueError:
            known = ", ".join(one.value for one in cls)
            raise ValueError(f"unknown interval {text!r}: use one of {known}") from None

    def floor(self, at: float) -> int:
        """The newest multiple of this interval since the epoch that is not after `at` (epoch seconds)."""
        return int(at // self.seconds) * self.seconds
