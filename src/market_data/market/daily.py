"""Which price level daily bars are read at where several are held: one for a whole answer; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from market_data.market.bar import Adjustment

PREFERRED = (Adjustment.SPLIT, Adjustment.RAW, Adjustment.ALL)
"""Where several levels hold as many days, the first of these."""
NEWEST_DAYS = 30
"""Days that decide at which level the newest bars of a symbol are read and published."""


class _Day(Protocol):
    @property
    def ts(self) -> datetime: ...
    @property
    def adjustment(self) -> str: ...


_D = TypeVar("_D", bound=_Day)


def preferred(days: Mapping[str, int]) -> str:
    """The level that holds the most days, by the number of days of each; `split` where there are none."""
    best = max((days.get(one.value, 0) for one in PREFERRED), default=0)
    return next(one.value for one in PREFERRED if days.get(one.value, 0) == best)


def one_level(bars: Iterable[_D], count: int) -> list[_D]:
    """The newest `count` daily bars of one level, among bars of several, oldest first."""
    held = sorted(bars, key=lambda one: one.ts)
    newest = set(sorted({one.ts for one in held})[-max(count, NEWEST_DAYS) :])
    level = preferred(Counter(one.adjustment for one in held if one.ts in newest))
    return [one for one in held if one.adjustment == level][-count:]
