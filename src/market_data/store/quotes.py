"""Quotes: the newest price that a provider told."""

from collections.abc import Sequence
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


def known(quote: Quote, provider: str, as_of: float) -> KnownQuote:
    """A quote as it will be stored."""
    return KnownQuote(
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


async def write(database: Database, told: Sequence[KnownQuote]) -> list[KnownQuote]:
    """Store quotes, one a symbol; those that say something new: told again, only `as_of` moves."""
    columns = zip(*map(msgspec.structs.astuple, told), strict=True)
    new = {row["symbol"] for row in await database.fetch(sql("quote_write"), *columns)}
    return [one for one in told if one.symbol in new]


async def newest(database: Database, symbol: str) -> KnownQuote | None:
    """The newest quote of a symbol from any provider, or None."""
    row = await database.fetch_one(sql("quote_newest"), symbol)
    return KnownQuote(**row) if row else None
