"""Alpha Vantage: days and the last close on a free key, consolidated minutes on a paid one."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

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
)

_LISTED = frozenset({AssetType.EQUITY, AssetType.ETF})
_ZONE = "America/New_York"

FACTS = Facts(
    name="alphavantage",
    title="Alpha Vantage",
    settings_prefix="ALPHA_VANTAGE",
    base_url="https://www.alphavantage.co",
    needs_key=True,
    limits=(Limit(1, 1), Limit(25, 86_400)),
    reach={
        Capability.BARS_1M: Reach(
            endpoint="TIME_SERIES_INTRADAY",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,  # asked for: the default corrects for splits and dividends
            volume_scope=VolumeScope.CONSOLIDATED,
            delay=86_400,  # minutes come after their session, whose first is then 16 h old
            months_of=_ZONE,
            premium=True,
        ),
        Capability.EOD: Reach(
            endpoint="TIME_SERIES_DAILY",
            asset_types=_LISTED,
            adjustment=Adjustment.RAW,
            volume_scope=VolumeScope.CONSOLIDATED,
            delay=12 * 3600,  # a day is there by the next morning
        ),
        Capability.QUOTES_L1: Reach(endpoint="GLOBAL_QUOTE", asset_types=_LISTED),
    },
    terms="Personal, non-commercial use only.",
)

COMPACT_ROWS = 100
"""Rows of an answer of `outputsize=compact`: the newest."""
COMPACT_DAYS = 150
"""Days in which there are about 100 sessions: 106 weekdays less the holidays of a winter."""
TRAILING_DAYS = 29
"""Days that minutes of `outputsize=full` surely reach back without a month; 30 are promised."""
BURST_SECONDS = 1.1
"""A rest after more than one call a second."""

_NEW_YORK = ZoneInfo(_ZONE)
_DAY = Interval.D1.seconds


class _Notices(msgspec.Struct, frozen=True):
    information: str = msgspec.field(name="Information", default="")
    note: str = msgspec.field(name="Note", default="")
    error: str = msgspec.field(name="Error Message", default="")


class _Row(msgspec.Struct, frozen=True):
    open: str = msgspec.field(name="1. open")
    high: str = msgspec.field(name="2. high")
    low: str = msgspec.field(name="3. low")
    close: str = msgspec.field(name="4. close")
    volume: str = msgspec.field(name="5. volume")


_Rows = dict[str, _Row]


class _Series(msgspec.Struct, frozen=True):
    meta: dict[str, str] | None = msgspec.field(name="Meta Data", default=None)
    minutes: _Rows | None = msgspec.field(name="Time Series (1min)", default=None)
    days: _Rows | None = msgspec.field(name="Time Series (Daily)", default=None)


def request(query: Query, account: Account) -> Request:
    """The GET for `query`; the key can only be a parameter. Raises Unsupported for crypto and indices."""
    reach = FACTS.reach[query.capability]
    if query.asset_type not in reach.asset_types:
        raise Unsupported(f"it has no {query.asset_type} symbols")
    more: dict[str, str] = {}
    if query.capability is Capability.BARS_1M:
        more = {"interval": "1min", "adjusted": "false", "extended_hours": "true", **_minutes_size(query)}
    elif query.capability is Capability.EOD:
        near = query.span.start >= query.now - COMPACT_DAYS * _DAY
        more = {"outputsize": "compact" if near else "full"}  # full is refused to free keys
    asked = {"function": reach.endpoint, "symbol": _spelled(query.symbol), **more, "apikey": account.key}
    return Request(f"{account.base_url}/query", asked)


def _minutes_size(query: Query) -> dict[str, str]:
    """What brings the span with the fewest rows: the newest 100 rows, the trailing days, or its month."""
    age = query.now - query.span.start
    if age <= COMPACT_ROWS * Interval.M1.seconds:
        return {"outputsize": "compact"}
    if age <= TRAILING_DAYS * _DAY:
        return {"outputsize": "full"}
    return {"outputsize": "full", "month": f"{moment(query.span.start).astimezone(_NEW_YORK):%Y-%m}"}


def parse(query: Query, response: Response) -> Answer:
    """The bars within the span, in order, or the last close; raises the ProviderFault of `response`."""
    if fault := fault_of(response) or _told(query, response):
        raise fault
    return _quote(query, response) if query.capability is Capability.QUOTES_L1 else _bars(query, response)


def _spelled(symbol: str) -> str:
    """A symbol as it is written here: class shares with a dash (BRK-B); exchanges have three letters."""
    share = class_share(symbol)
    return "-".join(share) if share else symbol


# Every error is HTTP 200 and a text: the first line of which a mark is in it tells what it means. The order
# matters, since the burst's text names the daily quota too. The texts are not repeated: one echoes the key.
_MEANINGS: Sequence[tuple[tuple[str, ...], Callable[[Query], ProviderFault]]] = (
    (
        ("spreading out", "per second"),
        lambda _: Throttled("more than a call a second", retry_after=BURST_SECONDS),
    ),
    (
        ("requests per day",),
        # when they are renewed is nowhere said; midnight of UTC or of New York is assumed, and this is the
        # later of the two: if they are not by then, the next call hears so and rests again
        lambda query: Throttled(
            "the calls of the day are spent", retry_after=rest_of_day(query.now, _NEW_YORK)
        ),
    ),
    (
        ("premium endpoint", "premium feature"),
        lambda _: Refused("only for paying customers", whole=False),
    ),
    (("demo** api key",), lambda _: Refused("the demo key is for examples only", whole=True)),
    (("calls per minute",), lambda _: Throttled("the calls of the minute are spent", retry_after=60.0)),
    (("apikey",), lambda _: Refused("the key is invalid or missing", whole=True)),
    (("invalid api call",), lambda _: Unsupported("an unknown symbol, or nothing of that time")),
    (("does not exist",), lambda query: Malformed(f"its function for {query.capability} is gone")),
    (("",), lambda _: Malformed("a notice of unknown meaning")),
)


def _told(query: Query, response: Response) -> ProviderFault | None:
    if response.body.strip() == b"{}":
        # It lacks even the meta data that a series without rows has, and unknown symbols and months are told
        # in words. So it says nothing of the span, but is a hiccup that another provider may make up for now:
        # "nothing there" would end the question.
        return Unavailable("an empty answer", payload=response.body)
    notices = read_json(response, _Notices)
    text = f"{notices.information}{notices.note}{notices.error}".lower()
    if not text:
        return None
    fault = next(fault(query) for marks, fault in _MEANINGS if any(mark in text for mark in marks))
    fault.payload = response.body
    return fault


def _quote(query: Query, response: Response) -> Quote:
    body = read_json(response, dict[str, dict[str, str]])
    # behind the name may stand " - DATA DELAYED BY 15 MINUTES"
    told = next((part for name, part in body.items() if name.startswith("Global Quote")), None)
    if told is None:
        raise Malformed("an answer without a quote", payload=response.body)
    if not told:
        raise Unsupported("an empty quote: an unknown symbol", payload=response.body)
    _check_symbol(_ending(told, "symbol"), query, response)
    try:
        price, volume = float(_ending(told, "price")), float(_ending(told, "volume"))
        day = _day(_ending(told, "latest trading day"))
    except ValueError:
        raise Malformed("a quote that cannot be read", payload=response.body) from None
    if not (math.isfinite(price) and math.isfinite(volume)):
        raise Malformed("a quote that is not a number", payload=response.body)
    return Quote(query.symbol, day, price, volume=volume)  # only the date of the close is told


def _bars(query: Query, response: Response) -> Bars:
    body = read_json(response, _Series)
    rows = body.minutes if query.capability is Capability.BARS_1M else body.days
    if body.meta is None or rows is None:
        raise Malformed("an answer without a series or its meta data", payload=response.body)
    _check_symbol(_ending(body.meta, "Symbol"), query, response)
    try:
        bars = _columns(query, body.meta, rows)
    except (ValueError, OverflowError):
        raise Malformed("labels or numbers that cannot be read", payload=response.body) from None
    cut = len(bars) >= COMPACT_ROWS and _ending(body.meta, "Output Size") == "Compact"
    if cut and query.span.end <= bars.ts[0]:  # "nothing there" would be a lie: it does not look so far back
        raise Unsupported(f"its newest {COMPACT_ROWS} rows do not reach back to it", payload=response.body)
    return bars.within(query.span)


def _columns(query: Query, meta: dict[str, str], rows: _Rows) -> Bars:
    """The rows in order of time: that of a JSON object means nothing."""
    if query.capability is Capability.BARS_1M:
        if _ending(meta, "Time Zone") != "US/Eastern":
            raise ValueError("labels of another time zone")
        labels = [_minute(label) for label in rows]
        # with extended hours the last minute opens at 19:59: a label of 20:00 is a minute's end, as all were
        # until 2018
        shift = Interval.M1.seconds if any(label.endswith(" 20:00:00") for label in rows) else 0
    else:
        labels, shift = [_day(label) for label in rows], 0
    bars = bars_of((label - shift for label in labels), rows.values())
    return bars.take(np.argsort(bars.ts, kind="stable"))


def _minute(label: str) -> int:
    """Epoch seconds of New York's wall time; no session has the hour that comes twice."""
    local = datetime.fromisoformat(label)
    if len(label) != len("2026-10-02 09:30:00") or local.tzinfo:
        raise ValueError("not a wall time")
    return int(local.replace(tzinfo=_NEW_YORK).timestamp())


def _day(label: str) -> int:
    """00:00 UTC of a date."""
    return int(datetime.combine(date.fromisoformat(label), time(), UTC).timestamp())


def _ending(named: dict[str, str], suffix: str) -> str:
    """The value of a name with this ending: the numbers before names differ from function to function."""
    return next((value for name, value in named.items() if name.endswith(suffix)), "")


def _check_symbol(told: str, query: Query, response: Response) -> None:
    if _spelled(told.upper()) != _spelled(query.symbol):
        raise Malformed(f"asked for {query.symbol}, told another symbol", payload=response.body)
