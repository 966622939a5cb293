"""/stocks/{symbol}/intraday, /history and /stocks/batch: stored bars, and longer ones built from them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import Provide
from litestar.params import JSONBody
from litestar.response import Stream

from market_data.calendar import hours_of, with_hours
from market_data.errors import BadQuestion
from market_data.market.bar import KnownBar
from market_data.market.instrument import Instrument, read_symbol
from market_data.market.interval import Interval
from market_data.market.spelling import held_as
from market_data.serve.answered import FILES, AnyRequest, answered
from market_data.serve.asked import Asking, read_asked, reading
from market_data.serve.described import ALSO_ANSWERS
from market_data.serve.parts import Given
from market_data.serve.problem import can_fail
from market_data.serve.question import AnyInterval, IntradayInterval, Symbol
from market_data.serve.window import read_length
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
    """Bars of a window, oldest first, all at one price level.

    `missing_days` counts the days of the window that are stored at other levels only. `next` is the `cursor`
    of the next page, null on the last.
    """

    symbol: str
    interval: str
    start: datetime
    end: datetime
    adjustment: str
    missing_days: int
    bars: Sequence[KnownBar]
    next: str | None


class BatchQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many symbols at once: the newest bars of each."""

    symbols: Annotated[
        list[str], msgspec.Meta(min_length=1, max_length=LARGEST_BATCH, examples=[["AAPL", "BTC-USD"]])
    ]
    interval: Literal["1m", "1d"] = "1m"
    bars: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_BATCH_BARS)] = 1
    quarantined: Literal["exclude", "include"] = "exclude"


class BatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """By symbol its newest bars, oldest first; `errors` has a sentence for each symbol without."""

    interval: Interval
    bars: Mapping[str, Sequence[KnownBar]]
    errors: dict[str, str]


_ANSWERS = {ALSO_ANSWERS: FILES}
_ASKED = {"asked": Provide(read_asked, sync_to_thread=False)}


@get(
    "/{symbol:str}/intraday",
    summary="Bars within days",
    responses=can_fail(404, 406, 422, 503),
    dependencies=_ASKED,
    opt=_ANSWERS,
)
async def intraday(
    parts: Given, request: AnyRequest, symbol: Symbol, asked: Asking, *, interval: IntradayInterval = "1m"
) -> Response[BarsPage] | Response[bytes] | Stream:
    """1m bars as stored, or bars of any length below a day built from them, anchored at the session's open.

    Without `start` the window begins with the newest session that had opened by its end.
    """
    if read_length(interval).stored is Interval.D1:
        raise BadQuestion("interval: 1d bars are at /stocks/{symbol}/history")
    instrument = await parts.find(symbol)
    regular = hours_of(instrument.exchange, instrument.asset_type).regular

    def session_start(until: int) -> int:
        session = regular.session_before(until - 1)
        return session.start if session else 0

    question = reading(asked, instrument, interval, default_start=session_start, now=parts.clock())
    return await answered(parts, request, asked, question)


@get(
    "/{symbol:str}/history",
    summary="Bars of days",
    responses=can_fail(404, 406, 422, 503),
    dependencies=_ASKED,
    opt=_ANSWERS,
)
async def history(
    parts: Given, request: AnyRequest, symbol: Symbol, asked: Asking, *, interval: AnyInterval = "1d"
) -> Response[BarsPage] | Response[bytes] | Stream:
    """Daily bars, or those of any length; without `start`, of the 366 days before the window's end."""
    instrument = await parts.find(symbol)
    question = reading(
        asked, instrument, interval, default_start=lambda until: until - HISTORY_SECONDS, now=parts.clock()
    )
    return await answered(parts, request, asked, question)


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
    known = {one.symbol: one for one in await universe.load(parts.database, only_active=False)}
    held = held_as(known)
    symbols = _with_calendar({held.get(one, one) for one in symbols}, known, errors)
    found = await bars_table.last_of_many(
        parts.database,
        sorted(symbols & known.keys()),
        interval,
        data.bars,
        quarantined=data.quarantined == "include",
    )
    for symbol in symbols - found.keys():
        errors[symbol] = "no bars yet" if symbol in known else "not in the universe"
    return BatchAnswer(interval=interval, bars=found, errors=errors)


def _with_calendar(symbols: set[str], known: Mapping[str, Instrument], errors: dict[str, str]) -> set[str]:
    """The symbols but for those whose exchange has no calendar: these go to `errors` with the reason."""
    _, wrong = with_hours(known[symbol] for symbol in symbols if symbol in known)
    errors.update({row.instrument.symbol: str(row) for row in wrong})
    return symbols - errors.keys()


def _readable(texts: Sequence[str], errors: dict[str, str]) -> set[str]:
    """The symbols among `texts`; what is none goes to `errors` with the reason."""
    symbols = set()
    for text in texts:
        try:
            symbols.add(read_symbol(text))
        except ValueError as error:
            errors[text] = str(error)
    return symbols
