"""Twelve Data: minutes, days and last prices of stocks, and prices of crypto, each call paid in credits."""

from datetime import UTC, datetime

import msgspec

from market_data.errors import Malformed, ProviderFault, Refused, Throttled, Unsupported
from market_data.market.bar import Adjustment, Bars, Quote, VolumeScope
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.market.spelling import class_share
from market_data.provider import (
    LARGEST_RETRY_AFTER,
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

_DAY = Interval.D1.seconds
_LISTED = frozenset({AssetType.EQUITY, AssetType.ETF})
CHEAP_ROWS = 390
"""A session of New York. A call of 1000 rows was charged 8 credits and more: all that a minute has."""
MOST_ROWS = 5000
"""Of an answer, whatever is paid."""

FACTS = Facts(
    name="twelvedata",
    title="Twelve Data",
    settings_prefix="TWELVE_DATA",
    base_url="https://api.twelvedata.com",
    needs_key=True,
    limits=(Limit(8, 60), Limit(800, _DAY)),  # credits: one a call, as long as it is of few rows
    reach={
        Capability.BARS_1M: Reach(
            endpoint="time_series",
            asset_types=_LISTED,  # rows of crypto have no volume
            adjustment=Adjustment.RAW,  # asked for; the default corrects for splits
            volume_scope=VolumeScope.UNKNOWN,  # 4 % of what is traded was seen
            delay=60,  # late prints: the shortest wait that is advised, because minutes are wanted fresh
            depth=6 * 365 * _DAY,  # since February 2020
            longest_span=CHEAP_ROWS * Interval.M1.seconds,
            early_and_late=False,  # `prepost` is for larger plans
        ),
        Capability.EOD: Reach(
            endpoint="time_series",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,
            volume_scope=VolumeScope.UNKNOWN,
            delay=4 * 3600,  # the day's volume grows until late trading is over
            longest_span=CHEAP_ROWS * _DAY,
        ),
        Capability.QUOTES_L1: Reach(endpoint="quote", asset_types=_LISTED | {AssetType.CRYPTO}),
    },
    terms="Internal, personal use only; no redistribution.",
)

_SPELLED_INTERVALS = {Capability.BARS_1M: "1min", Capability.EOD: "1day"}


class _Told(msgspec.Struct, frozen=True):
    status: str = ""
    code: int = 0
    message: str = ""


class _Meta(msgspec.Struct, frozen=True):
    symbol: str
    interval: str


class _Row(msgspec.Struct, frozen=True):
    datetime: str
    open: str
    high: str
    low: str
    close: str
    volume: str


class _Series(msgspec.Struct, frozen=True):
    meta: _Meta
    values: list[_Row]


class _Quote(msgspec.Struct, frozen=True):
    symbol: str
    close: str  # the last price, whether the market is open or not
    timestamp: int  # epoch seconds: of the day's bar
    last_quote_at: int | None = None  # and of its newest trade


def request(query: Query, account: Account) -> Request:
    """The GET for `query`. Raises Unsupported for indices, and for bars of crypto."""
    reach = FACTS.reach[query.capability]
    if query.asset_type not in reach.asset_types:
        raise Unsupported(f"it has no {query.capability} of {query.asset_type} symbols")
    headers = {
        "Authorization": f"apikey {account.key}"
    }  # not `apikey=`: URLs are logged by whatever is between
    asked = {"symbol": _spelled(query)}
    if query.capability is not Capability.QUOTES_L1:
        asked |= _window(query)
    return Request(f"{account.base_url}/{reach.endpoint}", asked, headers)


def _spelled(query: Query) -> str:
    """A symbol as it is written here: pairs with a slash (BTC/USD), class shares with a dot (BRK.B)."""
    if query.asset_type is AssetType.CRYPTO:
        return "/".join(query.symbol.rsplit("-", 1))
    share = class_share(query.symbol)
    return ".".join(share) if share else query.symbol


def _window(query: Query) -> dict[str, str]:
    """What says of bars which ones, in times of UTC.

    Whether `end_date` is inclusive depends on the interval: what opens at the end is left out here. More rows
    than there can be are not asked for: they are what is paid for.
    """
    span, interval, written = query.span, query.capability.interval or Interval.M1, "%Y-%m-%d %H:%M:%S"
    if interval is Interval.D1:
        span, written = Span(interval.floor(span.start), interval.floor(span.end - 1) + _DAY), "%Y-%m-%d"
    return {
        "interval": _SPELLED_INTERVALS[query.capability],
        "start_date": f"{moment(span.start):{written}}",
        "end_date": f"{moment(span.end):{written}}",
        "timezone": "UTC",
        "order": "ASC",
        "adjust": "none",
        "outputsize": str(min(span.seconds // interval.seconds + 2, MOST_ROWS)),
    }


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    told = _told(response)
    if told is not None and _says_none(told) and query.capability is not Capability.QUOTES_L1:
        return Bars.none()
    if fault := fault_of(response) if told is None else _fault(query, told, response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _told(response: Response) -> _Told | None:
    """The error in a body, whose HTTP status may be 200; None where there is none.

    A server that is broken is not listened to.
    """
    if response.status >= 500:
        return None
    try:
        told = read_json(response, _Told)
    except Malformed:  # read again as what was asked for, or a page of whatever is in between
        return None
    return told if told.status == "error" else None


def _says_none(told: _Told) -> bool:
    """Whether there are no bars there: of the market's nights and holidays that is told as an error."""
    text = told.message.lower()
    if told.code == 404:  # of symbols that are unknown, too
        return not _of_symbol(text)
    return told.code == 400 and "no data is available" in text


def _of_symbol(text: str) -> bool:
    return "symbol" in text or "figi" in text


def _fault(query: Query, told: _Told, response: Response) -> ProviderFault | None:
    """What an error amounts to. Its texts are not repeated, since some repeat the request."""
    text, body = told.message.lower(), response.body
    as_status = fault_of(Response(told.code, response.headers, body))
    match told.code:
        case 429:
            by_day = "for the day" in text
            what = "the credits of the day are spent" if by_day else "the credits of the minute are spent"
            rest = _rest(query, response, _DAY if by_day else 60)
            return Throttled(what, retry_after=rest, payload=body)
        case 400 | 403 | 404 if _of_symbol(text):
            # a 403 of a symbol that takes a larger plan says nothing of the others
            return Unsupported("it does not have the symbol, or not in its plan", payload=body)
        case 401:
            return Refused("the key is wrong or missing", whole=True, payload=body)
        case _:
            return as_status or Malformed("an error without a code", payload=body)


def _rest(query: Query, response: Response, window: int) -> float:
    """Seconds to the next minute or day of UTC, when credits are counted anew, by its own clock."""
    asked = retry_after(response)
    if asked is not None:
        return asked
    return min(max(window - their_time(query, response) % window, 1.0), LARGEST_RETRY_AFTER)


def _bars(query: Query, response: Response) -> Bars:
    told = read_json(response, _Series)
    _check_symbol(told.meta.symbol, query, response)
    if told.meta.interval != _SPELLED_INTERVALS[query.capability]:
        raise Malformed("rows of another interval", payload=response.body)
    read = _date if query.capability is Capability.EOD else _minute
    try:
        return bars_of((read(row.datetime) for row in told.values), told.values).within(query.span)
    except ValueError:
        raise Malformed("times or numbers that cannot be read", payload=response.body) from None


def _read(label: str, spelled: str) -> int:
    return int(datetime.strptime(label, spelled).replace(tzinfo=UTC).timestamp())


def _minute(label: str) -> int:
    """Epoch seconds of a wall time of UTC, which was asked for; that of the exchange would be the default."""
    return _read(label, "%Y-%m-%d %H:%M:%S")


def _date(label: str) -> int:
    """00:00 UTC of a date."""
    return _read(label, "%Y-%m-%d")


def _quote(query: Query, response: Response) -> Quote:
    told = read_json(response, _Quote)
    _check_symbol(told.symbol, query, response)
    try:
        price = float(told.close)
    except ValueError:
        raise Malformed("a quote that cannot be read", payload=response.body) from None
    # the volume is left out: it is of some exchanges
    return Quote(query.symbol, told.last_quote_at or told.timestamp, price)


def _check_symbol(told: str, query: Query, response: Response) -> None:
    if told != _spelled(query):
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)
