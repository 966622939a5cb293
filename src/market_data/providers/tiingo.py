"""Tiingo: minutes and reference prices of the IEX exchange, and days of all exchanges."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unsupported
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
    rest_of_day,
    retry_after,
    their_time,
)

_DAY = Interval.D1.seconds
_HOUR = 3600
_LISTED = frozenset({AssetType.EQUITY, AssetType.ETF})

FACTS = Facts(
    name="tiingo",
    title="Tiingo",
    settings_prefix="TIINGO",
    base_url="https://api.tiingo.com",
    needs_key=True,
    limits=(Limit(50, _HOUR), Limit(1000, _DAY)),  # and 500 symbols a month
    reach={
        Capability.BARS_1M: Reach(
            endpoint="iex/prices",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,
            volume_scope=VolumeScope.VENUE,  # IEX has 2 to 3 % of what is traded
            stock_venue="IEX",
            delay=60,  # late prints: the shortest wait that is advised, because minutes are wanted fresh
            depth=9 * 365 * _DAY,  # since August 2017
            # its days are asked for whole, so that two are touched at most: 2000 rows are surely answered
            longest_span=_DAY,
        ),
        Capability.EOD: Reach(
            endpoint="tiingo/daily",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,  # the adjusted prices stand beside them
            volume_scope=VolumeScope.CONSOLIDATED,
            delay=7 * _HOUR,  # exchanges correct a day until 20:00 in New York; half days close at 13:00
        ),
        Capability.QUOTES_L1: Reach(endpoint="iex", asset_types=_LISTED),
    },
    terms="Internal use only; no redistribution.",
)

MOST_TICKERS = 100
"""Symbols of one question: the URL stays well below what servers take."""

_NEW_YORK = ZoneInfo("America/New_York")
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Bar(msgspec.Struct, frozen=True):
    date: _Moment  # of a day midnight, in UTC
    open: float
    high: float
    low: float
    close: float
    volume: float


class _Top(msgspec.Struct, frozen=True, rename="camel"):
    ticker: str
    timestamp: _Moment
    last_sale_timestamp: _Moment | None = None
    last: float | None = None  # of who has an agreement with IEX, as are the offers
    tngo_last: float | None = None  # Tiingo's reference price
    bid_price: float | None = None
    ask_price: float | None = None


class _Told(msgspec.Struct, frozen=True):
    detail: str = ""


def request(query: Query, account: Account) -> Request:
    """The GET for `query`. Raises Unsupported for anything but listed stocks and funds."""
    if query.asset_type not in FACTS.reach[query.capability].asset_types:
        raise Unsupported(f"it has no {query.capability} of {query.asset_type} symbols")
    if query.capability is Capability.QUOTES_L1:
        return _request_tops([query], account)
    headers, symbol = _authorization(account), _spelled(query.symbol)
    # both dates are inclusive: of minutes those of New York's sessions, of days those of their labels
    zone = _NEW_YORK if query.capability is Capability.BARS_1M else UTC
    first, last = (moment(at).astimezone(zone).date() for at in (query.span.start, query.span.end - 1))
    asked = {"startDate": first.isoformat(), "endDate": last.isoformat()}
    path = quote(symbol, safe="")
    if query.capability is Capability.EOD:
        url = f"{account.base_url}/tiingo/daily/{path}/prices"
        return Request(url, {**asked, "resampleFreq": "daily"}, headers)
    columns = {"resampleFreq": "1min", "columns": "open,high,low,close,volume"}  # no volume if unasked
    hours = {"afterHours": "true", "forceFill": "false"}
    return Request(f"{account.base_url}/iex/{path}/prices", {**asked, **columns, **hours}, headers)


def _authorization(account: Account) -> dict[str, str]:
    """The key; not `token=`: URLs are logged by whatever is in between."""
    return {"Authorization": f"Token {account.key}"}


def _request_tops(queries: Sequence[Query], account: Account) -> Request:
    tickers = ",".join(_spelled(one.symbol) for one in queries)
    return Request(f"{account.base_url}/iex/", {"tickers": tickers}, _authorization(account))


def _spelled(symbol: str) -> str:
    """A symbol as Tiingo writes it: class shares with a dash (BRK-B)."""
    share = class_share(symbol)
    return "-".join(share) if share else symbol


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    if fault := _fault(query, response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _fault(query: Query, response: Response) -> ProviderFault | None:
    status, body, said = response.status, response.body, _said(response)
    if status == 429 or (status == 200 and "run over" in said):
        if "month" in said:  # 500 symbols: the calls for those that it has been asked for go on
            return Unsupported("the symbols of the month are spent", payload=body)
        what, rest = _spent(query, response, said)
        return Throttled(what, retry_after=rest, payload=body)
    if status == 403 and "token" in said:  # keys that are wrong are told so
        return Refused("HTTP 403: the key is wrong", whole=True, payload=body)
    return fault_of(response)


def _said(response: Response) -> str:
    """What a refusal says in lower case; older servers say it in plain text, with HTTP 200."""
    if response.status not in {200, 403, 429} or response.body.lstrip().startswith(b"["):
        return ""
    try:
        return read_json(response, _Told).detail.lower()
    except Malformed:
        return response.body.decode("utf-8", "replace").lower()


def _spent(query: Query, response: Response, said: str) -> tuple[str, float | None]:
    """Which calls are spent, and the seconds until there are more, by its own clock: it does not say."""
    asked = retry_after(response)
    if "hourly" in said:
        rest = _HOUR - their_time(query, response) % _HOUR
        return "the calls of the hour are spent", rest if asked is None else asked
    if "daily" in said:
        # when they are renewed is nowhere said; midnight of UTC or of New York is assumed, and this is the
        # later of the two: if they are not by then, the next call hears so and rests again
        rest = rest_of_day(their_time(query, response), _NEW_YORK)
        return "the calls of the day are spent", rest if asked is None else asked
    return "too many requests", asked


def _bars(query: Query, response: Response) -> Bars:
    rows = read_json(response, list[_Bar])
    return bars_of((_second(row.date) for row in rows), rows).within(query.span)


def _quote(query: Query, response: Response) -> Quote:
    told = read_json(response, list[_Top])
    if not told:
        raise Unsupported("an unknown symbol", payload=response.body)
    top = next((one for one in told if one.ticker.upper() == _spelled(query.symbol)), None)
    if top is None:
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)
    if (quote := _last_price(query, top)) is None:
        raise Unsupported("it has no price of this symbol", payload=response.body)
    return quote


def _parse_tops(queries: Sequence[Query], response: Response) -> dict[str, Quote]:
    """Their last prices, by symbol; a symbol that Tiingo does not know is left out without a word."""
    if fault := _fault(queries[0], response):
        raise fault
    asked = {_spelled(one.symbol): one for one in queries}
    tops = [
        (asked[one.ticker.upper()], one)
        for one in read_json(response, list[_Top])
        if one.ticker.upper() in asked
    ]
    found = (_last_price(query, top) for query, top in tops)
    return {quote.symbol: quote for quote in found if quote is not None}


def _last_price(query: Query, top: _Top) -> Quote | None:
    if top.last is not None:
        price, at = top.last, top.last_sale_timestamp or top.timestamp
    elif top.tngo_last is not None:
        price, at = top.tngo_last, top.timestamp
    else:
        return None
    # whose trades the volume counts is not told, nor the unit of the sizes
    return Quote(query.symbol, _second(at), price, bid=top.bid_price or None, ask=top.ask_price or None)


def _second(at: datetime) -> int:
    return int(at.timestamp())


BATCH = Batch("iex", MOST_TICKERS, _LISTED, _request_tops, _parse_tops)
