"""Minutes of 0.1.0 that are labelled `split`: which of them are raw, and how the others become so."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span, moment
from market_data.market.split import Checked, session_days
from market_data.store import heads, touched
from market_data.store.connect import Database, sql

CHUNK_SECONDS = 31 * 86_400
"""How much of a series is repaired in one transaction."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The minutes of one provider that are not labelled raw; `learned` (epoch s) is of the last of them."""

    provider: str
    bars: int
    span: Span
    learned: float


@dataclass(frozen=True, slots=True)
class Repaired:
    """How many minutes were raw already, got back the value before a split, and were converted."""

    relabelled: int = 0
    restored: int = 0
    converted: int = 0

    def __add__(self, other: "Repaired") -> "Repaired":
        return Repaired(
            self.relabelled + other.relabelled,
            self.restored + other.restored,
            self.converted + other.converted,
        )

    @property
    def bars(self) -> int:
        """All of them."""
        return self.relabelled + self.restored + self.converted


class _Factors(NamedTuple):
    """Minutes that open in [opens, until), learned in [learned, superseded), are multiplied by ratio."""

    opens: list[datetime]
    until: list[datetime]
    learned: list[datetime]
    superseded: list[datetime]
    ratio: list[float]


async def found(database: Database, symbol: str) -> list[Labelled]:
    """By provider, the minutes of a symbol that are not labelled raw."""
    rows = await database.fetch(sql("levels_found"), symbol, Interval.M1.value)
    return [
        Labelled(
            row["provider"],
            row["bars"],
            Span(row["first"], row["last"] + Interval.M1.seconds),
            row["learned"],
        )
        for row in rows
    ]


async def repair(
    database: Database,
    symbol: str,
    labelled: Labelled,
    known: Checked,
    hours: MarketHours,
    *,
    now: float,
    dry_run: bool,
) -> Repaired:
    """Bring minutes to the raw level as far as splits are known; what is not reached stays as it is."""
    start = max(labelled.span.start, known.since)
    if start >= labelled.span.end:
        return Repaired()
    factors, until = _factors(known, hours), _opens_after(known.through, hours)
    done = Repaired()
    for chunk in Span(start, labelled.span.end).split(CHUNK_SECONDS):
        series = symbol, Interval.M1.value, labelled.provider
        values = (*series, moment(chunk.start), moment(chunk.end), moment(until), *factors)
        done += await _repair(database, symbol, values, now=now, dry_run=dry_run)
    return done


async def _repair(
    database: Database, symbol: str, values: tuple[Any, ...], *, now: float, dry_run: bool
) -> Repaired:
    rows = sql("levels_rows")
    async with database.transaction() as connection:
        head = await heads.lock(connection, symbol, Interval.M1.value)
        row = await connection.fetchrow(sql("levels_count", rows=rows), *values)
        counted = Repaired(row["relabelled"], row["restored"], row["converted"]) if row else Repaired()
        if not dry_run and counted.bars:
            as_of = max(moment(now), head + heads.TICK)
            changed = await connection.fetch(sql("levels_repair", rows=rows), *values, as_of)
            if changed:
                nothing: tuple[list[datetime], list[datetime]] = ([], [])
                moved = (symbol, Interval.M1.value, as_of, None, None, None, None, *nothing, None)
                await connection.execute(sql("series_move"), *moved)
                ts = np.array([one["ts"] for one in changed], np.int64)
                await touched.note(connection, touched.late(ts, now))
    return counted


def _factors(known: Checked, hours: MarketHours) -> _Factors:
    """What minutes are multiplied by, by when they open and when they were learned."""
    opens = [
        int(hours.extended.opens[np.searchsorted(hours.extended.days, split.effective)])
        for split in known.splits
    ]
    starts, ends = [0, *opens], [*opens, 2**33]
    found = _Factors([], [], [], [], [])
    for first in range(len(opens)):
        ratio = 1.0
        for last in range(first, len(opens)):
            ratio *= known.splits[last].ratio
            bounds = (starts[first], opens[first], opens[last], ends[last + 1])
            for column, at in zip(found[:4], bounds, strict=True):
                column.append(moment(at))
            found.ratio.append(ratio)
    return found


def _opens_after(day: int, hours: MarketHours) -> int:
    """When the session after that of `day` opens: what was learned before has no later split."""
    place = int(np.searchsorted(hours.extended.days, day, side="right"))
    return int(hours.extended.opens[min(place, len(hours.extended.opens) - 1)])


def reaches(known: Checked | None, labelled: Labelled, hours: MarketHours) -> bool:
    """Whether it is known of all these minutes which splits they were adjusted by."""
    if known is None or known.since > labelled.span.start:
        return False
    learned = session_days(hours, np.array([int(labelled.learned)], np.int64))
    return known.through >= int(learned[0])
