"""Spans in which able providers agree that nothing traded."""

from collections.abc import Sequence
from dataclasses import dataclass

from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment
from market_data.store.connect import Connection, Database, sql


@dataclass(frozen=True, slots=True)
class Vacancy:
    """Nothing traded in `span`, as `providers` agreed at `as_of` (epoch seconds)."""

    span: Span
    providers: tuple[str, ...]
    as_of: float


async def put(
    connection: Connection,
    symbol: str,
    interval: Interval,
    spans: Sequence[Span],
    *,
    providers: Sequence[str],
    as_of: float,
) -> None:
    """Note vacancies of a series, within the caller's transaction."""
    await connection.execute(
        sql("vacancy_put"),
        symbol,
        interval.value,
        [moment(span.start) for span in spans],
        [moment(span.end) for span in spans],
        list(providers),
        moment(as_of),
    )


async def load(database: Database, symbol: str, interval: Interval, span: Span) -> list[Vacancy]:
    """The vacancies of a series that overlap `span`, oldest first."""
    rows = await database.fetch(
        sql("vacancy_load"), symbol, interval.value, moment(span.start), moment(span.end)
    )
    return [
        Vacancy(
            Span(epoch(row["start_ts"]), epoch(row["end_ts"])),
            tuple(row["providers"]),
            row["as_of"].timestamp(),
        )
        for row in rows
    ]


async def recent(
    connection: Connection | Database, symbols: Sequence[str], interval: Interval, since: float
) -> set[str]:
    """The symbols of whom a vacancy was agreed after `since` (epoch seconds)."""
    rows = await connection.fetch(sql("vacancy_recent"), list(symbols), interval.value, moment(since))
    return {row["symbol"] for row in rows}
