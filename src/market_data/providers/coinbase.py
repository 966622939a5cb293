"""Coinbase Exchange: crypto in real dollars without a key, 300 candles a call."""

from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import msgspec
import numpy as np

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unsupported
from market_data.market.bar import Bars, Quote, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.provider import (
    Account,
    Answer,
    Facts,
    Limit,
    Query,
    Reach,
    Request,
    Response,
    bars_of,
    fault_of,
    read_json,
    retry_after,
)

MOST_CANDLES = 300
"""Of a window; one that is longer is refused, not cut."""

_CRYPTO = frozenset({AssetType.CRYPTO})
_SETTLED = 60  # seconds: when a candle is complete is nowhere said; the shortest wait that is advised


def _reach(interval: Interval) -> Reach:
    return Reach(
        endpoint="candles",
        asset_types=_CRYPTO,
        volume_scope=VolumeScope.VENUE,
        trades_alone=True,
        delay=_SETTLED,
        longest_span=MOST_CANDLES * interval.seconds,
    )


FACTS = Facts(
    name="coinbase",
    title="Coinbase Exchange",
    settings_prefix="COINBASE",
    base_url="https://api.exchange.coinbase.com",
    needs_key=False,
    limits=(Limit(10, 1),),  # for a moment 15
    reach={
        Capability.BARS_1M: _reach(Interval.M1),
        Capability.EOD: _reach(Interval.D1),
        Capability.QUOTES_L1: Reach(endpoint="ticker", asset_types=_CRYPTO),
    },
    terms="Own use only, under strict market data terms: no redistribution, no indices built from it.",
)

REST_SECONDS = 1.0
"""After "rate limit exceeded": calls are counted by the second."""

_AGENT = {"User-Agent": "market-data-service"}  # callers without a name are refused

_Epoch = Annotated[int, msgspec.Meta(ge=0, le=10**11)]  # seconds; milliseconds would be beyond


class _Candle(msgspec.Struct, frozen=True, array_like=True):
    ts: _Epoch
    low: float  # before high, and open after both
    high: float
    open: float
    close: float
    volume: float


class _Ticker(msgspec.Struct, frozen=True):
    price: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    bid: str
    ask: str
    volume: str  # of the last 24 hours


def request(query: Query, account: Account) -> Request:
    """The GET for `query`, without any key. Raises Unsupported for all but crypto."""
    reach = FACTS.reach[query.capability]
    if query.asset_type not in reach.asset_types:
        raise Unsupported(f"it has no {query.asset_type} symbols")
    url = f"{account.base_url}/products/{quote(query.symbol, safe='')}/{reach.endpoint}"
    asked = {} if query.capability is Capability.QUOTES_L1 else _window(query)
    return Request(url, asked, _AGENT)


def _window(query: Query) -> dict[str, str]:
    """From the first candle that opens within the span to the last second of its last one.

    Both ends are inclusive. What is longer by a candle than MOST_CANDLES may still be answered.
    """
    interval = query.capability.interval or Interval.M1
    last = interval.floor(query.span.end - 1)
    first = min(interval.floor(query.span.start + interval.seconds - 1), last)
    return {
        "granularity": str(interval.seconds),
        "start": f"{moment(first):%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{moment(last + interval.seconds - 1):%Y-%m-%dT%H:%M:%SZ}",
    }


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    if fault := _fault(response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _fault(response: Response) -> ProviderFault | None:
    body = response.body
    match response.status:
        case 429:
            asked = retry_after(response)
            rest = REST_SECONDS if asked is None else asked
            return Throttled("too many requests from here", retry_after=rest, payload=body)
        case 403:  # whatever is asked for: there is no key whose plan could lack something
            return Refused("HTTP 403: nothing is let through from here", whole=True, payload=body)
        case 400 if b"aggregations" in body:
            return Unsupported(f"HTTP 400: more than {MOST_CANDLES} candles", payload=body)
    return fault_of(response)


def _bars(query: Query, response: Response) -> Bars:
    """The candles in order of time: the newest is told first."""
    rows = read_json(response, list[_Candle])
    within = bars_of((row.ts for row in rows), rows).within(query.span)  # one before it may be told, too
    return within.take(np.argsort(within.ts, kind="stable"))


def _quote(query: Query, response: Response) -> Quote:
    told = read_json(response, _Ticker)
    try:
        price, bid, ask, volume = (float(one) for one in (told.price, told.bid, told.ask, told.volume))
    except ValueError:
        raise Malformed("a quote that cannot be read", payload=response.body) from None
    return Quote(
        query.symbol,
        int(told.time.timestamp()),
        price,
        bid=bid or None,  # 0: nobody offers
        ask=ask or None,
        volume=volume,
    )
