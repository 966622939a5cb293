"""Bars as columns, and what is known of where they came from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from market_data.market.span import Span

Times = NDArray[np.int64]
"""Epoch seconds UTC, one a bar: the bar's open."""
Numbers = NDArray[np.float64]
Mask = NDArray[np.bool_]

Row = tuple[int, float, float, float, float, float]
"""ts, open, high, low, close, volume."""


class BarStatus(StrEnum):
    """How settled a stored bar is."""

    PARTIAL = "partial"  # its interval, or its provider's delay, was not over when it was asked for
    FINAL = "final"
    CORRECTED = "corrected"  # its provider changed a bar that had been final
    QUARANTINED = "quarantined"  # doubted: only in answers that ask for such bars, never in a table of bars


class Adjustment(StrEnum):
    """Which corporate actions the prices have been corrected for."""

    RAW = "raw"
    SPLIT = "split"
    ALL = "all"  # splits and dividends


class VolumeScope(StrEnum):
    """Whose trades the volume counts."""

    CONSOLIDATED = "consolidated"
    VENUE = "venue"
    UNKNOWN = "unknown"


MIXED = "mixed"
"""The `volume_scope` of a bar built from minutes of different scopes; such a bar has no volume."""


@dataclass(frozen=True, slots=True, order=True)
class Split:
    """One share becomes `ratio` shares when the session of `effective` (00:00 UTC of its date) opens."""

    effective: int
    ratio: float


@dataclass(frozen=True, slots=True)
class Splits:
    """All splits that a provider reports of a symbol whose sessions open within `span`."""

    span: Span
    found: tuple[Split, ...] = ()


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of one series: six parallel columns of shape (n,), in the order in which they were given.

    `ts` is the open of each bar in epoch seconds UTC; of a daily bar, 00:00 UTC of its session's date.
    Prices are in the instrument's currency, volume in units of the instrument. `splits` is what the answer
    that brought them states of splits; None: nothing. A selection of the bars does not carry it on.
    """

    ts: Times
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers
    splits: Splits | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        lengths = {len(column) for column in self.columns()}
        if len(lengths) > 1:
            raise ValueError(f"columns of unequal length: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self.ts)

    def columns(self) -> tuple[Times, Numbers, Numbers, Numbers, Numbers, Numbers]:
        """ts, open, high, low, close, volume."""
        return self.ts, self.open, self.high, self.low, self.close, self.volume

    def take(self, which: Mask | NDArray[np.intp] | slice) -> "Bars":
        """The bars that a mask, an index array or a slice chooses."""
        return Bars(
            self.ts[which],
            self.open[which],
            self.high[which],
            self.low[which],
            self.close[which],
            self.volume[which],
        )

    def within(self, span: Span) -> "Bars":
        """Those that open within `span`."""
        return self.take((self.ts >= span.start) & (self.ts < span.end))

    def rows(self) -> list[Row]:
        """The same bars as tuples: for tests and for edges that are not hot."""
        return list(zip(*(column.tolist() for column in self.columns()), strict=True))

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "Bars":
        """Bars from tuples (ts, open, high, low, close, volume)."""
        table = list(rows)
        if not table:
            return cls.none()
        ts, *numbers = zip(*table, strict=True)
        return cls(np.array(ts, np.int64), *(np.array(column, np.float64) for column in numbers))

    @classmethod
    def joined(cls, parts: Iterable["Bars"]) -> "Bars":
        """The bars of all parts, one part after the other, without their splits."""
        columns = list(zip(*(part.columns() for part in parts), strict=True))
        return cls(*(np.concatenate(column) for column in columns)) if columns else cls.none()

    @classmethod
    def none(cls) -> "Bars":
        """No bars."""
        number = np.empty(0, np.float64)
        return cls(np.empty(0, np.int64), number, number, number, number, number)


class KnownBar(msgspec.Struct, frozen=True, kw_only=True):
    """A stored bar with all that is known of it: one shape in the API, on the stream and in the commands.

    Of a bar built from others, `provider` joins theirs with `+`. Where their volume scopes differ,
    `volume_scope` is MIXED and `volume` is None: volumes of different scopes have no sum.
    """

    ts: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float | None
    provider: str
    as_of: datetime  # when we learned it as it stands here
    status: BarStatus
    revision: int  # how often it has changed
    adjustment: str
    volume_scope: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The last price of an instrument as a provider told it; None where the provider does not say."""

    symbol: str
    ts: int  # epoch seconds of the trade or of the session it belongs to
    price: float
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    volume: float | None = None
