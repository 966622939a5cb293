"""Massive on the wire: aggregates in pages, snapshots of paid plans, and refusals of what is too new."""

import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.provider import Limit
from market_data.simulate.protocol import INVALID_KEY, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing, canonical

_SNAPSHOTS = "v2/snapshot/locale/us/markets/stocks/tickers"
FACTS = Facts(
    name="massive",
    title="Massive",
    base_path="",
    limits={Plan.FREE: (Limit(5, 60),), Plan.PREMIUM: (Limit(100, 1),), Plan.UNLIMITED: ()},
    endpoints=frozenset({"aggs/minute", "aggs/hour", "aggs/day", "snapshot"}),
)

USUAL_ROWS = 5000
MOST_ROWS = 50_000
FREE_YEARS = 2

_NEW_YORK = ZoneInfo("America/New_York")
_INTERVALS = {"minute": Interval.M1, "hour": Interval.H1, "day": Interval.D1}
_AGGS = re.compile(r"v2/aggs/ticker/([^/]+)/range/(\d+)/([a-z]+)/([^/]+)/([^/]+)")
_UPGRADE = "Please upgrade your plan at https://massive.com/pricing"


class _Wrong(Exception):
    """A parameter that cannot be."""


def endpoint_of(ask: Ask) -> str:
    """What kind of thing is asked for."""
    path = ask.path.strip("/")
    if path == _SNAPSHOTS:
        return "snapshot"
    aggs = _AGGS.fullmatch(path)
    return f"aggs/{aggs[3]}" if aggs else path


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The ticker in the path, or the `tickers` parameter."""
    aggs = _AGGS.fullmatch(ask.path.strip("/"))
    listed = [aggs[1]] if aggs else ask.params.get("tickers", "").split(",")
    return tuple(canonical(one) for one in listed if one)


def render(ask: Ask) -> Reply:
    """The answer to any request."""
    key = ask.headers.get("authorization", "").removeprefix("Bearer ") or ask.params.get("apiKey", "")
    if not key or key == INVALID_KEY:
        return _error(401, "Unknown API Key" if key else "API Key was not provided")
    if ask.allowance.over:
        return throttled(ask)
    endpoint = endpoint_of(ask)
    if endpoint not in FACTS.endpoints:
        return Reply(404, "404 page not found", content_type="text/plain; charset=utf-8")
    if endpoint == "snapshot":
        return _snapshots(ask)
    try:
        return _aggregates(ask)
    except _Wrong as wrong:
        return _error(400, str(wrong))


def throttled(ask: Ask) -> Reply:  # noqa: ARG001 - it is the same whatever was asked
    """429 without a Retry-After."""
    text = "You've exceeded the maximum requests per minute, please wait or upgrade your subscription"
    return _error(429, f"{text} to continue. https://polygon.io/pricing")


def uneven(body: object) -> object:
    """Aggregates the last of which has no close."""
    match body:
        case {"results": [*rows, {"c": _, **last}], **rest}:
            return {**rest, "results": [*rows, last]}
    return body


def _aggregates(ask: Ask) -> Reply:
    aggs = _AGGS.fullmatch(ask.path.strip("/"))
    interval = _INTERVALS.get(aggs[3]) if aggs else None
    if aggs is None or interval is None or aggs[2] != "1":
        raise _Wrong("this simulator has ranges of 1 minute, 1 hour or 1 day")
    first, last = _moment(aggs[4], interval, end=False), _moment(aggs[5], interval, end=True)
    if first > last:
        raise _Wrong("The 'to' time cannot be before the 'from' time")
    limit = ask.params.get("limit", str(USUAL_ROWS))
    if not re.fullmatch(r"\d{1,6}", limit) or not 1 <= int(limit) <= MOST_ROWS:
        raise _Wrong("limit must be from 1 to 50000")
    if ask.free and not _granted(ask, first, last):
        return _refused(f"Your plan doesn't include this data timeframe. {_UPGRADE}")
    listing = _listing(ask, symbols_of(ask)[0])
    rows = _rows(ask, listing, interval, first, last) if listing else []
    page, following = rows[: int(limit)], rows[int(limit) :]
    body = {
        "ticker": _spelled(listing) if listing else aggs[1], "queryCount": len(page),
        "resultsCount": len(page), "adjusted": ask.params.get("adjusted", "true") == "true",
        "status": "OK", "request_id": "6a7e466379af0a71039d60cc78e72282",
    }  # fmt: skip
    if page:
        body |= {"results": [_bar(row) for row in page], "count": len(page)}
    if following:
        cursor = urlsafe_b64encode(str(page[-1][0] * 1000).encode()).decode()
        path = f"v2/aggs/ticker/{aggs[1]}/range/1/{aggs[3]}/{aggs[4]}/{aggs[5]}"
        body["next_url"] = f"https://api.massive.com/{path}?cursor={cursor}"
    return Reply(200, body)


def _rows(ask: Ask, listing: Listing, interval: Interval, first: int, last: int) -> list[Row]:
    """The rows of a window, both ends inclusive; daily ones are stamped with New York's midnight."""
    after = _cursor(ask)
    earlier = Interval.D1.seconds if interval is Interval.D1 else 0  # the label is before the stamp
    bars = ask.tape.bars(listing.symbol, interval, Span(first - earlier, last + 1), ask.now)
    rows = bars.rows()
    if interval is Interval.D1:
        rows = [(_midnight(moment(row[0]).date()), *row[1:]) for row in rows]
    rows = [row for row in rows if max(first, after + 1) <= row[0] <= last]
    return rows[::-1] if ask.params.get("sort", "asc") == "desc" else rows


