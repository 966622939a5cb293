"""Finnhub: the last price of US stocks on any plan, minute and daily candles on paid ones."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from market_data.errors import Malformed, Throttled, Unsupported
from market_data.market.bar import Adjustment, Bars, Quote
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.spelling import class_share
from market_data.provider import (
    Account,
    Answer,
    Facts,
    Limit,
    Query,
    Reach,
    Request,
    Response,
    fault_of,
    read_json,
    rest_until_reset,
    their_time,
)

_LISTED = frozenset({AssetType.EQUITY, AssetType.ETF})  # indices are a package of their own

FACTS = Facts(
    name="finnhub",
    title="Finnhub",
    settings_prefix="FINNHUB",
    base_url="https://finnhub.io/api/v1",
    needs_key=True,
    limits=(Limit(30, 1), Limit(60, 60)),  # the first holds on every plan
    reach={
        Capability.BARS_1M: Reach(
            endpoint="stock/candle",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,  # "intraday data is unadjusted"
            # the volume's scope stays unknown: minutes were seen that do not count all venues
            delay=60,  # late prints: the shortest wait that is advised, because minutes are wanted fresh
            longest_span=28 * 86_400,  # "only 1 month", and February is one
            premium=True,
        ),
        Capability.EOD: Reach(
            endpoint="stock/candle",
            asset_types=_LISTED,
            adjustment=Adjustment.SPLIT,
            delay=4 * 3600,  # the day's volume grows until late trading is over
            premium=True,
        ),
        Capability.QUOTES_L1: Reach(endpoint="quote", asset_types=_LISTED),
    },
    terms="Personal use only; no redistribution of the data or of results derived from it.",
)

RATE_WINDOW = 60.0
"""Seconds: a spent budget is whole again after at most this."""

_NEW_YORK = ZoneInfo("America/New_York")
_Epoch = Annotated[int, msgspec.Meta(ge=0, le=10**11)]  # seconds; milliseconds would be beyond


class _Quote(msgspec.Struct, frozen=True):
    price: float = msgspec.field(name="c")
    ts: _Epoch = msgspec.field(name="t", default=0)  # not in Finnhub's own schema


class _Candles(msgspec.Struct, frozen=True):
    status: str = msgspec.field(name="s")
    ts: list[_Epoch] | None = msgspec.field(name="t", default=None)
    open: list[float] | None = msgspec.field(name="o", default=None)
    high: list[float] | None = msgspec.field(name="h", default=None)
    low: list[float] | None = msgspec.field(name="l", default=None)
    close: list[float] | None = msgspec.field(name="c", default=None)
    volume: list[float] | None = msgspec.field(name="v", default=None)


def request(query: Query, account: Account) -> Request:
    """The GET for `query`. Raises Unsupported for anything but listed stocks and funds."""
    if query.asset_type not in FACTS.reach[query.capability].asset_types:
        raise Unsupported(f"it has no {query.asset_type} symbols")
    headers = {"X-Finnhub-Token": account.key}  # not `token=`: URLs are logged by whatever is in between
    if query.capability is Capability.QUOTES_L1:
        return Request(f"{account.base_url}/quote", {"symbol": _spelled(query.symbol)}, headers)
    resolution, start, end = "1", query.span.start, query.span.end
    if query.capability is Capability.EOD:  # whole days: a daily row may be stamped with its session's open
        day = Interval.D1
        resolution, start, end = "D", day.floor(start), day.floor(end - 1) + day.seconds
    # `to` seems to be inclusive; a second less is right either way
    window = {"resolution": resolution, "from": str(start), "to": str(end - 1)}
    return Request(f"{account.base_url}/stock/candle", {"symbol": _spelled(query.symbol), **window}, headers)


def _spelled(symbol: str) -> str:
    """A symbol as Finnhub writes it: class shares with a dot (BRK.B), exchanges too (VOD.L)."""
    share = class_share(symbol)
    return ".".join(share) if share else symbol


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    if response.status == 429:
        rest = rest_until_reset(query, response, RATE_WINDOW)
        raise Throttled("the calls of its plan are spent", retry_after=rest, payload=response.body)
    if fault := fault_of(response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _quote(query: Query, response: Response) -> Quote:
    body = read_json(response, _Quote)
    if body.price == 0 and body.ts == 0:
        raise Unsupported("zeros: an unknown symbol, or not of this plan", payload=response.body)
    # without a time of its own, the price is as old as the answer
    return Quote(query.symbol, body.ts or int(their_time(query, response)), body.price)


def _bars(query: Query, response: Response) -> Bars:
    body = read_json(response, _Candles)
    if body.status == "no_data":
        # nothing more than one answer: it was told for hours of minutes that were there later
        return Bars.none()
    columns = (body.open, body.high, body.low, body.close, body.volume)
    if body.status != "ok" or body.ts is None:
        raise Malformed("candles without times that are neither ok nor no_data", payload=response.body)
    told = [column for column in columns if column is not None and len(column) == len(body.ts)]
    if len(told) < len(columns):
        raise Malformed("candles with arrays of unequal length", payload=response.body)
    daily = query.capability is Capability.EOD
    ts = np.array([_day(at) for at in body.ts] if daily else body.ts, np.int64)
    bars = Bars(ts, *(np.array(column, np.float64) for column in told))
    return bars.within(query.span)


def _day(at: int) -> int:
    """00:00 UTC of a daily row's date: rows come stamped with just that, or with the session's open."""
    if at % Interval.D1.seconds == 0:  # in New York this is the evening before
        return at
    local = datetime.fromtimestamp(at, _NEW_YORK)
    return int(local.replace(hour=0, minute=0, second=0, tzinfo=UTC).timestamp())
