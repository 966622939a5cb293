"""Kraken (spot): crypto in real dollars without a key, but of minutes only the newest twelve hours."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unavailable, Unsupported
from market_data.market.bar import Bars, Quote, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
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
    their_time,
)

KEPT_ROWS = 720
"""Of each interval the newest that there are, the running one among them, whatever is asked for."""
_SURE_ROWS = KEPT_ROWS - 5  # a question may have to wait for some minutes

_CRYPTO = frozenset({AssetType.CRYPTO})
_SETTLED = 10  # seconds: a row is final when its time is over; clocks differ by less


def _reach(interval: Interval) -> Reach:
    return Reach(
        endpoint="OHLC",
        asset_types=_CRYPTO,
        volume_scope=VolumeScope.VENUE,
        trades_alone=True,
        delay=_SETTLED,
        depth=_SURE_ROWS * interval.seconds,
        longest_span=_SURE_ROWS * interval.seconds,
    )


FACTS = Facts(
    name="kraken",
    title="Kraken",
    settings_prefix="KRAKEN",
    base_url="https://api.kraken.com",
    needs_key=False,
    limits=(Limit(1, 1),),
    reach={
        Capability.BARS_1M: _reach(Interval.M1),
        Capability.EOD: _reach(Interval.D1),
        Capability.QUOTES_L1: Reach(endpoint="Ticker", asset_types=_CRYPTO),
    },
    terms="Own use only, no redistribution.",
)

REST_SECONDS = 5.0
"""After "too many requests": calls are "restricted for a few seconds", longer for those who go on."""
LOCKED_SECONDS = 900.0
"""After "temporary lockout"."""
LONGEST_TEXT = 200
"""Characters of Kraken's own words that go into a fault."""

_THROTTLED = ("EAPI:Rate limit exceeded", "EGeneral:Too many requests", "EGeneral:Temporary lockout")
_MEANINGS: Mapping[str, type[Malformed | Unavailable | Unsupported]] = {
    "EQuery:Unknown asset": Unsupported,  # or "asset pair"
    "EService:": Unavailable,
    "EGeneral:Internal error": Unavailable,
}
"""What errors mean by how they begin; any other is not in the protocol."""

_ALIASES = {"BTC": "XBT", "DOGE": "XDG"}
_MARKS = ("", "X", "Z")
"""What may stand before a coin and a currency where pairs are named: asked for XBTUSD it tells XXBTZUSD."""

_Epoch = Annotated[int, msgspec.Meta(ge=0, le=10**11)]  # seconds; milliseconds would be beyond
_Prices = Annotated[list[str], msgspec.Meta(min_length=1)]
_T = TypeVar("_T")


class _Candle(msgspec.Struct, frozen=True, array_like=True):
    ts: _Epoch
    open: str
    high: str
    low: str
    close: str
    average: str  # weighted by volume
    volume: str
    # and how many trades


class _Candles(msgspec.Struct, frozen=True):
    result: dict[str, list[_Candle] | int]  # beside the pair stands `last`, the id of the newest final row


class _Ticker(msgspec.Struct, frozen=True):
    ask: _Prices = msgspec.field(name="a")  # price, volume in whole lots, volume
    bid: _Prices = msgspec.field(name="b")
    last: _Prices = msgspec.field(name="c")  # price, volume
    volume: Annotated[list[str], msgspec.Meta(min_length=2)] = msgspec.field(name="v")  # today, 24 hours


class _Tickers(msgspec.Struct, frozen=True):
    result: dict[str, _Ticker]


class _Told(msgspec.Struct, frozen=True):
    error: list[str]


def request(query: Query, account: Account) -> Request:
    """The GET for `query`, without any key. Raises Unsupported for all but crypto."""
    reach = FACTS.reach[query.capability]
    if query.asset_type not in reach.asset_types:
        raise Unsupported(f"it has no {query.asset_type} symbols")
    asked = {"pair": "".join(_pair(query.symbol))}
    if interval := query.capability.interval:
        # rows after `since`, or from it on: one row more is right either way; there is no end
        since = max(query.span.start - interval.seconds, 0)
        asked |= {"interval": str(interval.seconds // 60), "since": str(since)}
    return Request(f"{account.base_url}/0/public/{reach.endpoint}", asked)


def _pair(symbol: str) -> tuple[str, str]:
    """A pair's coin and currency as Kraken names them: of BTC-USD XBT and USD."""
    coin, _, currency = symbol.rpartition("-")
    return _ALIASES.get(coin, coin), _ALIASES.get(currency, currency)


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    if fault := _fault(response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _fault(response: Response) -> ProviderFault | None:
    body, text = response.body, _error(response)
    if response.status == 429 or any(mark in text for mark in _THROTTLED):
        rest = LOCKED_SECONDS if "lockout" in text else REST_SECONDS
        asked = retry_after(response)
        return Throttled(
            "too many requests from here", retry_after=rest if asked is None else asked, payload=body
        )
    if text:
        meant = next((fault for mark, fault in _MEANINGS.items() if text.startswith(mark)), Malformed)
        return meant(text, payload=body)
    if response.status == 403:  # whatever is asked for: there is no key whose plan could lack something
        return Refused("HTTP 403: nothing is let through from here", whole=True, payload=body)
    return fault_of(response)


def _error(response: Response) -> str:
    """The first error of a body, which mostly comes with HTTP 200; nothing where there is none.

    Warnings, which begin with W, come beside an answer. A server that is broken is not listened to.
    """
    if response.status >= 500:
        return ""
    try:
        told = read_json(response, _Told)
    except Malformed:  # read again as what was asked for, or a page of whatever is in between
        return ""
    return next((one[:LONGEST_TEXT] for one in told.error if not one.startswith("W")), "")


def _bars(query: Query, response: Response) -> Bars:
    told = read_json(response, _Candles).result
    rows = _of_pair(query, {name: one for name, one in told.items() if not isinstance(one, int)}, response)
    try:
        bars = bars_of((row.ts for row in rows), rows)
    except ValueError:
        raise Malformed("numbers that cannot be read", payload=response.body) from None
    if len(bars) >= KEPT_ROWS and query.span.end <= bars.ts.min():  # "nothing there" would be a lie
        raise Unsupported(f"its newest {KEPT_ROWS} rows do not reach back to it", payload=response.body)
    return bars.within(query.span)


def _quote(query: Query, response: Response) -> Quote:
    told = _of_pair(query, read_json(response, _Tickers).result, response)
    try:
        price, bid, ask = (float(one[0]) for one in (told.last, told.bid, told.ask))
        bid_size, ask_size, volume = float(told.bid[-1]), float(told.ask[-1]), float(told.volume[1])
    except ValueError:
        raise Malformed("a quote that cannot be read", payload=response.body) from None
    if price == 0:
        raise Unsupported("it is not traded", payload=response.body)
    return Quote(
        query.symbol,
        int(their_time(query, response)),  # no time is sent
        price,
        bid=bid or None,  # 0: nobody offers
        ask=ask or None,
        bid_size=bid_size if bid else None,
        ask_size=ask_size if ask else None,
        volume=volume,  # of the last 24 hours
    )


def _of_pair(query: Query, told: Mapping[str, _T], response: Response) -> _T:
    """What is told of the pair that was asked for, under any of its names."""
    coin, currency = _pair(query.symbol)
    names = {f"{one}{coin}{other}{currency}" for one in _MARKS for other in _MARKS}
    found = next((told[name] for name in told if name in names), None)
    if found is None:
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)
    return found
