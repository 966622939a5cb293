"""/stocks: the latest price, bars of a window, many symbols at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.params import Parameter

from market_data.calendar import hours_of
from market_data.errors import BadQuestion, NoProvider
from market_data.market.bar import KnownBar
from market_data.market.instrument import Instrument, read_symbol
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.serve.parts import Given, Parts
from market_data.serve.window import Window, read_interval, read_window
from market_data.store import bars as bars_table
from market_data.store import quotes, universe
from market_data.store.quotes import KnownQuote

FRESH_SECONDS = 15.0
"""A quote that was learned within this time is not asked for again."""
DEFAULT_LIMIT = 1000
"""Bars in one answer where the caller names no limit."""
LARGEST_BATCH = 500
"""Symbols in one batch."""
LARGEST_BATCH_BARS = 500
"""Bars of each symbol of a batch."""
HISTORY_SECONDS = 366 * 86_400
"""How far /history looks back where the caller names no start."""

Start = Annotated[
    str | None, Parameter(description="First moment, RFC 3339 with zone: 2025-10-08T14:00:00Z.")
]
End = Annotated[str | None, Parameter(description="First moment after the window, RFC 3339 with zone.")]
Limit = Annotated[int, Parameter(description="Bars in this answer, 1 to 10,000; `next` leads on.")]
AsOf = Annotated[str | None, Parameter(description="Answer with what was known at this moment.")]


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The latest price of a symbol."""

    symbol: str
    price: float
    ts: datetime  # of the trade, or the open of the bar
    provider: str
    as_of: datetime  # when we learned it
    age_seconds: float  # since we learned it
    source: str  # "quote", or the interval of the bar whose close it is
    stale: bool  # no provider could tell a newer one
    bid: float | None = None
    ask: float | None = None
    volume: float | None = None


class BarsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Bars of a window, oldest first; `next` is the `start` of the next page, null on the last."""

    symbol: str
    interval: str
    start: datetime
    end: datetime
    bars: Sequence[KnownBar]
    next: datetime | None


class BatchQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many symbols at once: the newest bars of each."""

    symbols: list[str]
    interval: str = "1m"
    bars: int = 1


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """By symbol its newest bars, oldest first; `errors` has a sentence for each symbol without."""

    interval: str
    bars: Mapping[str, Sequence[KnownBar]]
    errors: dict[str, str]


@get("/{symbol:str}/price", summary="Latest price")
async def price(parts: Given, symbol: str) -> Price:
    """The latest price with its provider, its time and its age.

    A stored quote is used while it is fresh; else a provider is asked, in the order of health. If none can
    answer, the newest stored price is given with `stale: true`.
    """
    instrument = await parts.find(symbol)
    quote = await quotes.newest(parts.database, instrument.symbol)
    if quote is not None and _fresh(parts, instrument, quote):
        return _of_quote(quote, parts.clock(), stale=False)
    try:
        told = await parts.fetcher.quote(instrument.symbol, instrument.asset_type)
    except NoProvider:
        stored = await _stored(parts, instrument.symbol, quote)
        if stored is None:
            raise
        return stored
    return _of_quote(told, parts.clock(), stale=False)


@get("/{symbol:str}/intraday", summary="Bars within days")
async def intraday(
    parts: Given,
    symbol: str,
    *,
    interval: str = "1m",
    start: Start = None,
    end: End = None,
    limit: Limit = DEFAULT_LIMIT,
    as_of: AsOf = None,
) -> BarsPage:
    """1m bars as stored, or 5m, 15m and 1h bars built from them; without `start`, of the newest session."""
    if read_interval(interval) is Interval.D1:
        raise BadQuestion("interval: 1d bars are at /stocks/{symbol}/history")
    instrument = await parts.find(symbol)
    now = parts.clock()
    session = hours_of(instrument.exchange, instrument.asset_type).regular.session_before(now)
    window = read_window(
        interval=interval,
        start=start,
        end=end,
        limit=limit,
        as_of=as_of,
        default_start=session.start if session else 0,
        now=now,
    )
    return await _page(parts, instrument, window)


@get("/{symbol:str}/history", summary="Bars of days")
async def history(
    parts: Given,
    symbol: str,
    *,
    interval: str = "1d",
    start: Start = None,
    end: End = None,
    limit: Limit = DEFAULT_LIMIT,
    as_of: AsOf = None,
) -> BarsPage:
    """Daily bars (or those of any interval); without `start`, of the last 366 days."""
    instrument = await parts.find(symbol)
    now = parts.clock()
    window = read_window(
        interval=interval,
        start=start,
        end=end,
        limit=limit,
        as_of=as_of,
        default_start=int(now) - HISTORY_SECONDS,
        now=now,
    )
    return await _page(parts, instrument, window)


