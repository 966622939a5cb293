"""Quotes: the newest price that a provider told."""

from datetime import datetime

import msgspec

from market_data.market.bar import Quote
from market_data.market.span import moment
from market_data.store.connect import Database, sql


class KnownQuote(msgspec.Struct, frozen=True, kw_only=True):
    """A stored quote, as the API shows it; None where the provider does not say."""

    symbol: str
    price: float
    ts: datetime  # of the trade
    provider: str
    as_of: datetime  # when we learned it
    bid: float | None = None
    ask: float | None = None
    bid_size: float | None = None
    ask_size: float | None = None
    volume: float | None = None


async def write(database: Database, quote: Quote, provider: str, as_of: float) -> KnownQuote:
    """Store a quote; the same one told again only moves its `as_of`."""
    known = KnownQuote(
        symbol=quote.symbol,
        price=quote.price,
        ts=moment(quote.ts),
        provider=provider,
        as_of=moment(as_of),
        bid=quote.bid,
        ask=quote.ask,
        bid_size=quote.bid_size,
        ask_size=quote.ask_size,
        volume=quote.volume,
    )
    await database.run(sql("quote_write"), *msgspec.structs.astuple(known))
    return known


async def newest(database: Database, symbol: str) -> KnownQuote | None:
    """The newest quote of a symbol from any provider, or None."""
    row = await database.fetch_one(sql("quote_newest"), symbol)
    return KnownQuote(**row) if row else None
