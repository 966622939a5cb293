"""The sessions of an exchange, read once from `exchange_calendars` into arrays; always-open for crypto."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from market_data.market.bar import Times
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import SessionGrid

FIRST_DAY = "1990-01-01"
"""Sessions before this day are not known; no provider has minutes that old."""
ALWAYS_OPEN_YEARS = 60
"""Years from FIRST_DAY for which an always-open market is laid out."""

_ALWAYS = "24/7"
_CODES = {
    **dict.fromkeys(
        ("XNYS", "NYSE", "NASDAQ", "XNAS", "ARCA", "NYSEARCA", "AMEX", "BATS", "IEX", "US"), "XNYS"
    ),
    **dict.fromkeys(("CRYPTO", _ALWAYS), _ALWAYS),
}
_EXTENDED_SECONDS = {"XNYS": (19_800, 14_400)}
"""Seconds of trading before the open and after the close: 04:00 to 20:00 New York, 17:00 on a half day."""


@dataclass(frozen=True, slots=True)
class MarketHours:
    """The regular sessions of a market, and the same with its early and late trading."""

    regular: SessionGrid
    extended: SessionGrid


def hours_of(exchange: str, asset_type: AssetType) -> MarketHours:
    """The hours in which an instrument trades.

    `exchange` is a US exchange's name, `CRYPTO`, or an ISO 10383 code that `exchange_calendars` knows.
    Crypto is always open wherever it trades. Raises ValueError for an exchange without a calendar.
    """
    if asset_type is AssetType.CRYPTO:
        return _load(_ALWAYS)
    name = exchange.strip().upper()
    return _load(_CODES.get(name, name))


@cache
def _load(code: str) -> MarketHours:
    if code == _ALWAYS:
        grid = _always_open()
        return MarketHours(grid, grid)
    opens, closes = _read(code)
    before, after = _EXTENDED_SECONDS.get(code, (0, 0))
    return MarketHours(SessionGrid(code, opens, closes), SessionGrid(code, opens - before, closes + after))


def _read(code: str) -> tuple[Times, Times]:
    from exchange_calendars import get_calendar  # noqa: PLC0415 - brings pandas, which takes a second
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    try:
        calendar = get_calendar(code, start=FIRST_DAY)
    except InvalidCalendarName:
        known = ", ".join(sorted(_CODES))
        raise ValueError(
            f"no calendar for exchange {code!r}: use one of {known}, or an ISO 10383 code"
        ) from None
    return _seconds(calendar.opens), _seconds(calendar.closes)


def _seconds(column: object) -> Times:
    return np.asarray(column, dtype="datetime64[s]").astype(np.int64)


def _always_open() -> SessionGrid:
    first = np.datetime64(FIRST_DAY, "s").astype(np.int64)
    opens = first + np.arange(ALWAYS_OPEN_YEARS * 366, dtype=np.int64) * Interval.D1.seconds
    return SessionGrid(_ALWAYS, opens, opens + Interval.D1.seconds)
