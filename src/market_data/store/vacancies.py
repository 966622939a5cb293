"""Spans in which nothing traded, as far as it is proven, and when each is looked at again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, merge, moment, subtract
from market_data.store.bars import Table
from market_data.store.connect import Connection, Database, sql


@dataclass(frozen=True, slots=True)
class Vacancy:
    """Nothing traded in `span`, as `providers` prove; times are epoch seconds.

    It is provisional until it is confirmed: at `look_at` it is asked again (None: never).
    """

    span: Span
    providers: tuple[str, ...]
    confirmed: bool
    newer: bool  # one of them has sent a newer bar of the symbol
    looks: int  # how often it was asked again
    look_at: float | None
    first_at: float  # when it was first seen
    as_of: float  # when it was last seen

    @property
    def proven(self) -> bool:
        """Whether it explains that a bar is not there."""
        return self.confirmed or self.newer


async def replace_within(
    connection: Connection, symbol: str, interval: Interval, asked: Sequence[Span], found: Sequence[Vacancy]
) -> None:
    """Make `found` all that is vacant of the spans that were asked for, within the caller's transaction.

    What has been filled meanwhile is vacant no more; neighbours that are alike become one row.
    """
    if not asked:
        return
    ends = moment(min(one.start for one in asked)), moment(max(one.end for one in asked))
    rows = await connection.fetch(sql("vacancy_take"), symbol, interval.value, *ends)
    kept = [
        replace(one, span=piece) for one in map(_read, rows) for piece in subtract([one.span], list(asked))
    ]
    await _add(connection, symbol, interval, _joined([*kept, *found]))


async def take_back(connection: Connection, symbol: str, interval: Interval, spans: Sequence[Span]) -> None:
    """Let nothing of these spans be vacant where a bar has come, within the caller's transaction."""
    starts, ends = [moment(span.start) for span in spans], [moment(span.end) for span in spans]
    query = Table.of(interval).sql("vacancy_filled")
    rows = await connection.fetch(query, symbol, interval.value, starts, ends)
    filled = merge(Span(row["ts"], row["ts"] + interval.seconds) for row in rows)
    await replace_within(connection, symbol, interval, filled, ())


async def load(database: Database | Connection, symbol: str, interval: Interval, span: Span) -> list[Vacancy]:
    """The vacancies of a series that overlap `span`, oldest first."""
    ends = moment(span.start), moment(span.end)
    return [_read(row) for row in await database.fetch(sql("vacancy_load"), symbol, interval.value, *ends)]


async def due(database: Database, now: float, limit: int) -> dict[tuple[str, Interval], list[Span]]:
    """By series the vacancies that are to be looked at again by `now`, newest first, at most `limit`."""
    found: dict[tuple[str, Interval], list[Span]] = {}
    for row in await database.fetch(sql("vacancy_due"), moment(now), limit):
        span = Span(epoch(row["start_ts"]), epoch(row["end_ts"]))
        found.setdefault((row["symbol"], Interval(row["interval"])), []).append(span)
    return found


async def recent(
    connection: Connection | Database, symbols: Sequence[str], interval: Interval, since: float
) -> set[str]:
    """The symbols of which a vacancy was seen after `since` (epoch seconds)."""
    rows = await connection.fetch(sql("vacancy_recent"), list(symbols), interval.value, moment(since))
    return {row["symbol"] for row in rows}


async def _add(connection: Connection, symbol: str, interval: Interval, found: Sequence[Vacancy]) -> None:
    if not found:
        return
    await connection.execute(
        sql("vacancy_add"),
        symbol,
        interval.value,
        [moment(one.span.start) for one in found],
        [moment(one.span.end) for one in found],
        [",".join(one.providers) for one in found],
        [one.confirmed for one in found],
        [one.newer for one in found],
        [one.looks for one in found],
        [None if one.look_at is None else moment(one.look_at) for one in found],
        [moment(one.first_at) for one in found],
        [moment(one.as_of) for one in found],
    )


def _joined(found: Iterable[Vacancy]) -> list[Vacancy]:
    """In order of time, adjoining ones that are alike as one."""
    joined: list[Vacancy] = []
    for one in sorted(found, key=lambda one: one.span):
        last = joined[-1] if joined else None
        if last is None or last.span.end != one.span.start or _kind(last) != _kind(one):
            joined.append(one)
            continue
        joined[-1] = replace(
            last,
            span=Span(last.span.start, one.span.end),
            looks=max(last.looks, one.looks),
            first_at=min(last.first_at, one.first_at),
            as_of=max(last.as_of, one.as_of),
        )
    return joined


def _kind(one: Vacancy) -> tuple[object, ...]:
    return one.providers, one.confirmed, one.newer, one.look_at


def _read(row: asyncpg.Record) -> Vacancy:
    return Vacancy(
        span=Span(epoch(row["start_ts"]), epoch(row["end_ts"])),
        providers=tuple(row["providers"]),
        confirmed=row["confirmed"],
        newer=row["newer"],
        looks=row["looks"],
        look_at=None if row["look_at"] is None else row["look_at"].timestamp(),
        first_at=row["first_at"].timestamp(),
        as_of=row["as_of"].timestamp(),
    )
