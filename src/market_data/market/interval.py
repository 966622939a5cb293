"""The length of a bar."""

import re
from dataclasses import dataclass
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


_SPELLING = re.compile(r"([1-9]\d{0,3})([mh])")


@dataclass(frozen=True, slots=True, order=True)
class Length:
    """The length of a bar that may have to be built: whole minutes below a day, or a day."""

    seconds: int

    @classmethod
    def read(cls, text: str) -> "Length":
        """The length spelled `text`, such as 3m, 2h or 1d; ValueError says which there are."""
        if text == Interval.D1.value:
            return cls(Interval.D1.seconds)
        if found := _SPELLING.fullmatch(text):
            seconds = int(found[1]) * _SECONDS[f"1{found[2]}"]
            if seconds < Interval.D1.seconds:
                return cls(seconds)
        known = ", ".join(one.value for one in Interval)
        raise ValueError(
            f"unknown interval {text[:20]!r}: use one of {known}, "
            "or any other number of minutes or hours below a day, such as 3m or 2h"
        )

    @property
    def stored(self) -> Interval | None:
        """The interval of the tables that bars of this length are in; None: they are built."""
        return {60: Interval.M1, Interval.D1.seconds: Interval.D1}.get(self.seconds)

    def __str__(self) -> str:
        if self.seconds == Interval.D1.seconds:
            return Interval.D1.value
        hours, rest = divmod(self.seconds, Interval.H1.seconds)
        return f"{self.seconds // 60}m" if rest else f"{hours}h"
