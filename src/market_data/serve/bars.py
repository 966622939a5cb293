"""/stocks/{symbol}/intraday, /history and /stocks/batch: stored bars, and longer ones built from them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import get, post
from litestar.params import JSONBody

from market_data.calendar import hours_of
from market_data.errors import BadQuestion
from market_data.market.bar import KnownBar
from market_data.market.instrument import Instrument, read_symbol
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.serve.question import (
    DEFAULT_LIMIT,
    AnyInterval,
    AsOf,
    End,
    IntradayInterval,
    Limit,
    Start,
    Symbol,
)
from market_data.serve.window import Window, read_interval, read_window
from market_data.store import bars as bars_table
from market_data.store import universe

LARGEST_BATCH = 500
"""Symbols in one batch."""
LARGEST_BATCH_BARS = 500
"""Bars of each symbol of a batch."""
LARGEST_BATCH_TOTAL = 50_000
"""Bars of all symbols of a batch: about 10 MB."""
HISTORY_SECONDS = 366 * 86_400
"""How far /history looks back where the caller names no start."""


class BarsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Bars of a window, oldest first; `next` is the `start` of the next page, null on the last."""

    symbol: str
    interval: Interval
    start: datetime
    end: datetime
    bars: Sequence[KnownBar]
    next: datetime | None


class BatchQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many symbols at once: the newest bars of each."""

    symbols: Annotated[
        list[str], msgspec.Meta(min_length=1, max_length=LARGEST_BATCH, examples=[["AAPL", "BTC-USD"]])
    ]
    interval: Literal["1m", "1d"] = "1m"
    bars: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_BATCH_BARS)] = 1


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """By symbol its newest bars, oldest first; `errors` has a sentence for each symbol without."""

    interval: Interval
    bars: Mapping[str, Sequence[KnownBar]]
    errors: dict[str, str]


@get("/{symbol:str}/intraday", summary="Bars within days", responses=can_fail(404, 422, 503))
async def intraday(
    parts: Given,
    symbol: Symbol,
    *,
    interval: IntradayInterval = "1m",
    start: Start = None,
    end: End = None,
    limit: Limit = DEFAULT_LIMIT,
    as_of: AsOf = None,
) -> BarsPage:
    """1m bars as stored, or 5m, 15m and 1h bars built from them.

    Without `start` the window begins with the newest session that had opened by its end.
    """
    if read_interval(interval) is Interval.D1:
        raise BadQuestion("interval: 1d bars are at /stocks/{symbol}/history")
    instrument = await parts.find(symbol)
    regular = hours_of(instrument.exchange, instrument.asset_type).regular

    def session_start(until: int) -> int:
        session = regular.session_before(until - 1)
        return session.start if session else 0

    window = read_window(
        interval=interval,
        start=start,
        end=end,
        limit=limit,
        as_of=as_of,
        default_start=session_start,
        now=parts.clock(),
    )
    return await page(parts, instrument, window)


@get("/{symbol:str}/history", summary="Bars of days", responses=can_fail(404, 422, 503))
async def history(
    parts: Given,
    symbol: Symbol,
    *,
    interval: AnyInterval = "1d",
    start: Start = None,
    end: End = None,
    limit: Limit = DEFAULT_LIMIT,
    as_of: AsOf = None,
) -> BarsPage:
    """Daily bars, or those of any interval; without `start`, of the 366 days before the window's end."""
    instrument = await parts.find(symbol)
    window = read_window(
        interval=interval,
        start=start,
        end=end,
        limit=limit,
        as_of=as_of,
        default_start=lambda until: until - HISTORY_SECONDS,
        now=parts.clock(),
    )
    return await page(parts, instrument, window)


@post("/batch", summary="Many symbols at once", status_code=200, responses=can_fail(400, 413, 422, 503))
async def batch(parts: Given, data: JSONBody[BatchQuestion]) -> BatchAnswer:
    """The newest bars of up to 500 symbols. A symbol that has none, or is unknown, is named in `errors`."""
    interval = Interval(data.interval)
    if len(data.symbols) * data.bars > LARGEST_BATCH_TOTAL:
        raise BadQuestion(
            f"bars: {len(data.symbols)} symbols of {data.bars} bars are more than {LARGEST_BATCH_TOTAL}"
        )
    errors: dict[str, str] = {}
    symbols = _readable(data.symbols, errors)
    known = {one.symbol for one in await universe.load(parts.database, only_active=False)}
    found = await bars_table.last_of_many(parts.database, sorted(symbols & known), interval, data.bars)
    for symbol in symbols - found.keys():
        errors[symbol] = "no bars yet" if symbol in known else "not in the universe"
    return BatchAnswer(interval=interval, bars=found, errors=errors)


async def page(parts: Parts, instrument: Instrument, window: Window) -> BarsPage:
    """The bars of a window, as many as its limit allows, and where the next page begins."""
    bars = await (_built if window.interval in _BUILT else _stored)(parts, instrument, window)
    return BarsPage(
        symbol=instrument.symbol,
        interval=window.interval,
        start=moment(window.span.start),
        end=moment(window.span.end),
        bars=bars[: window.limit],
        next=bars[window.limit].ts if len(bars) > window.limit else None,
    )


_BUILT = frozenset({Interval.M5, Interval.M15, Interval.H1})


async def _stored(parts: Parts, instrument: Instrument, window: Window) -> list[KnownBar]:
    """Bars as they are in the tables, one more than the page has."""
    start = window.span.start
    if window.interval is Interval.D1:
        # a daily bar is labelled 00:00 of its date: a window that begins within a day has that day
        start = Interval.D1.floor(start)
    span = Span(start, window.span.end)
    return await bars_table.window(
        parts.database,
        instrument.symbol,
        window.interval,
        span,
        limit=window.limit + 1,
        as_of=window.as_of,
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


def _readable(texts: Sequence[str], errors: dict[str, str]) -> set[str]:
    """The symbols among `texts`; what is none goes to `errors` with the reason."""
    symbols = set()
    for text in texts:
        try:
            symbols.add(read_symbol(text))
        except ValueError as error:
            errors[text] = str(error)
    return symbols
