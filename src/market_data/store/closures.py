"""What operators announced about the sessions of exchanges."""

from collections.abc import Sequence
from datetime import date, datetime

import asyncpg

from market_data.market.closure import Closure
from market_data.store.connect import Database, sql

MOST = 2000
"""Announcements that are kept, revoked ones included."""


async def add(
    database: Database, calendar: str, day: date, closes: datetime | None, *, reason: str, at: datetime
) -> Closure | None:
    """Record an announcement; None where the day has one already."""
    row = await database.fetch_one(sql("closure_add"), calendar, day, closes, reason, at)
    return _closure(row) if row else None


async def revoke(database: Database, number: int, at: datetime) -> Closure | None:
    """Revoke an announcement; None where none of that id is in force."""
    row = await database.fetch_one(sql("closure_revoke"), number, at)
    return _closure(row) if row else None


async def listed(database: Database) -> list[Closure]:
    """The announcements, revoked ones too, newest first; MOST at most."""
    return [_closure(row) for row in await database.fetch(sql("closure_list"), MOST)]


async def counts(database: Database) -> tuple[int, int, int]:
    """How many there are, how many of them are revoked, and the newest id."""
    row = await database.fetch_one(sql("closure_counts"))
    return (row["made"], row["revoked"], row["newest"]) if row else (0, 0, 0)


def counted(closures: Sequence[Closure]) -> tuple[int, int, int]:
    """The same of announcements that have been read."""
    revoked = sum(closure.revoked_at is not None for closure in closures)
    return len(closures), revoked, max((closure.id for closure in closures), default=0)


def _closure(row: asyncpg.Record) -> Closure:
    return Closure(**dict(row))
