"""Yahoo Finance (unofficial): minutes, days and last prices of nearly everything, all from the v8 chart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, NoReturn
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from market_data.errors import Malformed, Throttled, Unavailable, Unsupported
from market_data.market.bar import (
    Adjustment,
    Bars,
    Mask,
    Numbers,
    Quote,
    Split,
    Splits,
    Times,
    VolumeScope,
)
from market_data.market.capability import Capability
from market_data.market.digits import shortest
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.market.spelling import class_share
from market_data.provider import (
    Account,
    Answer,
    Batch,
    Facts,
    Lane,
    Limit,
    Query,
    Reach,
    Request,
    Response,
    fault_of,
    read_json,
    retry_after,
)

_ALL = frozenset(AssetType)

FACTS = Facts(
    name="yahoo",
    title="Yahoo Finance",
    settings_prefix="YAHOO",
    base_url="https://query2.finance.yahoo.com",
    needs_key=False,
    limits=(Limit(5, 5), Limit(300, 3600)),  # nothing is published; blocks were seen from 360 an hour
    reach={
        Capability.BARS_1M: Reach(
            endpoint="v8/finance/chart",
            asset_types=_ALL,
            adjustment=Adjustment.SPLIT,  # whatever is asked for
            volume_scope=VolumeScope.UNKNOWN,
            zero_is_unknown=True,  # 0 in early and late trading, and in the first row of any answer
            delay=60,  # last sale in real time; a minute for late prints
            depth=29 * 86_400,  # 29 days were answered, 30 were not
            longest_span=7 * 86_400,  # 8 are allowed; a day is left for how they are counted
        ),
        Capability.EOD: Reach(
            endpoint="v8/finance/chart",
            asset_types=_ALL,
            adjustment=Adjustment.SPLIT,
            volume_scope=VolumeScope.CONSOLIDATED,  # recorded days have the tape's totals
            delay=4 * 3600,  # the newest day changes until late trading is over
        ),
        Capability.QUOTES_L1: Reach(endpoint="v8/finance/chart", asset_types=_ALL),
    },
    terms="Unofficial, for personal use: its terms forbid automated collection and redistribution.",
    lane=Lane.BROWSER,  # other clients are throttled at their first request; its own headers go with it
)

REST_SECONDS = 180.0
"""After "too many requests": Yahoo never says for how long; the shortest block that was seen."""
LONGEST_DESCRIPTION = 200
"""Characters of Yahoo's own words that go into a fault."""

_DAY = Interval.D1.seconds
_EARLIER = Interval.M1.seconds
"""Seconds before the span from which minutes are asked for: the first row of any answer has the volume 0."""
_EARLIEST_OPEN = _DAY // 2
"""Seconds before 00:00 UTC of its date at which a session may open: Sydney's does so at 23:00."""
_NEWEST = {Capability.BARS_1M: 3600, Capability.EOD: _DAY}
"""Seconds: a question that ends so near to now asks for a day beyond it, to include today's splits."""
_SPELLED = {Capability.BARS_1M: "1m", Capability.EOD: "1d"}

MOST_SPARKS = 20
"""Symbols of one spark: 21 are refused."""

_Epoch = Annotated[int, msgspec.Meta(ge=-(10**10), le=10**11)]  # seconds; days before 1970 are negative
_Column = list[float | None]


class _Told(msgspec.Struct, frozen=True):
    code: str = ""
    description: str = ""


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    data_granularity: str | None = None
    exchange_timezone_name: str | None = None
    regular_market_price: float | None = None
    regular_market_time: _Epoch | None = None
    regular_market_volume: float | None = None


class _Columns(msgspec.Struct, frozen=True):
    open: _Column | None = None
    high: _Column | None = None
    low: _Column | None = None
    close: _Column | None = None
    volume: _Column | None = None


class _Indicators(msgspec.Struct, frozen=True):
    quote: Annotated[list[_Columns], msgspec.Meta(min_length=1)]


class _Result(msgspec.Struct, frozen=True):
    meta: _Meta
    indicators: _Indicators
    timestamp: list[_Epoch] | None = None
    events: msgspec.Raw = msgspec.Raw(b"null")


class _Split(msgspec.Struct, frozen=True):
    date: _Epoch
    numerator: Annotated[float, msgspec.Meta(gt=0)]
    denominator: Annotated[float, msgspec.Meta(gt=0)]


class _Events(msgspec.Struct, frozen=True):
    splits: dict[str, _Split] | None = None


class _Chart(msgspec.Struct, frozen=True):
    result: Annotated[list[_Result], msgspec.Meta(min_length=1)]


class _Answered(msgspec.Struct, frozen=True):
    chart: _Chart


class _Spark(msgspec.Struct, frozen=True):
    symbol: str
    response: Annotated[list[_Result], msgspec.Meta(min_length=1)]


