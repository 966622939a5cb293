"""Stored bars as a test looks at them."""

from datetime import datetime

from market_data.calendar import hours_of
from market_data.market.bar import KnownBar
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval, Length
from market_data.market.span import Span
from market_data.store import read
from market_data.store.connect import Database


async def window(
    database: Database,
    symbol: str,
    interval: Interval,
    span: Span,
    *,
    limit: int = 10_000,
    as_of: datetime | None = None,
) -> list[KnownBar]:
    """The first `limit` bars that open within `span`, oldest first; as they were known at `as_of`."""
    market = hours_of("CRYPTO", AssetType.CRYPTO)  # it is not asked for sessions
    question = read.Question(symbol, Length(interval.seconds), span, market, as_of=as_of, limit=limit)
    return (await read.page(database, question, 0.0)).rows()
