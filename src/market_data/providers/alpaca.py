"""Alpaca: minutes of the IEX exchange as they happen, days of all exchanges, and crypto on its own venue."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unsupported
from market_data.market.bar import Adjustment, Bars, Quote, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.market.spelling import class_share
from market_data.provider import (
    Account,
    Answer,
    Batch,
    Facts,
    Limit,
    Page,
    Query,
    Reach,
    Request,
    Response,
    bars_of,
    fault_of,
    read_json,
    rest_until_reset,
)

_DAY = Interval.D1.seconds
_LISTED = frozenset({AssetType.EQUITY, AssetType.ETF})  # there are no indices
_TRADED = _LISTED | {AssetType.CRYPTO}
_DEPTH = 10 * 365 * _DAY  # "since 2016"

FACTS = Facts(
    name="alpaca",
    title="Alpaca",
    settings_prefix="ALPACA",
    base_url="https://data.alpaca.markets",
    needs_key=True,  # crypto would do without, at a lower rate
    limits=(Limit(200, 60),),
    reach={
        Capability.BARS_1M: Reach(
            endpoint="bars",
            asset_types=_TRADED,
            adjustment=Adjustment.RAW,  # asked for, so that a later split changes no bar
            volume_scope=VolumeScope.VENUE,  # IEX has 2 to 3 % of what is traded; crypto is Alpaca's own
            stock_venue="IEX",
            delay=60,  # a bar that late trades change is told anew half a minute after its end
            depth=_DEPTH,
            longest_span=6 * _DAY,  # 8640 minutes of crypto: one page, which holds 10,000
        ),
        Capability.EOD: Reach(
            endpoint="bars",
            asset_types=_LISTED,  # the days of its crypto begin at midnight in Chicago
            adjustment=Adjustment.RAW,
            volume_scope=VolumeScope.CONSOLIDATED,
            delay=4 * 3600 + 1800,  # late trading, and the quarter of an hour that free keys are held back
            depth=_DEPTH,
            longest_span=9000 * _DAY,
        ),
        Capability.QUOTES_L1: Reach(endpoint="snapshots", asset_types=_TRADED),
    },
    terms="Personal, non-commercial use only; no redistribution.",
)

MOST_SNAPSHOTS = 100
"""Symbols of one question: the URL stays well below what servers take."""
PAGE_ROWS = 10_000
"""The most rows that a page may have; if unasked they are 1000."""
HELD_BACK = 16 * 60
"""Seconds: free keys are refused the newest 15 minutes of all exchanges; a minute for clocks that differ."""
RATE_WINDOW = 60.0
"""Seconds: a spent budget is whole again after at most this."""

_NEW_YORK = ZoneInfo("America/New_York")
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Bar(msgspec.Struct, frozen=True):
    ts: _Moment = msgspec.field(name="t")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    volume: float = msgspec.field(name="v")


class _Page(msgspec.Struct, frozen=True):
    bars: dict[str, list[_Bar] | None] | None
    next_page_token: str | None = None


class _Trade(msgspec.Struct, frozen=True):
    ts: _Moment = msgspec.field(name="t")
    price: float = msgspec.field(name="p")


class _Offers(msgspec.Struct, frozen=True):
    bid: float = msgspec.field(name="bp", default=0.0)
    ask: float = msgspec.field(name="ap", default=0.0)


class _Snapshot(msgspec.Struct, frozen=True, rename="camel"):
    latest_trade: _Trade | None = None
    latest_quote: _Offers | None = None


class _CryptoSnapshots(msgspec.Struct, frozen=True):
    snapshots: dict[str, _Snapshot | None]


class _Told(msgspec.Struct, frozen=True):
    message: str = ""


def request(query: Query, account: Account) -> Request:
    """The GET for `query`. Raises Unsupported for indices and days of crypto, Refused without a secret."""
    reach = FACTS.reach[query.capability]
    if query.asset_type not in reach.asset_types:
        raise Unsupported(f"it has no {query.capability} of {query.asset_type} symbols")
    if not account.secret:  # what Alpaca says is only that the key is wrong
        raise Refused(f"{FACTS.settings_prefix}_SECRET is not set", whole=True)
    crypto = query.asset_type is AssetType.CRYPTO
    url = f"{account.base_url}/{'v1beta3/crypto/us' if crypto else 'v2/stocks'}/{reach.endpoint}"
    asked = {"symbols": _spelled(query)}
    if query.capability is not Capability.QUOTES_L1:
        asked |= _window(query)
    if not crypto:  # the feed that is used if none is named depends on the plan
        asked |= {"feed": "sip" if query.capability is Capability.EOD else "iex"}
    if not crypto and query.capability is not Capability.QUOTES_L1:
        asked |= {"adjustment": "raw"}
    headers = {"APCA-API-KEY-ID": account.key, "APCA-API-SECRET-KEY": account.secret}
    return Request(url, asked, headers)


def _spelled(query: Query) -> str:
    """A symbol as Alpaca writes it: pairs with a slash (BTC/USD), class shares with a dot (BRK.B)."""
    if query.asset_type is AssetType.CRYPTO:
        return "/".join(query.symbol.rsplit("-", 1))
    share = class_share(query.symbol)
    return ".".join(share) if share else query.symbol


def _window(query: Query) -> dict[str, str]:
    """What says of bars which ones; `end` is inclusive, so a second less."""
    span, timeframe = query.span, "1Min"
    if query.capability is Capability.EOD:
        timeframe, span = "1Day", _settled_days(query)
    return {
        "timeframe": timeframe,
        "start": f"{moment(span.start):%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{moment(span.end - 1):%Y-%m-%dT%H:%M:%SZ}",
        "limit": str(PAGE_ROWS),
        "sort": "asc",
        **({"page_token": query.page} if query.page else {}),
    }


def _settled_days(query: Query) -> Span:
    """Whole days, as far as they are not held back: a row is stamped with New York's midnight of its day.

    Where all of it is held back, a second is asked for in which no row is: a refusal would cordon all days.
    """
    start, end = Interval.D1.floor(query.span.start), Interval.D1.floor(query.span.end - 1) + _DAY
    end = min(end, int(query.now) - HELD_BACK)
    return Span(min(start, end - 1), end)


def parse(query: Query, response: Response) -> Answer | Page:
    """The bars within the span, a page of them, or the last trade; raises the fault that `response` is."""
    if fault := _fault(query, response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _fault(query: Query, response: Response) -> ProviderFault | None:
    said = _said(response)
    if response.status == 429:
        rest = rest_until_reset(query, response, RATE_WINDOW)
        return Throttled("the calls of its plan are spent", retry_after=rest, payload=response.body)
    if response.status == 403 and "forbidden" in said:  # keys that are wrong are told so, or by 401
        return Refused("HTTP 403: the key or its secret is wrong", whole=True, payload=response.body)
    if response.status == 403 and "subscription" in said:
        return Refused("HTTP 403: not of its plan", whole=False, payload=response.body)
    if response.status in {400, 422} and "symbol" in said:
        return Unsupported(f"HTTP {response.status}: it does not know the symbol", payload=response.body)
    return fault_of(response)


def _said(response: Response) -> str:
    """The message of an error in lower case; nothing where there is none."""
    if response.status not in {400, 403, 422}:
        return ""
    try:
        return read_json(response, _Told).message.lower()
    except Malformed:  # a page of whatever is in between
        return ""


def _bars(query: Query, response: Response) -> Bars | Page:
    page = read_json(response, _Page)
    told = page.bars or {}
    _check_symbol(query, told, response)
    rows = told.get(_spelled(query)) or []
    read = _date if query.capability is Capability.EOD else _second
    bars = bars_of((read(row.ts) for row in rows), rows).within(query.span)
    # a page may have fewer rows than it has room for, even none, and not be the last
    return Page(bars, page.next_page_token) if page.next_page_token else bars


def _quote(query: Query, response: Response) -> Quote:
    told = _snapshots(query, response)
    _check_symbol(query, told, response)
    found = _last(query, told)
    if found is None:
        raise Unsupported("an unknown symbol, or never traded there", payload=response.body)
    return found


def _snapshots(query: Query, response: Response) -> Mapping[str, _Snapshot | None]:
    if query.asset_type is AssetType.CRYPTO:
        return read_json(response, _CryptoSnapshots).snapshots
    return read_json(response, dict[str, _Snapshot | None])


def _last(query: Query, told: Mapping[str, _Snapshot | None]) -> Quote | None:
    found = told.get(_spelled(query))
    if found is None or found.latest_trade is None:
        return None
    trade, offers = found.latest_trade, found.latest_quote or _Offers()
    # 0: nobody offers. Sizes are left out: of shares or of hundreds of them is not told; so is the volume,
    # which is one exchange's
    return Quote(query.symbol, _second(trade.ts), trade.price, bid=offers.bid or None, ask=offers.ask or None)


def _second(at: datetime) -> int:
    return int(at.timestamp())


def _date(at: datetime) -> int:
    """00:00 UTC of a daily row's date: it is stamped with midnight in New York."""
    try:
        local = at.astimezone(_NEW_YORK)
    except OverflowError:  # of the first or the last day that there is
        local = at
    return int(datetime(local.year, local.month, local.day, tzinfo=UTC).timestamp())


def _check_symbol(query: Query, told: Mapping[str, object], response: Response) -> None:
    """Raise Malformed if only others are told of; a symbol that is unknown is told of by nothing."""
    if told and _spelled(query) not in told:
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)


def _request_many(queries: Sequence[Query], account: Account) -> Request:
    """The GET for the last trades of several symbols: that of one, with all of their names."""
    one = request(queries[0], account)
    return Request(one.url, {**one.params, "symbols": ",".join(map(_spelled, queries))}, one.headers)


def _parse_many(queries: Sequence[Query], response: Response) -> dict[str, Quote]:
    """Their last trades, by symbol."""
    if fault := _fault(queries[0], response):
        raise fault
    told = _snapshots(queries[0], response)
    return {one.symbol: found for one in queries if (found := _last(one, told))}


BATCH = Batch("snapshots", MOST_SNAPSHOTS, _TRADED, _request_many, _parse_many)