class _Sparks(msgspec.Struct, frozen=True):
    result: list[_Spark] | None = None


class _Flat(msgspec.Struct, frozen=True):
    timestamp: list[_Epoch] | None = None
    close: _Column | None = None


class _Sparkled(msgspec.Struct, frozen=True):
    spark: _Sparks


class _Failure(msgspec.Struct, frozen=True):
    error: _Told | None = None


class _Failed(msgspec.Struct, frozen=True):
    chart: _Failure = _Failure()
    finance: _Failure = _Failure()
    spark: _Failure = _Failure()


def request(query: Query, account: Account) -> Request:
    """The GET for `query`; every asset type is known here."""
    url = f"{account.base_url}/v8/finance/chart/{quote(_spelled(query.symbol), safe='')}"
    if query.capability is Capability.QUOTES_L1:
        # the CDN answers the same URL with the same bytes for a minute and more
        newest = {"range": "1d", "interval": "1m", "_": str(int(query.now))}
        return Request(url, newest, {"Cache-Control": "no-cache"})
    window = _window(query)
    # `period2` acts inclusive; a second less is right either way
    periods = {"period1": str(window.start), "period2": str(window.end - 1)}
    spelled = {"interval": _SPELLED[query.capability], "includePrePost": "true", "events": "split"}
    return Request(url, periods | spelled)


def _window(query: Query) -> Span:
    """What Yahoo is asked for: at least the question's span."""
    start, end = query.span.start - _EARLIER, query.span.end
    if query.capability is Capability.EOD:  # rows are stamped with the session's open, anywhere in its day
        start, end = Interval.D1.floor(query.span.start) - _EARLIEST_OPEN, Interval.D1.floor(end - 1) + _DAY
    if end > query.now - _NEWEST[query.capability]:
        end = max(end, int(query.now) + _DAY)
    return Span(start, end)


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, or the last price; raises the ProviderFault that `response` amounts to."""
    if response.status in {429, 999}:
        raise _throttled(response)
    _read_page(response)
    told = _told(response)
    if told is not None and "Data doesn't exist" in told.description:
        if query.capability is Capability.QUOTES_L1:
            raise Unsupported("it has no price of this symbol", payload=response.body)
        return Bars.none()
    if told is not None:
        _fail(told, response)
    if fault := fault_of(response):
        raise fault
    result = read_json(response, _Answered).chart.result[0]
    if _spelled(result.meta.symbol) != _spelled(query.symbol):
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)
    if query.capability is Capability.QUOTES_L1:
        return _quote(query, result.meta, response)
    return replace(_bars(query, result, response), splits=_splits(query, result))


def _splits(query: Query, result: _Result) -> Splits | None:
    """The splits in the window that was asked for; None where they cannot be read."""
    try:
        zone = ZoneInfo(result.meta.exchange_timezone_name or "")
        events = msgspec.json.decode(result.events, type=_Events | None, strict=True)
    except (ValueError, LookupError, OSError, msgspec.DecodeError):
        return None
    found = (events.splits if events else None) or {}
    told = [
        Split(_midnight(datetime.fromtimestamp(one.date, zone)), one.numerator / one.denominator)
        for one in found.values()
    ]
    return Splits(_window(query), tuple(sorted(told)))


def _midnight(local: datetime) -> int:
    """00:00 UTC of a local date."""
    return int(local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC).timestamp())


def _spelled(symbol: str) -> str:
    """A symbol as Yahoo writes it: class shares with a dash (BRK-B), exchanges with a dot (OCDO.L)."""
    share = class_share(symbol)
    return "-".join(share) if share else symbol


def _read_page(response: Response) -> None:
    """Raise what a body that is not JSON says; statuses cannot be relied on there."""
    text = response.body.lstrip().lower()
    if text.startswith((b"{", b"[")):
        return
    if b"too many requests" in text:
        raise _throttled(response)
    if b"will be right back" in text:
        raise Unavailable("it is being maintained", payload=response.body)


def _throttled(response: Response) -> Throttled:
    asked = retry_after(response)
    rest = REST_SECONDS if asked is None else asked
    return Throttled("too many requests from here", retry_after=rest, payload=response.body)


def _told(response: Response) -> _Told | None:
    """What the body's error says, None where it has none; a server that is broken is not listened to."""
    if response.status >= 500:
        return None
    try:
        body = read_json(response, _Failed)
    except Malformed:
        return None
    return body.chart.error or body.finance.error or body.spark.error


def _fail(told: _Told, response: Response) -> NoReturn:
    detail = f"{told.code}: {told.description}"[:LONGEST_DESCRIPTION]
    if "Too Many Requests" in detail:
        raise _throttled(response)
    if response.status in {404, 422} or told.code in {"Not Found", "Unprocessable Entity"}:
        raise Unsupported(detail, payload=response.body)
    raise fault_of(response) or Unavailable(detail, payload=response.body)


