"""The contract of a format of bars."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from market_data.market.known import KnownBars


class Format(StrEnum):
    """A format of bars, as callers name it; each has the columns of KnownBar, and the same values."""

    JSON = "json"  # one document, that of BarsPage
    CSV = "csv"  # with a header
    NDJSON = "ndjson"  # an object a line
    ARROW = "arrow"  # an IPC stream
    PARQUET = "parquet"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv",
    Format.NDJSON: "application/x-ndjson",
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """What is said once of all the bars."""

    symbol: str
    interval: str
    start: datetime
    end: datetime  # exclusive
    adjustment: str = "raw"  # of all bars
    missing_days: int = 0  # days of the window that are stored at other adjustments only


class Writer(Protocol):
    """Turns bars into bytes: what all three return, in order, is the whole."""

    def begin(self) -> bytes:
        """What comes before the bars."""
        ...

    def bars(self, bars: KnownBars) -> bytes:
        """Some bars; what the format has to keep back comes with later ones or at the end."""
        ...

    def end(self, following: str | None = None) -> bytes:
        """What comes after them; `following` is the cursor of the next page."""
        ...