def _granted(ask: Ask, first: int, last: int) -> bool:
    """Whether a free plan has it: nothing of the day that is running, nothing of more than two years ago."""
    today = moment(ask.now).astimezone(_NEW_YORK).date()
    return last < _midnight(today) and first >= _midnight(today - timedelta(days=365 * FREE_YEARS))


def _snapshots(ask: Ask) -> Reply:
    if ask.free:
        return _refused(f"You are not entitled to this data. {_UPGRADE}")
    found = [listing for one in symbols_of(ask) if (listing := _listing(ask, one))]
    tickers = [snapshot for one in found if (snapshot := _snapshot(ask, one))]
    body = {"status": "OK", "request_id": "657e430f1ae768891f018e08e03598d8", "count": len(tickers)}
    return Reply(200, {**body, "tickers": tickers})


def _snapshot(ask: Ask, listing: Listing) -> dict[str, object] | None:
    span = Span(int(ask.now) - 5 * Interval.D1.seconds, int(ask.now) + 1)
    minutes = sorted(ask.tape.bars(listing.symbol, Interval.M1, span, ask.now).rows())
    days = sorted(ask.tape.bars(listing.symbol, Interval.D1, span, ask.now).rows())
    if not minutes or not days:
        return None
    at, price = minutes[-1][0], minutes[-1][4]
    traded = int(min(ask.now - 0.1, at + Interval.M1.seconds - 0.1) * 1000) * 1_000_000
    newest, before = days[-1], days[-2] if len(days) > 1 else days[-1]
    return {
        "ticker": _spelled(listing), "day": _of_day(newest), "prevDay": _of_day(before),
        "lastQuote": {"P": round(price + 0.01, 2), "S": 2, "p": round(price - 0.01, 2), "s": 3, "t": traded},
        "lastTrade": {"c": [14, 41], "i": "52678", "p": price, "s": 100, "t": traded, "x": 4},
        "min": {"av": int(newest[5]) if math.isfinite(newest[5]) else 0, **_bar(minutes[-1])},
        "todaysChange": round(price - before[4], 4), "todaysChangePerc": 0.0, "updated": traded,
    }  # fmt: skip


def _of_day(row: Row) -> dict[str, object]:
    return {name: one for name, one in _bar(row).items() if name in {"c", "h", "l", "o", "v", "vw"}}


def _bar(row: Row) -> dict[str, object]:
    at, opened, high, low, close, volume = row
    return {
        "v": volume, "vw": (high + low + close) / 3, "o": opened, "c": close, "h": high, "l": low,
        "t": at * 1000, "n": 1 + int(volume) // 100 if math.isfinite(volume) else 0,
    }  # fmt: skip


def _listing(ask: Ask, symbol: str) -> Listing | None:
    listing = ask.tape.listing(symbol)
    return listing if listing and listing.asset_type in {AssetType.EQUITY, AssetType.ETF} else None


def _moment(text: str, interval: Interval, *, end: bool) -> int:
    """The epoch second that `from` or `to` means: of milliseconds, or of a whole day of New York."""
    if re.fullmatch(r"\d{12,14}", text):
        at = int(text) // 1000
        return at if interval is not Interval.D1 else _midnight(moment(at).astimezone(_NEW_YORK).date())
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _Wrong(f"Could not parse the time parameter: {text[:40]}") from None
    return _midnight(day + timedelta(days=1)) - 1 if end else _midnight(day)


def _cursor(ask: Ask) -> int:
    """The last row of the page before; -1 for the first page."""
    cursor = ask.params.get("cursor")
    if not cursor:
        return -1
    try:
        return int(urlsafe_b64decode(cursor).decode()) // 1000
    except (NotBase64, ValueError):
        raise _Wrong("invalid cursor") from None


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), _NEW_YORK).timestamp())


def _spelled(listing: Listing) -> str:
    """Class shares with a dot."""
    return re.sub(r"^([A-Z]+)-([A-Z])$", r"\1.\2", listing.label)


def _refused(text: str) -> Reply:
    body = {"status": "NOT_AUTHORIZED", "request_id": "d49fca3119704663c06007413d38349a", "message": text}
    return Reply(403, body)


def _error(status: int, text: str) -> Reply:
    body = {"status": "ERROR", "request_id": "d49fca3119704663c06007413d38349a", "error": text}
    return Reply(status, body)