@post("/batch", summary="Many symbols at once", status_code=200)
async def batch(parts: Given, data: BatchQuestion) -> BatchAnswer:
    """The newest bars of up to 500 symbols. A symbol that has none, or is unknown, is named in `errors`."""
    interval = read_interval(data.interval)
    if not 1 <= len(data.symbols) <= LARGEST_BATCH:
        raise BadQuestion(f"symbols: name 1 to {LARGEST_BATCH}, not {len(data.symbols)}")
    if not 1 <= data.bars <= LARGEST_BATCH_BARS:
        raise BadQuestion(f"bars: {data.bars} is not between 1 and {LARGEST_BATCH_BARS}")
    if interval not in (Interval.M1, Interval.D1):
        raise BadQuestion("interval: a batch has 1m or 1d bars")
    errors: dict[str, str] = {}
    symbols = _readable(data.symbols, errors)
    known = {one.symbol for one in await universe.load(parts.database, only_active=False)}
    found = await bars_table.last_of_many(parts.database, sorted(symbols & known), interval, data.bars)
    for symbol in symbols - found.keys():
        errors[symbol] = "no bars yet" if symbol in known else "not in the universe"
    return BatchAnswer(interval=interval.value, bars=found, errors=errors)


router = Router("/stocks", route_handlers=[price, intraday, history, batch], tags=["stocks"])


async def _page(parts: Parts, instrument: Instrument, window: Window) -> BarsPage:
    if window.interval in (Interval.M1, Interval.D1):
        # a daily bar is labelled 00:00 of its date: a window that begins within a day has that day
        start = Interval.D1.floor(window.span.start) if window.interval is Interval.D1 else window.span.start
        bars = await bars_table.window(
            parts.database,
            instrument.symbol,
            window.interval,
            Span(start, window.span.end),
            limit=window.limit + 1,
            as_of=window.as_of,
        )
    else:
        bars = await _built(parts, instrument, window)
    return BarsPage(
        symbol=instrument.symbol,
        interval=window.interval.value,
        start=moment(window.span.start),
        end=moment(window.span.end),
        bars=bars[: window.limit],
        next=bars[window.limit].ts if len(bars) > window.limit else None,
    )


async def _built(parts: Parts, instrument: Instrument, window: Window) -> list[KnownBar]:
    """Bars built from 1m bars, anchored at the session's open; each that opens in the window is whole."""
    length = window.interval.seconds
    session = hours_of(instrument.exchange, instrument.asset_type).regular.session_before(window.span.end)
    anchor = session.start % length if session else 0
    first, last = (at + (anchor - at) % length for at in (window.span.start, window.span.end))
    if first >= last:
        return []
    return await bars_table.built(
        parts.database,
        instrument.symbol,
        window.interval,
        Span(first, last),
        anchor=anchor,
        limit=window.limit + 1,
        as_of=window.as_of,
    )


def _fresh(parts: Parts, instrument: Instrument, quote: KnownQuote) -> bool:
    """Whether a quote is news: learned just now, or since the market closed."""
    learned, now = quote.as_of.timestamp(), parts.clock()
    if now - learned <= FRESH_SECONDS:
        return True
    grid = hours_of(instrument.exchange, instrument.asset_type).extended
    session = grid.session_before(now)
    return session is not None and not grid.is_open(now) and learned >= session.end


def _of_quote(quote: KnownQuote, now: float, *, stale: bool) -> Price:
    return Price(
        symbol=quote.symbol,
        price=quote.price,
        ts=quote.ts,
        provider=quote.provider,
        as_of=quote.as_of,
        age_seconds=_age(quote.as_of, now),
        source="quote",
        stale=stale,
        bid=quote.bid,
        ask=quote.ask,
        volume=quote.volume,
    )


async def _stored(parts: Parts, symbol: str, quote: KnownQuote | None) -> Price | None:
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
        age_seconds=_age(bar.as_of, now),
        source=Interval.M1.value,
        stale=True,
    )


def _age(as_of: datetime, now: float) -> float:
    return round(max(0.0, now - as_of.timestamp()), 3)


def _readable(texts: Sequence[str], errors: dict[str, str]) -> set[str]:
    """The symbols among `texts`; what is none goes to `errors` with the reason."""
    symbols = set()
    for text in texts:
        try:
            symbols.add(read_symbol(text))
        except ValueError as error:
            errors[text] = str(error)
    return symbols
