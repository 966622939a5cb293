"""Tiingo on the wire: minutes of whole days of New York, raw and adjusted days, and tops of the book."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.provider import Limit
from market_data.simulate.fault import Fault
from market_data.simulate.protocol import INVALID_KEY, NAMELESS, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing, canonical

_HOURLY, _DAILY = Limit(50, 3600), Limit(1000, 86_400)
FACTS = Facts(
    name="tiingo",
    title="Tiingo",
    base_path="",
    limits={
        Plan.FREE: (_HOURLY, _DAILY),
        Plan.PREMIUM: (Limit(10_000, 3600), Limit(100_000, 86_400)),
        Plan.UNLIMITED: (),
    },
    endpoints=frozenset({"iex", "iex/prices", "tiingo/daily/prices"}),
    mute={Fault.WRONG_SYMBOL: NAMELESS},
)

MOST_ROWS = 10_000
LOOK_BACK = 5 * 86_400
"""Seconds in which there has been a session, whatever the holidays."""

_NEW_YORK = ZoneInfo("America/New_York")
_COLUMNS = ("open", "high", "low", "close", "volume")
_USUAL_COLUMNS = "open,high,low,close"
_INTERVALS = {
    "1min": Interval.M1, "5min": Interval.M5, "15min": Interval.M15, "1hour": Interval.H1,
}  # fmt: skip
_LISTED = frozenset({AssetType.EQUITY, AssetType.ETF})
_PRICES = re.compile(r"(iex|tiingo/daily)/([^/]+)/prices")


class _Wrong(Exception):
    """A parameter that cannot be."""


def endpoint_of(ask: Ask) -> str:
    """The path without the ticker."""
    return _PRICES.sub(r"\1/prices", ask.path.strip("/"))


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The ticker in the path, or the `tickers` parameter."""
    path = _PRICES.fullmatch(ask.path.strip("/"))
    listed = [path[2]] if path else ask.params.get("tickers", "").split(",")
    return tuple(sorted({canonical(one) for one in listed if one}))


def render(ask: Ask) -> Reply:
    """The answer to any request."""
    key = ask.headers.get("authorization", "").removeprefix("Token ") or ask.params.get("token", "")
    if not key:
        return _error(401, "Please supply a token")
    if key == INVALID_KEY:
        return _error(403, "Invalid token.")
    if ask.allowance.over:
        return throttled(ask)
    endpoint = endpoint_of(ask)
    if endpoint not in FACTS.endpoints:
        return _error(404, "Not found.")
    listings = [ask.tape.listing(one) for one in symbols_of(ask)]
    found = [one for one in listings if one is not None and one.asset_type in _LISTED]
    try:
        return _tops(ask, found) if endpoint == "iex" else _prices(ask, endpoint, found)
    except _Wrong as wrong:
        return _error(400, f"Error: {wrong}")


def throttled(ask: Ask) -> Reply:
    """429 without a Retry-After; the text says which calls are spent."""
    over = "daily" if (ask.allowance.over or _HOURLY).seconds > _HOURLY.seconds else "hourly"
    more = "Please upgrade at https://api.tiingo.com/pricing to have your limits increased."
    return _error(429, f"Error: You have run over your {over} request allocation. {more}")


def uneven(body: object) -> object:
    """Bars the last of which has no close."""
    match body:
        case [*rows, {"close": _, **last}]:
            return [*rows, last]
    return body


def _prices(ask: Ask, endpoint: str, found: list[Listing]) -> Reply:
    if not found:
        return _error(404, f"Error: Ticker '{ask.path.split('/')[-2].upper()[:40]}' not found")
    today = moment(ask.now).astimezone(_NEW_YORK).date()
    first, last = (_date(ask, name, today) for name in ("startDate", "endDate"))
    if first > last:
        return _ok([])
    if endpoint == "tiingo/daily/prices":
        return _ok(_days(ask, found[0], first, last))
    interval = _INTERVALS.get(ask.params.get("resampleFreq", "5min").lower())
    columns = ask.params.get("columns", _USUAL_COLUMNS).split(",")
    if interval is None or not set(columns) <= set(_COLUMNS):
        raise _Wrong(f"resampleFreq or columns: this simulator has {', '.join((*_INTERVALS, *_COLUMNS))}")
    begin, end = (_midnight(one) for one in (first, last + timedelta(days=1)))
    bars = ask.tape.bars(found[0].symbol, interval, Span(begin, end), ask.now)
    if ask.params.get("afterHours", "false") != "true":
        bars = bars.take(found[0].hours.regular.holds(bars.ts))
    return _ok([_bar(row, columns) for row in bars.rows()[:MOST_ROWS]])


def _bar(row: Row, columns: list[str]) -> dict[str, object]:
    cells = dict(zip(_COLUMNS, row[1:], strict=True))
    stamp = f"{moment(row[0]):%Y-%m-%dT%H:%M:%S}.000Z"
    return {"date": stamp, **{name: cells[name] for name in columns}}


def _days(ask: Ask, listing: Listing, first: date, last: date) -> list[dict[str, object]]:
    """Raw and adjusted prices, which are the same here: a tape has no splits and no dividends."""
    begin, end = (
        int(datetime.combine(one, time(), UTC).timestamp()) for one in (first, last + timedelta(days=1))
    )
    rows = ask.tape.bars(listing.symbol, Interval.D1, Span(begin, end), ask.now).rows()
    return [_day(row) for row in rows]


def _day(row: Row) -> dict[str, object]:
    cells = dict(zip(_COLUMNS, row[1:], strict=True))
    adjusted = {f"adj{name.title()}": one for name, one in cells.items()}
    stamp = f"{moment(row[0]):%Y-%m-%dT%H:%M:%S}+00:00"
    return {"date": stamp, **cells, **adjusted, "divCash": 0.0, "splitFactor": 1.0}


def _tops(ask: Ask, found: list[Listing]) -> Reply:
    """Tops of the book without an agreement with IEX: reference prices. Unknown tickers are left out."""
    return _ok([top for one in found if (top := _top(ask, one))])


def _top(ask: Ask, listing: Listing) -> dict[str, object] | None:
    span = Span(int(ask.now) - LOOK_BACK, int(ask.now) + 1)
    rows = sorted(ask.tape.bars(listing.symbol, Interval.M1, span, ask.now).rows())
    if not rows:
        return None
    at, price = rows[-1][0], rows[-1][4]
    stamp = f"{moment(min(ask.now - 1, at + Interval.M1.seconds)):%Y-%m-%dT%H:%M:%S.%f}000+00:00"
    unknown = dict.fromkeys(("last", "lastSize", "mid", "bidSize", "bidPrice", "askSize", "askPrice"))
    return {
        "ticker": listing.label, "timestamp": stamp, "quoteTimestamp": stamp, "lastSaleTimestamp": stamp,
        "tngoLast": price, "prevClose": rows[0][1], "open": rows[0][1],
        "high": max(row[2] for row in rows), "low": min(row[3] for row in rows),
        "volume": int(sum(row[5] for row in rows)), **unknown,
    }  # fmt: skip


def _date(ask: Ask, name: str, usual: date) -> date:
    text = ask.params.get(name)
    try:
        return date.fromisoformat(text) if text else usual
    except ValueError:
        raise _Wrong(f"{name} is not a date: {text[:40] if text else ''}") from None


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), _NEW_YORK).timestamp())


def _ok(body: object) -> Reply:
    return Reply(200, body, content_type="application/json")


def _error(status: int, text: str) -> Reply:
    return Reply(status, {"detail": text}, content_type="application/json")
