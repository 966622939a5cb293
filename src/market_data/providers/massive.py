"""Massive (once Polygon.io): consolidated minutes and days, on a free key of all but the running day."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unavailable, Unsupported
from market_data.market.bar import Adjustment, Bars, Quote, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import moment
from market_data.market.spelling import class_share
from market_data.provider import (
    Account,
    Answer,
    Batch,
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

_DAY = Interval.D1.seconds
_LISTED = frozenset({AssetType.EQUITY, AssetType.ETF})  # indices and crypto are plans of their own
_ZONE = "America/New_York"
_DEPTH = (2 * 365 - 1) * _DAY  # "2 years"; what is older is refused, so a day less

FACTS = Facts(
    name="massive",
    title="Massive",
    settings_prefix="MASSIVE",
    base_url="https://api.massive.com",
    needs_key=True,
    limits=(Limit(5, 60),),
    reach={
        Capability.BARS_1M: Reach(
            endpoint="aggs/minute",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,  # asked for; the default corrects for splits
            volume_scope=VolumeScope.CONSOLIDATED,
            trades_alone=True,
            delay=_DAY,  # a day's minutes are told from the next midnight on: the first is then 20 h old
            depth=_DEPTH,
            longest_span=30 * _DAY,  # 43,200 minutes by the clock: one page, which holds 50,000
            today_in=_ZONE,
        ),
        Capability.EOD: Reach(
            endpoint="aggs/day",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,
            volume_scope=VolumeScope.CONSOLIDATED,
            trades_alone=True,
            delay=12 * 3600,  # the next midnight; half days close 11 h before it
            depth=_DEPTH,
            today_in=_ZONE,
        ),
        Capability.QUOTES_L1: Reach(endpoint="snapshot", asset_types=_LISTED, premium=True),
    },
    terms="Individual plans are for personal, non-professional use; no redistribution.",
)

PAGE_ROWS = 50_000
"""The most rows that a page may have; if unasked they are 5000."""
MOST_SNAPSHOTS = 100
"""Symbols of one question: the URL stays well below what servers take."""
RATE_WINDOW = 60
"""Seconds: calls are counted by the minute."""

_NEW_YORK = ZoneInfo(_ZONE)
_SPELLED_INTERVALS = {Capability.BARS_1M: "minute", Capability.EOD: "day"}
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=10**14)]
_Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=9 * 10**18)]


class _Bar(msgspec.Struct, frozen=True):
    ts: _Milliseconds = msgspec.field(name="t")
    open: float = msgspec.field(name="o")
    high: float = msgspec.field(name="h")
    low: float = msgspec.field(name="l")
    close: float = msgspec.field(name="c")
    volume: float = msgspec.field(name="v")


class _Page(msgspec.Struct, frozen=True):
    status: str
    ticker: str | None = None  # not there, or null, if there are no results
    count: int | None = msgspec.field(name="resultsCount", default=None)
    results: list[_Bar] | None = None
    next_url: str | None = None


class _Trade(msgspec.Struct, frozen=True):
    price: float = msgspec.field(name="p")
    ts: _Nanoseconds = msgspec.field(name="t")


class _Offers(msgspec.Struct, frozen=True):
    ask: float = msgspec.field(name="P", default=0.0)  # capital letters are the ask's
    bid: float = msgspec.field(name="p", default=0.0)


class _SoFar(msgspec.Struct, frozen=True):
    close: float = msgspec.field(name="c", default=0.0)


class _Snapshot(msgspec.Struct, frozen=True, rename="camel"):
    ticker: str
    updated: _Nanoseconds = 0
    day: _SoFar = _SoFar()
    last_trade: _Trade | None = None  # of larger plans, as are the offers
    last_quote: _Offers | None = None


class _Snapshots(msgspec.Struct, frozen=True):
    status: str
    tickers: list[_Snapshot] | None = None


class _Told(msgspec.Struct, frozen=True):
    message: str = ""


def request(query: Query, account: Account) -> Request:
    """The GET for `query`. Raises Unsupported for anything but listed stocks and funds."""
    if query.asset_type not in FACTS.reach[query.capability].asset_types:
        raise Unsupported(f"it has no {query.capability} of {query.asset_type} symbols")
    if query.capability is Capability.QUOTES_L1:
        return _request_snapshots([query], account)
    symbol = _spelled(query.symbol)
    path = f"v2/aggs/ticker/{quote(symbol, safe='')}/range/1/{_SPELLED_INTERVALS[query.capability]}"
    asked = {"adjusted": "false", "sort": "asc", "limit": str(PAGE_ROWS)}
    return Request(f"{account.base_url}/{path}/{_window(query)}", asked, _authorization(account))


def _authorization(account: Account) -> dict[str, str]:
    """The key; not `apiKey=`: URLs are logged by whatever is in between."""
    return {"Authorization": f"Bearer {account.key}"}


def _request_snapshots(queries: Sequence[Query], account: Account) -> Request:
    url = f"{account.base_url}/v2/snapshot/locale/us/markets/stocks/tickers"
    tickers = ",".join(_spelled(one.symbol) for one in queries)
    return Request(url, {"tickers": tickers}, _authorization(account))


def _window(query: Query) -> str:
    """From and to, both inclusive: of minutes milliseconds, of days the dates that they are labelled with."""
    start, last = query.span.start, query.span.end - 1
    if query.capability is Capability.EOD:
        return f"{moment(start):%Y-%m-%d}/{moment(last):%Y-%m-%d}"
    return f"{start * 1000}/{last * 1000 + 999}"


def _spelled(symbol: str) -> str:
    """A symbol as Massive writes it: class shares with a dot (BRK.B)."""
    share = class_share(symbol)
    return ".".join(share) if share else symbol


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    if fault := _fault(query, response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _fault(query: Query, response: Response) -> ProviderFault | None:
    if response.status == 429:
        rest = _to_next_minute(query, response)
        return Throttled("the calls of the minute are spent", retry_after=rest, payload=response.body)
    if response.status == 403 and "timeframe" in _said(response):
        # too old for its plan, or too new by its clock: the rest of the series is not refused
        return Unsupported("HTTP 403: not of this time in its plan", payload=response.body)
    if response.status in {413, 499}:  # its own client asks again after these
        return Unavailable(f"HTTP {response.status}", payload=response.body)
    return fault_of(response)


def _said(response: Response) -> str:
    """The message of a refusal in lower case; nothing where there is none."""
    try:
        return read_json(response, _Told).message.lower()
    except Malformed:  # a page of whatever is in between
        return ""


def _to_next_minute(query: Query, response: Response) -> float:
    """Seconds to rest, by its own clock: Massive sends no Retry-After."""
    asked = retry_after(response)
    return max(RATE_WINDOW - their_time(query, response) % RATE_WINDOW, 1.0) if asked is None else asked


def _bars(query: Query, response: Response) -> Bars:
    page = read_json(response, _Page)
    _check_status(page.status, response)
    rows = page.results or []
    if rows or page.count != 0 or page.ticker is not None:
        _check_symbol(page.ticker, query, response)
    if page.next_url:  # rows would be lost: every span that is asked for fits into one page
        raise Malformed("more rows than a page has", payload=response.body)
    if any(row.ts % 1000 for row in rows):
        raise Malformed("rows that open within a second", payload=response.body)
    ts = (row.ts // 1000 for row in rows)
    labels = map(_date, ts) if query.capability is Capability.EOD else ts
    return bars_of(labels, rows).within(query.span)


def _date(at: int) -> int:
    """00:00 UTC of a daily row's date: it is stamped with midnight in New York."""
    local = datetime.fromtimestamp(at, _NEW_YORK)
    return int(local.replace(hour=0, minute=0, second=0, tzinfo=UTC).timestamp())


