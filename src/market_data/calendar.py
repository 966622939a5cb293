"""The sessions of an exchange as arrays, from a file or from `exchange_calendars`; always-open for crypto."""

from collections.abc import Iterable
from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np

from market_data.market.bar import Times
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import MarketHours, SessionGrid

FIRST_DAY = "1990-01-01"
"""Sessions before this day are not known; no provider has minutes that old."""
LAST_DAY = "2049-12-31"
"""The last day of calendars that come with us. Those of the library end a year after they are loaded."""
ALWAYS_OPEN_YEARS = 60
"""Years from FIRST_DAY for which an always-open market is laid out."""
SHIPPED = ("XNYS",)
"""Calendars that come with us as `calendars/<code>.txt`: the library brings pandas and takes 2 s to load."""

_ALWAYS = "24/7"
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_XNYS_NAMES = ("NYSE", "NASDAQ", "XNAS", "ARCA", "ARCX", "NYSEARCA", "AMEX", "XASE", "BATS", "IEX", "US")
_CODES = {**dict.fromkeys(("XNYS", *_XNYS_NAMES), "XNYS"), **dict.fromkeys(("CRYPTO", _ALWAYS), _ALWAYS)}
_EXTENDED_SECONDS = {"XNYS": (19_800, 14_400)}
"""Seconds of trading before the open and after the close: 04:00 to 20:00 New York, 17:00 on a half day."""


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
    opens, closes, days = _shipped(code) if code in SHIPPED else _of_library(code)
    before, after = _EXTENDED_SECONDS.get(code, (0, 0))
    return MarketHours(
        SessionGrid(code, opens, closes, days), SessionGrid(code, opens - before, closes + after, days)
    )


def _shipped(code: str) -> tuple[Times, Times, Times]:
    text = files("market_data").joinpath("calendars", f"{code}.txt").read_text(encoding="ascii")
    return read_sessions(text.splitlines())


def read_sessions(lines: Iterable[str]) -> tuple[Times, Times, Times]:
    """Opens, closes and days of the sessions that a file of `calendars/` describes: each of shape (n,).

    Its first line that is no comment has the time zone, the first and the last day, and the regular hours of
    weekdays; each other one a day that differs, with `closed` or its own hours. Hours are local, so that a
    newer time zone database corrects them.
    """
    heading, *rest = (line.split() for line in lines if not line.startswith("#"))
    zone, (first, last) = ZoneInfo(heading[0]), heading[1:3]
    regular = _hours(heading[3:])
    differs = {date.fromisoformat(day): _hours(hours) for day, *hours in rest}
    sessions = []
    for ordinal in range(date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal() + 1):
        day = date.fromordinal(ordinal)
        hours = differs.get(day, regular if day.weekday() < 5 else None)
        if hours is not None:
            opens, closes = (datetime.combine(day, at, zone).timestamp() for at in hours)
            sessions.append((opens, closes, (ordinal - _EPOCH_ORDINAL) * Interval.D1.seconds))
    opens_at, closes_at, days = np.array(sessions, np.int64).T.copy()
    return opens_at, closes_at, days


def _hours(words: list[str]) -> tuple[time, time] | None:
    if words == ["closed"]:
        return None
    opens, closes = map(time.fromisoformat, words)
    return opens, closes


def _of_library(code: str) -> tuple[Times, Times, Times]:
    from exchange_calendars import get_calendar  # noqa: PLC0415 - brings pandas, which takes a second
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    for start in (
        FIRST_DAY,
        None,
    ):  # a record may begin later, as Tokyo's does in 1997: then its last 20 years
        try:
            calendar = get_calendar(code, start=start)
        except InvalidCalendarName:
            known = ", ".join(sorted(_CODES))
            raise ValueError(
                f"no calendar for exchange {code!r}: use one of {known}, or an ISO 10383 code"
            ) from None
        except (ValueError, NotImplementedError):
            continue
        return _seconds(calendar.opens), _seconds(calendar.closes), _seconds(calendar.opens.index)
    raise ValueError(f"the calendar of exchange {code!r} cannot be read by the installed exchange_calendars")


def _seconds(column: object) -> Times:
    return np.asarray(column, dtype="datetime64[s]").astype(np.int64)


def _always_open() -> SessionGrid:
    first = np.datetime64(FIRST_DAY, "s").astype(np.int64)
    opens = first + np.arange(ALWAYS_OPEN_YEARS * 366, dtype=np.int64) * Interval.D1.seconds
    return SessionGrid(_ALWAYS, opens, opens + Interval.D1.seconds, opens)
