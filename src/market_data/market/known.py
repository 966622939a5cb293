"""Stored bars as columns: what `KnownBar` is to one bar, for those who read many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from market_data.market.bar import BarStatus, KnownBar, Numbers, Times

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Origin(NamedTuple):
    """What is alike for long runs of bars."""

    provider: str
    status: str
    adjustment: str
    volume_scope: str


@dataclass(frozen=True, slots=True)
class KnownBars:
    """Bars of one series as they are stored: parallel columns of shape (n,), oldest first.

    Times are in microseconds since 1970, as exact as the database's. `which` has for each bar the index of
    its origin. A `volume` of NaN is none: every format writes it as null or empty.
    """

    ts: Times
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers
    as_of: Times
    revision: NDArray[np.int32]
    which: NDArray[np.int32]
    origins: Sequence[Origin]

    def __len__(self) -> int:
        return len(self.ts)

    def numbers(self) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
        """open, high, low, close, volume."""
        return self.open, self.high, self.low, self.close, self.volume

    def take(self, which: slice) -> "KnownBars":
        """The bars of a slice."""
        return KnownBars(
            ts=self.ts[which],
            open=self.open[which],
            high=self.high[which],
            low=self.low[which],
            close=self.close[which],
            volume=self.volume[which],
            as_of=self.as_of[which],
            revision=self.revision[which],
            which=self.which[which],
            origins=self.origins,
        )

    def rows(self) -> list[KnownBar]:
        """The same bars one by one: for a few of them."""
        numbers = zip(*(column.tolist() for column in self.numbers()), strict=True)
        times = zip(map(exact_moment, self.ts.tolist()), map(exact_moment, self.as_of.tolist()), strict=True)
        rest = zip(self.revision.tolist(), self.which.tolist(), strict=True)
        return [
            KnownBar(
                ts=ts,
                open=opens,
                high=high,
                low=low,
                close=close,
                volume=None if isnan(volume) else volume,
                provider=self.origins[which].provider,
                as_of=as_of,
                status=BarStatus(self.origins[which].status),
                revision=revision,
                adjustment=self.origins[which].adjustment,
                volume_scope=self.origins[which].volume_scope,
            )
            for (ts, as_of), (opens, high, low, close, volume), (revision, which) in zip(
                times, numbers, rest, strict=True
            )
        ]


def exact_moment(microseconds: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970; never rounded."""
    return _EPOCH + timedelta(microseconds=microseconds)
