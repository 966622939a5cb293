"""The sessions of an exchange, from a file or `exchange_calendars`, with what operators announced."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import numpy as np

from market_data.errors import NoCalendar
from market_data.market.bar import Times
from market_data.market.closure import Closure
from market_data.market.instrument import AssetType, Instrument
from market_data.market.interval import Interval
from market_data.market.schedule import EPOCH_ORDINAL, Schedule
from market_data.market.session import MarketHours

FIRST_DAY = "1990-01-01"
"""Sessions before this day are not known; no provider has minutes that old."""
LAST_DAY = "2049-12-31"
"""The last day of calendars that come with us. Those of the library end a year after they are loaded."""
ALWAYS_OPEN_YEARS = 60
"""Years from FIRST_DAY for which an always-open market is laid out."""
SHIPPED = ("XNYS",)
"""Calendars that come with us as `calendars/<code>.txt`: the library brings pandas and takes 2 s to load."""

MARGIN = (15 * 60, 30 * 60)
"""Seconds before the open and after the close in which bars are kept where margins.txt says nothing else."""

_ALWAYS = "24/7"
_XNYS_NAMES = ("NYSE", "NASDAQ", "XNAS", "ARCA", "ARCX", "NYSEARCA", "AMEX", "XASE", "BATS", "IEX", "US")
_CODES = {**dict.fromkeys(("XNYS", *_XNYS_NAMES), "XNYS"), **dict.fromkeys(("CRYPTO", _ALWAYS), _ALWAYS)}
_LATE = {"XNYS": (19_800, 14_400)}
"""Seconds of trading before the open and after the close: 04:00 to 20:00 New York, 17:00 on a half day."""
_NAMES_KNOWN = 1024
"""Names of exchanges whose codes are remembered."""
LONGEST_REASON = 200
"""Characters of the library's reason why a calendar cannot be built; some list every date."""
_FORMER_KEPT = 32
"""Hours of another time that are kept: each has the sessions of decades."""


async def loaded(exchanges: Iterable[tuple[str, AssetType]]) -> None:
    """Load the calendars of these in a thread, so that `hours_of` answers at once, or raises at once.

    Whatever reads an instrument or an exchange from outside calls it before the event loop asks for hours: a
    calendar can take seconds. Where all are known it costs a look into a set for each.
    """
    new = {exchange for exchange in exchanges if exchange not in _tried}
    if new:
        await asyncio.to_thread(_try, new)
        _tried.update(new)


def _try(exchanges: Iterable[tuple[str, AssetType]]) -> None:
    for exchange, asset_type in exchanges:
        with suppress(NoCalendar):  # `hours_of` says so
            hours_of(exchange, asset_type)


def hours_of(exchange: str, asset_type: AssetType, known_at: datetime | None = None) -> MarketHours:
    """The hours in which an instrument trades, with what has been announced; or as known at `known_at`.

    `exchange` is a US exchange's name, `CRYPTO`, or an ISO 10383 code that `exchange_calendars` knows.
    Crypto is always open wherever it trades. Raises NoCalendar for an exchange without a calendar.
    """
    code = _ALWAYS if asset_type is AssetType.CRYPTO else code_of(exchange)
    changed = _changed.get(code)
    if known_at is not None:
        known = tuple(one for one in _all if one.calendar == code and one.held(known_at))
        if known != (changed.closures if changed else ()):
            return _known(code, known) if known else _load(code)
    return _load(code) if changed is None else changed.hours


@dataclass(frozen=True, slots=True)
class WrongRow:
    """An instrument whose exchange has no calendar, and why.

    The commands check the exchange of each row that they write; a row written by SQL can name any.
    """

    instrument: Instrument
    why: str

    @property
    def remedy(self) -> str:
        """The command that corrects the row."""
        return (
            f"`market-data universe set {self.instrument.symbol} --exchange NASDAQ`, for example, corrects it"
        )

    def __str__(self) -> str:
        return f"{self.instrument.symbol}: {self.why}; {self.remedy}"


def with_hours(
    instruments: Iterable[Instrument],
) -> tuple[list[tuple[Instrument, MarketHours]], list[WrongRow]]:
    """Instruments with the hours in which they trade, and those whose exchange has no calendar."""
    placed, wrong = list[tuple[Instrument, MarketHours]](), list[WrongRow]()
    for instrument in instruments:
        try:
            placed.append((instrument, hours_of(instrument.exchange, instrument.asset_type)))
        except NoCalendar as error:
            wrong.append(WrongRow(instrument, error.detail))
    return placed, wrong


def check_row(instrument: Instrument) -> None:
    """NoCalendar, naming the row and the command that corrects it, if its exchange has no calendar."""
    _, wrong = with_hours([instrument])
    for row in wrong:
        raise NoCalendar(str(row))


def scheduled_hours(exchange: str, asset_type: AssetType) -> MarketHours:
    """The hours in which an instrument trades by the published calendar, whatever has been announced."""
    return _load(_ALWAYS if asset_type is AssetType.CRYPTO else code_of(exchange))


def code_of(exchange: str) -> str:
    """The code of an exchange's calendar; NoCalendar for an exchange without one."""
    name = exchange.strip().upper()
    code = _CODES.get(name) or _resolved(name)
    if code is None:
        known = ", ".join(sorted(_CODES))
        raise NoCalendar(f"no calendar for exchange {name!r:.40}: use one of {known}, or an ISO 10383 code")
    return code


