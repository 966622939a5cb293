"""What is missing: found by the database, where the bars are, over whole tiers at once."""

from collections.abc import Sequence

from market_data.market.span import Span, epoch, moment
from market_data.store.connect import Connection, Database, sql

Places = list[tuple[str, Span]]
"""Symbols, each with a span."""


async def short(database: Database, symbols: Sequence[str], span: Span, expected: int) -> list[str]:
    """The symbols with fewer than `expected` final 1m bars in `span`: one pass over the bars of the span."""
    ends = moment(span.start), moment(span.end)
    async with database.transaction() as connection:
        await connection.execute(sql("plan_anew"))
        rows = await connection.fetch(sql("gaps_short"), list(symbols), *ends, expected)
    return [row["symbol"] for row in rows]


async def short_of_days(database: Database, symbols: Sequence[str], span: Span, expected: int) -> list[str]:
    """The symbols that may have fewer than `expected` days in `span`; no other has."""
    rows = await database.fetch(
        sql("gaps_short_days"), list(symbols), moment(span.start), moment(span.end), expected
    )
    return [row["symbol"] for row in rows]


async def minutes(connection: Connection | Database, places: Places) -> Places:
    """What is missing of each place: minutes without a final 1m bar or a vacancy, adjoining ones together."""
    if not places:
        return []
    starts, ends = zip(*((moment(span.start), moment(span.end)) for _, span in places), strict=True)
    rows = await connection.fetch(
        sql("gaps_minutes"), [symbol for symbol, _ in places], starts, ends, min(starts), max(ends)
    )
    return [(row["symbol"], Span(epoch(row["start"]), epoch(row["end"]))) for row in rows]


async def days(connection: Connection | Database, places: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Of symbols, each with the label of a day, those without a final 1d bar or a vacancy."""
    rows = await connection.fetch(
        sql("gaps_days"), [symbol for symbol, _ in places], [moment(day) for _, day in places]
    )
    return [(row["symbol"], epoch(row["day"])) for row in rows]


async def days_of(
    connection: Connection | Database, places: Places, labels: Sequence[int]
) -> list[tuple[str, int]]:
    """Of each place, the labels of its days without a final 1d bar or a vacancy; of those in `labels`."""
    rows = await connection.fetch(
        sql("gaps_days_of"),
        [symbol for symbol, _ in places],
        [moment(span.start) for _, span in places],
        [moment(span.end) for _, span in places],
        [moment(one) for one in labels],
    )
    return [(row["symbol"], epoch(row["day"])) for row in rows]


async def fresh(database: Database, symbols: Sequence[str], span: Span) -> set[str]:
    """The symbols that have a 1m bar in `span`, final or not."""
    rows = await database.fetch(sql("gaps_fresh"), list(symbols), moment(span.start), moment(span.end))
    return {row["symbol"] for row in rows}
