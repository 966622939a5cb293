"""Binance (spot): crypto without a key, complete from the first trade on. Its dollar is USDT, not USD."""

from typing import Annotated

import msgspec

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unsupported
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
)

PAGE_ROWS = 1000
"""The most rows of an answer; if unasked they are 500."""

_CRYPTO = frozenset({AssetType.CRYPTO})
_SETTLED = 10  # seconds: a row is final when its time is over; clocks differ by less


def _reach(interval: Interval) -> Reach:
    return Reach(
        endpoint="klines",
        asset_types=_CRYPTO,
        volume_scope=VolumeScope.VENUE,
        trades_alone=True,
        delay=_SETTLED,
        longest_span=PAGE_ROWS * interval.seconds,
    )


FACTS = Facts(
    name="binance",
    title="Binance (USD is USDT)",
    settings_prefix="BINANCE",
    base_url="https://data-api.binance.vision",  # the host for market data alone; in the US api.binance.us
    needs_key=False,
    limits=(Limit(3000, 60),),  # a weight of 6000 a minute, and each call here weighs 2
    reach={
        Capability.BARS_1M: _reach(Interval.M1),
        Capability.EOD: _reach(Interval.D1),
        Capability.QUOTES_L1: Reach(endpoint="ticker/24hr", asset_types=_CRYPTO),
    },
    terms="Own use only, no redistribution; refused in the US and in other restricted countries.",
)

REST_SECONDS = 60.0
"""After "too many requests" without a Retry-After: weights are counted by the minute."""
BAN_SECONDS = 120.0
"""After a ban without a Retry-After: the shortest; the longest lasts three days."""

_UNKNOWN_SYMBOL, _BAD_CHARACTERS, _TOO_MANY = -1121, -1100, -1003
_SPELLED_INTERVALS = {Capability.BARS_1M: "1m", Capability.EOD: "1d"}

_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=10**14)]  # microseconds would be beyond


class _Kline(msgspec.Struct, frozen=True, array_like=True):
    ts: _Milliseconds
    open: str
    high: str
    low: str
    close: str
    volume: str
    # and the close time, the volume in the quoted currency, and more


class _Ticker(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    last_price: str
    bid_price: str
    bid_qty: str
    ask_price: str
    ask_qty: str
    volume: str  # of the last 24 hours
    close_time: _Milliseconds  # when those end: the moment of the answer


class _Told(msgspec.Struct, frozen=True):
    code: int = 0
    text: str = msgspec.field(name="msg", default="")


def request(query: Query, account: Account) -> Request:
    """The GET for `query`, without any key. Raises Unsupported for all but crypto."""
    reach = FACTS.reach[query.capability]
    if query.asset_type not in reach.asset_types:
        raise Unsupported(f"it has no {query.asset_type} symbols")
    asked = {"symbol": _spelled(query.symbol)}
    if query.capability is not Capability.QUOTES_L1:
        asked |= {
            "interval": _SPELLED_INTERVALS[query.capability],
            # both ends are inclusive and mean when a row opens
            "startTime": str(query.span.start * 1000),
            "endTime": str(query.span.end * 1000 - 1),
            "limit": str(PAGE_ROWS),
            "timeZone": "0",  # days of UTC
        }
    return Request(f"{account.base_url}/api/v3/{reach.endpoint}", asked)


def _spelled(symbol: str) -> str:
    """A pair as Binance writes it: BTC-USD is BTCUSDT, for want of pairs with real dollars."""
    base, _, quoted = symbol.rpartition("-")
    return f"{base}{'USDT' if base and quoted == 'USD' else quoted}"


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    if fault := _fault(response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _fault(response: Response) -> ProviderFault | None:
    status, body, told = response.status, response.body, _told(response)
    if status == 418:  # whoever goes on after 429
        return Throttled("banned", retry_after=_rest(response, BAN_SECONDS), payload=body)
    if status == 429 or told.code == _TOO_MANY:
        return Throttled("too many requests", retry_after=_rest(response, REST_SECONDS), payload=body)
    if status == 451:
        return Refused("HTTP 451: not from this country", whole=True, payload=body)
    if status == 403:  # whatever is asked for
        return Refused("HTTP 403: its firewall lets nothing through from here", whole=True, payload=body)
    if told.code == _UNKNOWN_SYMBOL or (told.code == _BAD_CHARACTERS and "'symbol'" in told.text):
        return Unsupported("it does not know the symbol", payload=body)
    return fault_of(response)


def _told(response: Response) -> _Told:
    """The code and the text of an error."""
    if not 400 <= response.status < 500:
        return _Told()
    try:
        return read_json(response, _Told)
    except Malformed:  # a page of whatever is in between
        return _Told()


def _rest(response: Response, usual: float) -> float:
    asked = retry_after(response)
    return usual if asked is None else asked


def _bars(query: Query, response: Response) -> Bars:
    rows = read_json(response, list[_Kline])
    if any(row.ts % 1000 for row in rows):
        raise Malformed("rows that open within a second", payload=response.body)
    try:
        return bars_of((row.ts // 1000 for row in rows), rows).within(query.span)
    except ValueError:
        raise Malformed("numbers that cannot be read", payload=response.body) from None


def _quote(query: Query, response: Response) -> Quote:
    told = read_json(response, _Ticker)
    if told.symbol != _spelled(query.symbol):
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)
    try:
        price, bid, ask = float(told.last_price), float(told.bid_price), float(told.ask_price)
        bid_size, ask_size, volume = float(told.bid_qty), float(told.ask_qty), float(told.volume)
    except ValueError:
        raise Malformed("a quote that cannot be read", payload=response.body) from None
    if price == 0:
        raise Unsupported("it is not traded", payload=response.body)
    return Quote(
        query.symbol,
        told.close_time // 1000,
        price,
        bid=bid or None,  # 0: nobody offers
        ask=ask or None,
        bid_size=bid_size if bid else None,
        ask_size=ask_size if ask else None,
        volume=volume,
    )