def announce(closures: Sequence[Closure]) -> None:
    """Put these in force in place of those until now; `hours_of` follows at once, in every thread.

    The hours of a calendar are another object afterwards if anything has changed for it, else the same one.
    New ones are made before: that takes some milliseconds, and seconds where the calendar was never used.
    """
    global _all, _changed
    active: dict[str, tuple[Closure, ...]] = {}
    for closure in closures:
        if closure.revoked_at is None:
            active[closure.calendar] = (*active.get(closure.calendar, ()), closure)
    changed: dict[str, _Changed] = {}
    for code, those in active.items():
        before = _changed.get(code)
        if before is not None and before.closures == those:
            changed[code] = before
        else:
            with suppress(NoCalendar):  # a calendar that cannot be read: `hours_of` says so
                changed[code] = _Changed(those, schedule_of(code).hours(those))
    _all, _changed = tuple(closures), changed


def announced() -> Sequence[Closure]:
    """What has been put in force, and what was revoked."""
    return _all


@dataclass(frozen=True, slots=True)
class _Changed:
    """The hours of a calendar under closures."""

    closures: tuple[Closure, ...]
    hours: MarketHours


_tried = set[tuple[str, AssetType]]()
_all: tuple[Closure, ...] = ()
_changed: Mapping[str, _Changed] = {}


@cache
def _load(code: str) -> MarketHours:
    return schedule_of(code).hours()


@lru_cache(_FORMER_KEPT)
def _known(code: str, closures: tuple[Closure, ...]) -> MarketHours:
    """The hours as they were known at some time: questions with `as_of` come in series."""
    return schedule_of(code).hours(closures)


def schedule_of(code: str) -> Schedule:
    """The published sessions of a calendar, by its code; NoCalendar where they cannot be read."""
    schedule, why = _found(code)
    if schedule is None:
        raise NoCalendar(why)
    return schedule


@cache
def _found(code: str) -> tuple[Schedule | None, str]:
    """The schedule, or why there is none: that takes as long to find out, so it is kept too."""
    try:
        return _read(code), ""
    except NoCalendar as error:
        return None, error.detail


def _read(code: str) -> Schedule:
    if code == _ALWAYS:
        return _always_open()
    zone, opens, closes, days = _shipped(code) if code in SHIPPED else _of_library(code)
    return Schedule(code, zone, opens, closes, days, _LATE.get(code, (0, 0)), _margins().get(code, MARGIN))


@cache
def _margins() -> Mapping[str, tuple[int, int]]:
    """By code, the seconds before the open and after the close that `calendars/margins.txt` gives."""
    text = files("market_data").joinpath("calendars", "margins.txt").read_text(encoding="ascii")
    lines = [line.split(maxsplit=3) for line in text.splitlines() if line and not line.startswith("#")]
    return {code: (int(before) * 60, int(after) * 60) for code, before, after, _ in lines}


@lru_cache(_NAMES_KNOWN)
def _resolved(name: str) -> str | None:
    """The code for which a name is another one in the library, such as XLON for LSE; None: it has none."""
    from exchange_calendars.calendar_utils import resolve_alias  # noqa: PLC0415 - brings pandas
    from exchange_calendars.errors import InvalidCalendarName  # noqa: PLC0415

    try:
        return str(resolve_alias(name))
    except InvalidCalendarName:
        return None


def _shipped(code: str) -> tuple[str, Times, Times, Times]:
    text = files("market_data").joinpath("calendars", f"{code}.txt").read_text(encoding="ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return (lines[0].split()[0], *read_sessions(lines))


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
            sessions.append((opens, closes, (ordinal - EPOCH_ORDINAL) * Interval.D1.seconds))
    opens_at, closes_at, days = np.array(sessions, np.int64).T.copy()
    return opens_at, closes_at, days


def _hours(words: list[str]) -> tuple[time, time] | None:
    if words == ["closed"]:
        return None
    opens, closes = map(time.fromisoformat, words)
    return opens, closes


def _of_library(code: str) -> tuple[str, Times, Times, Times]:
    from exchange_calendars import get_calendar  # noqa: PLC0415 - brings pandas, which takes a second

    try:
        found = get_calendar(code)  # of the last 20 years; it knows since when it has a record
        first = found.bound_min()
        found = get_calendar(code, start=FIRST_DAY if first is None else max(FIRST_DAY, f"{first:%Y-%m-%d}"))
    except (ValueError, NotImplementedError) as error:
        reason = str(error)[:LONGEST_REASON]
        raise NoCalendar(
            f"the calendar of exchange {code!r} cannot be read by the installed exchange_calendars: {reason}"
        ) from error
    return str(found.tz), _seconds(found.opens), _seconds(found.closes), _seconds(found.opens.index)


def _seconds(column: object) -> Times:
    return np.asarray(column, dtype="datetime64[s]").astype(np.int64)


def _always_open() -> Schedule:
    first = np.datetime64(FIRST_DAY, "s").astype(np.int64)
    opens = first + np.arange(ALWAYS_OPEN_YEARS * 366, dtype=np.int64) * Interval.D1.seconds
    return Schedule(_ALWAYS, "UTC", opens, opens + Interval.D1.seconds, opens)
