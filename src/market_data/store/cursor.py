"""How far each series has been asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from market_data.loops import beside
from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.store.connect import Connection, Database, sql


@dataclass(frozen=True, slots=True)
class Cursor:
    """A series has been asked for through `through`, last at `asked_at` (both epoch seconds)."""

    through: int
    asked_at: float


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a write moves its series' cursor at a source to, in epoch seconds."""

    through: int  # what opens before it was final when it was asked for
    last_bar: int | None  # the newest final bar that was told
    asked_at: float


class KnownCursor(msgspec.Struct, frozen=True, kw_only=True):
    """A cursor as the API shows it: what opens before `through` was final when it was asked for."""

    symbol: str
    interval: str
    source: str
    through: datetime
    last_bar: datetime | None  # the newest final bar that it gave
    asked_at: datetime


async def advance(
    connection: Connection,
    *,
    symbol: str,
    interval: str,
    source: str,
    through: int,
    last_bar: int | None,
    asked_at: float,
) -> None:
    """Move a series' cursor at a source forward, within the caller's transaction; it never goes back."""
    newest = moment(last_bar) if last_bar is not None else None
    await connection.execute(
        sql("cursor_advance"), symbol, interval, source, moment(through), newest, moment(asked_at)
    )


async def all_cursors(database: Database) -> dict[tuple[str, str], Cursor]:
    """By (symbol, interval), the farthest cursor of each active series, whichever source was asked."""
    rows = await database.fetch_many(sql("cursor_all"))
    return await beside(
        lambda: {(row["symbol"], row["interval"]): Cursor(row["through"], row["asked_at"]) for row in rows}
    )


async def of(database: Database, symbol: str, interval: Interval) -> Cursor | None:
    """The farthest cursor of a series, whichever source was asked; None before it was first asked."""
    row = await database.fetch_one(sql("cursor_of"), symbol, interval.value)
    return Cursor(row["through"], row["asked_at"]) if row and row["through"] is not None else None


async def asked(database: Database, symbols: Sequence[str], interval: Interval) -> set[str]:
    """Those of `symbols` whose series any source has been asked for."""
    rows = await database.fetch(sql("cursor_asked"), list(symbols), interval.value)
    return {row["symbol"] for row in rows}


async def unknown(database: Database | Connection, symbols: Sequence[str]) -> set[str]:
    """Those of `symbols` that have been asked for, but of which no source has ever given a bar."""
    rows = await database.fetch(sql("cursor_unknown"), list(symbols))
    return {row["symbol"] for row in rows}


async def newest_by_source(
    database: Database | Connection, symbol: str, interval: Interval
) -> dict[str, int]:
    """By source the label of the newest final bar that it has given of a series (epoch seconds)."""
    rows = await database.fetch(sql("cursor_newest_by_source"), symbol, interval.value)
    return {row["source"]: row["newest"] for row in rows}


async def heal(database: Database, now: float) -> int:
    """Set back what a clock that was ahead has noted later than `now` (epoch seconds); how many cursors.

    Such a cursor would keep its series from being asked for until the moment comes. It goes back to the end
    of the newest final bar, and where that is none, or later than now too, it is deleted.
    """
    row = await database.fetch_one(sql("cursor_heal"), moment(now))
    return int(row["healed"]) if row else 0


async def last_asked(database: Database) -> float | None:
    """When any series was asked for last (epoch seconds); None before the first."""
    row = await database.fetch_one(sql("cursor_last"))
    return row["asked_at"] if row else None


async def find(database: Database, symbol: str, interval: str, source: str) -> "KnownCursor | None":
    """The cursor of a series at a source; None before it was first asked."""
    row = await database.fetch_one(sql("cursor_find"), symbol, interval, source)
    return KnownCursor(symbol=symbol, interval=interval, source=source, **dict(row)) if row else None


async def newest_bars(database: Database, interval: Interval) -> dict[str, int]:
    """By symbol, the label of the newest final bar that any source has given (epoch seconds)."""
    rows = await database.fetch_many(sql("cursor_newest"), interval.value)
    return await beside(lambda: {row["symbol"]: row["last_bar"] for row in rows})
