"""/stocks/{symbol}/price: the latest price, from the table while it is fresh, else from a provider."""

import asyncio
from datetime import datetime
from typing import Literal

import msgspec
from litestar import get

from market_data.calendar import hours_of
from market_data.errors import NoProvider, StoreUnavailable
from market_data.loops import shared
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.market.noted import CLOCKS_DIFFER, holds
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.serve.question import Symbol
from market_data.store import bars as bars_table
from market_data.store import quotes
from market_data.store.quotes import KnownQuote

FRESH_SECONDS = 15.0
"""A quote that was learned within this time is not asked for again."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The latest price of a symbol."""

    symbol: str
    price: float
    ts: datetime  # of the trade, or the open of the bar
    provider: str
    as_of: datetime  # when we learned it
    age_seconds: float  # since we learned it
    source: Literal["quote", "1m"]  # a quote, or the close of a bar
    stale: bool  # no provider could tell a newer one
    bid: float | None = None
    ask: float | None = None
    volume: float | None = None


@get("/{symbol:str}/price", summary="Latest price", responses=can_fail(404, 503))
async def price(parts: Given, symbol: Symbol) -> Price:
    """The latest price with its provider, its time and its age.

    A stored quote is used while it is fresh; else a provider is asked, in the order of health. If none can
    answer, the newest stored price is given with `stale: true`.
    """
    instrument = await parts.find(symbol)
    stored = await quotes.newest(parts.database, instrument.symbol)
    if stored is not None and _fresh(parts, instrument, stored):
        return _of_quote(stored, parts.clock(), stale=False)
    try:
        told = await _asked(parts, instrument)
    except (NoProvider, StoreUnavailable):  # without Redis nobody may be asked, but what is stored is there
        known = await _newest(parts, instrument.symbol, stored)
        if known is None:
            raise
        return known
    newest = told if stored is None or told.ts >= stored.ts else stored
    return _of_quote(newest, parts.clock(), stale=False)


async def _asked(parts: Parts, instrument: Instrument) -> KnownQuote:
    """A provider's quote; callers who ask for a symbol at the same time share one question."""
    asking = parts.asking.get(instrument.symbol)
    if asking is None:
        asking = shared(parts.quoter.one(instrument.symbol, instrument.asset_type, trials=False))
        parts.asking[instrument.symbol] = asking
        asking.add_done_callback(lambda _: parts.asking.pop(instrument.symbol, None))
    return await asyncio.shield(asking)


def _fresh(parts: Parts, instrument: Instrument, quote: KnownQuote) -> bool:
    """Whether a quote is news: learned just now, or since the market closed."""
    learned, now = quote.as_of.timestamp(), parts.clock()
    if holds(learned, learned + FRESH_SECONDS, now):
        return True
    grid = hours_of(instrument.exchange, instrument.asset_type).kept
    session = grid.session_before(now)
    return session is not None and not grid.is_open(now) and learned >= session.end


def _of_quote(quote: KnownQuote, now: float, *, stale: bool) -> Price:
    return Price(
        symbol=quote.symbol,
        price=quote.price,
        ts=quote.ts,
        provider=quote.provider,
        as_of=quote.as_of,
        age_seconds=_age(quote.as_of, quote.ts, now),
        source="quote",
        stale=stale,
        bid=quote.bid,
        ask=quote.ask,
        volume=quote.volume,
    )


async def _newest(parts: Parts, symbol: str, quote: KnownQuote | None) -> Price | None:
    """The newest stored price, of a quote or a bar; None before the first."""
    bars = await bars_table.last(parts.database, symbol, Interval.M1, 1)
    now = parts.clock()
    if not bars or (quote is not None and quote.ts >= bars[0].ts):
        return _of_quote(quote, now, stale=True) if quote else None
    bar = bars[0]
    return Price(
        symbol=symbol,
        price=bar.close,
        ts=bar.ts,
        provider=bar.provider,
        as_of=bar.as_of,
        age_seconds=_age(bar.as_of, bar.ts, now),
        source="1m",
        stale=True,
    )


def _age(as_of: datetime, ts: datetime, now: float) -> float:
    """Seconds since it was learned; since it traded, where that was noted by a clock that was ahead."""
    learned = as_of.timestamp()
    since = learned if learned <= now + CLOCKS_DIFFER else ts.timestamp()
    return round(max(0.0, now - since), 3)
