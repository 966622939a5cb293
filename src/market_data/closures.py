"""Announced closures: an operator adds and revokes them, and every process follows within seconds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from market_data import calendar
from market_data.errors import BadQuestion
from market_data.events import CalendarChanged, Tell
from market_data.market.closure import Closure
from market_data.market.schedule import Schedule
from market_data.store import closures as table
from market_data.store.connect import Database

LOOK_SECONDS = 2.0
"""How often a process looks whether another one has announced or revoked something."""
LONGEST_REASON = 200
"""Characters of a reason."""


@asynccontextmanager
async def in_force(database: Database) -> AsyncIterator[None]:
    """Within the block, `hours_of` follows what is announced in `database`; StoreUnavailable."""
    calendar.announce(())
    await load(database)
    try:
        yield
    finally:
        calendar.announce(())


async def follow(database: Database, tell: Tell) -> None:
    """Put in force what any process announces, until cancelled; StoreUnavailable without the database."""
    while True:
        await load(database, tell)
        await asyncio.sleep(LOOK_SECONDS)


async def load(database: Database, tell: Tell | None = None) -> None:
    """Put in force what is announced now; StoreUnavailable. Without a change it costs one short query."""
    known = calendar.announced()
    if await table.counts(database) == table.counted(known):
        return
    found = await table.listed(database)
    await asyncio.to_thread(calendar.announce, found)
    before = {one.id: one for one in known}
    for one in found:
        if tell is not None and before.get(one.id) != one:
            effect = one.effect if one.revoked_at is None else "revoked"
            tell(CalendarChanged(one.calendar, one.day.isoformat(), effect, one.reason))


async def announce(
    database: Database,
    exchange: str,
    day: str,
    at: str | None,
    reason: str,
    *,
    now: datetime,
    tell: Tell,
) -> Closure:
    """Announce that an exchange is closed on a day, or closes early: `at` is HH:MM on its own clocks.

    BadQuestion says what cannot be, with status 409 where the day has an announcement already.
    """
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise BadQuestion(f"reason: say why in 1 to {LONGEST_REASON} characters")
    schedule = await asyncio.to_thread(_schedule, exchange)  # a calendar can take seconds to load
    on = _day(schedule, day)
    closes = None if at is None else _close(schedule, on, at)
    if len(await table.listed(database)) >= table.MOST:
        raise BadQuestion(f"calendar_changes has {table.MOST} rows, the most that are kept: delete old ones")
    made = await table.add(database, schedule.code, on, closes, reason=reason, at=now)
    await load(database, tell)
    if made is None:
        raise BadQuestion(
            f"{schedule.code} {on} has an announcement already: see `market-data calendar list`, and revoke "
            "it first",
            status=409,
        )
    return made


async def revoke(database: Database, number: int, *, now: datetime, tell: Tell) -> Closure:
    """Take an announcement back; BadQuestion (404) where none of that id is in force."""
    found = await table.revoke(database, number, now)
    await load(database, tell)
    if found is None:
        raise BadQuestion(f"no announcement {number} is in force: `market-data calendar list`", status=404)
    return found


async def listed(
    database: Database, *, exchange: str | None, as_of: datetime | None, revoked: bool
) -> list[Closure]:
    """Announcements, newest first: those in force, or that were at `as_of`, or all with the revoked ones."""
    code = None if exchange is None else (await asyncio.to_thread(_schedule, exchange)).code
    return [
        one
        for one in await table.listed(database)
        if (code is None or one.calendar == code)
        and (one.held(as_of) if as_of is not None else revoked or one.revoked_at is None)
    ]


async def on_day(database: Database, exchange: str, day: str) -> Closure:
    """What is announced of a day; BadQuestion (404) where nothing is."""
    schedule = await asyncio.to_thread(_schedule, exchange)
    on = _date(day)
    for one in await listed(database, exchange=schedule.code, as_of=None, revoked=False):
        if one.day == on:
            return one
    raise BadQuestion(
        f"nothing is announced of {schedule.code} {on}: `market-data calendar list`", status=404
    )


def _schedule(exchange: str) -> Schedule:
    try:
        schedule = calendar.schedule_of(calendar.code_of(exchange))
    except ValueError as error:
        raise BadQuestion(f"exchange: {error}") from None
    if schedule.always:
        raise BadQuestion(f"exchange: {schedule.code} is always open and has no sessions to close")
    return schedule


def _day(schedule: Schedule, text: str) -> date:
    day = _date(text)
    if schedule.session(day) is None:
        beside = [one.isoformat() for one in schedule.beside(day) if one is not None]
        raise BadQuestion(
            f"day: {day} is no session of {schedule.code}: the nearest are {' and '.join(beside)}"
        )
    return day


def _date(text: str) -> date:
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise BadQuestion(f"day: {text[:40]!r} is no date: write it as 2025-01-09") from None


def _close(schedule: Schedule, day: date, text: str) -> datetime:
    found = schedule.within(day, _time(text))
    if found is None:
        session, zone = schedule.session(day), ZoneInfo(schedule.zone)
        edges = [] if session is None else [session.start, session.end]
        hours = " to ".join(f"{datetime.fromtimestamp(edge, zone):%H:%M}" for edge in edges)
        raise BadQuestion(f"at: {text} is not within the session of {schedule.code} {day}, {hours} {zone}")
    return found


def _time(text: str) -> time:
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()  # noqa: DTZ007 - on the exchange's clocks
    except ValueError:
        raise BadQuestion(f"at: {text[:40]!r} is no time: write 13:00, on the exchange's clocks") from None