def _quote(query: Query, meta: _Meta, response: Response) -> Quote:
    price, at = meta.regular_market_price, meta.regular_market_time
    if price is None or at is None:
        raise Malformed("a chart without a last price", payload=response.body)
    return Quote(query.symbol, at, _meant(price), volume=meta.regular_market_volume)


def _bars(query: Query, result: _Result, response: Response) -> Bars:
    meta, told, stamps = result.meta, result.indicators.quote[0], result.timestamp or []
    columns = (told.open, told.high, told.low, told.close, told.volume)
    if not stamps and not any(columns):
        return Bars.none()
    if meta.data_granularity not in {None, _SPELLED[query.capability]}:
        raise Malformed(f"rows of {meta.data_granularity}", payload=response.body)
    whole = [column for column in columns if column is not None and len(column) == len(stamps)]
    if len(whole) < len(columns):
        raise Malformed("columns and times of unequal length", payload=response.body)
    table: Numbers = np.array(whole, np.float64)  # null becomes NaN
    told_whole: Mask = np.asarray(~np.isnan(table[:4]).any(axis=0))
    # Yahoo tells 0 where it does not know a volume, so a null beside four prices means that too: to drop the
    # row would lose the prices, and make a gap that is asked for again and again
    volume = np.where(np.isnan(table[4]), 0.0, table[4])
    ts = np.array(stamps, np.int64)
    if query.capability is Capability.EOD:
        ts, keep = _days(ts, told_whole, meta, response)
    else:
        keep = told_whole & (ts % Interval.M1.seconds == 0)  # off the grid is the last trade, not a bar
    keep &= (ts >= query.span.start) & (ts < query.span.end)
    numbers = [*shortest(table[:4]), volume]
    return Bars(ts, *numbers).take(keep)


def _days(ts: Times, whole: Mask, meta: _Meta, response: Response) -> tuple[Times, Mask]:
    """Each row's date as 00:00 UTC, and which rows count.

    The date is the one at the exchange on that day: `gmtoffset` is today's, an hour off half of the year.
    """
    try:
        zone = ZoneInfo(meta.exchange_timezone_name or "")
    except (ValueError, LookupError, OSError):
        raise Malformed("no time zone of the exchange", payload=response.body) from None
    days = np.array([_midnight(datetime.fromtimestamp(at, zone)) for at in ts.tolist()], np.int64)
    last = np.flatnonzero(whole)[-2:]
    if len(last) == 2 and days[last[0]] == days[last[1]] and ts[last[0]] < ts[last[1]]:
        whole = whole.copy()
        whole[last[0]] = False  # the running day may come twice: at its open, and newer at its last trade
    return days, whole


def _request_sparks(queries: Sequence[Query], account: Account) -> Request:
    """The GET for the last prices of several symbols: sparks need no cookie, unlike the quote's own URL."""
    symbols = ",".join(_spelled(one.symbol) for one in queries)
    newest = {"symbols": symbols, "range": "1d", "interval": "5m", "_": str(int(queries[0].now))}
    return Request(f"{account.base_url}/v7/finance/spark", newest, {"Cache-Control": "no-cache"})


def _parse_sparks(queries: Sequence[Query], response: Response) -> dict[str, Quote]:
    """Their last prices, by symbol; a symbol that Yahoo does not know is left out without a word."""
    if response.status in {429, 999}:
        raise _throttled(response)
    _read_page(response)
    if (told := _told(response)) is not None:
        _fail(told, response)
    if fault := fault_of(response):
        raise fault
    asked = {_spelled(one.symbol): one for one in queries}
    try:
        sparks = read_json(response, _Sparkled).spark.result or []
    except Malformed:  # both shapes were seen from either version
        flat = read_json(response, dict[str, _Flat])
        return {
            asked[name].symbol: found
            for name, one in flat.items()
            if (found := _flat_quote(asked, name, one))
        }
    return {
        asked[one.symbol].symbol: _quote(asked[one.symbol], one.response[0].meta, response)
        for one in sparks
        if one.symbol in asked
    }


def _flat_quote(asked: Mapping[str, Query], name: str, told: _Flat) -> Quote | None:
    """The last close of a spark that has no more than closes."""
    last = [one for one in zip(told.timestamp or (), told.close or (), strict=False) if one[1] is not None]
    if name not in asked or not last:
        return None
    at, price = last[-1]
    return Quote(asked[name].symbol, at, _meant(price or 0.0))


def _meant(price: float) -> float:
    """One price: last prices come in double precision, or in single as those of rows do."""
    return float(shortest(np.array([price], np.float64))[0])


BATCH = Batch("v7/finance/spark", MOST_SPARKS, _ALL, _request_sparks, _parse_sparks)
