"""Whose bars a series holds."""

from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.store.bars import Table
from market_data.store.connect import Database


async def find(database: Database, symbol: str, interval: Interval, span: Span) -> str | None:
    """The provider that most of the bars in a span are from; None where there are none."""
    query = Table.of(interval).sql("series_owner")
    row = await database.fetch_one(query, symbol, interval.value, moment(span.start), moment(span.end))
    return row["provider"] if row else None