def _quote(query: Query, response: Response) -> Quote:
    told = read_json(response, _Snapshots)
    _check_status(told.status, response)
    if not told.tickers:
        raise Unsupported("an unknown symbol", payload=response.body)
    found = told.tickers[0]
    _check_symbol(found.ticker, query, response)
    if (quote := _last_price(query, found)) is None:
        raise Unsupported("nothing of it was traded today", payload=response.body)
    return quote


def _parse_snapshots(queries: Sequence[Query], response: Response) -> dict[str, Quote]:
    """Their last prices, by symbol; a symbol that Massive does not know is left out without a word."""
    if fault := _fault(queries[0], response):
        raise fault
    told = read_json(response, _Snapshots)
    _check_status(told.status, response)
    asked = {_spelled(one.symbol): one for one in queries}
    known = (one for one in told.tickers or () if one.ticker in asked)
    found = (_last_price(asked[one.ticker], one) for one in known)
    return {quote.symbol: quote for quote in found if quote is not None}


def _last_price(query: Query, told: _Snapshot) -> Quote | None:
    trade, offers = told.last_trade, told.last_quote or _Offers()
    price, at = (trade.price, trade.ts) if trade else (told.day.close, told.updated)
    if not (price and at):  # from the early morning, when the day is begun anew, to its first trade
        return None
    # 0: nobody offers; sizes are left out: of shares or of hundreds of them is not told
    return Quote(query.symbol, at // 10**9, price, bid=offers.bid or None, ask=offers.ask or None)


def _check_status(told: str, response: Response) -> None:
    """Raise what a status in a 200 amounts to. DELAYED are the bars of a plan that comes a quarter late."""
    if told == "NOT_AUTHORIZED":
        raise Refused("not of its plan", whole=False, payload=response.body)
    if told not in {"OK", "DELAYED"}:
        raise Malformed("neither OK nor DELAYED", payload=response.body)


def _check_symbol(told: str | None, query: Query, response: Response) -> None:
    if told != _spelled(query.symbol):
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)


BATCH = Batch("snapshot", MOST_SNAPSHOTS, _LISTED, _request_snapshots, _parse_snapshots)
