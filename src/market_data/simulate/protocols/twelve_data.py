"""Twelve Data on the wire: rows of texts, credits in headers, and errors whose HTTP status may be 200."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.provider import Limit
from market_data.simulate.decimals import decimals
from market_data.simulate.protocol import INVALID_KEY, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing, canonical

_MINUTE, _DAILY = Limit(8, 60), Limit(800, 86_400)
FACTS = Facts(
    name="twelvedata",
    title="Twelve Data",
    base_path="",
    limits={Plan.FREE: (_MINUTE, _DAILY), Plan.PREMIUM: (Limit(377, 60),), Plan.UNLIMITED: ()},
    endpoints=frozenset({"time_series", "quote", "price"}),
)

USUAL_ROWS = 30
MOST_ROWS = 5000
LOOK_BACK = 5 * 86_400
"""Seconds in which there has been a session, whatever the holidays."""

_ZONES: Mapping[str, tzinfo] = {"UTC": UTC, "Exchange": ZoneInfo("America/New_York")}
_INTERVALS = {
    "1min": Interval.M1, "5min": Interval.M5, "15min": Interval.M15, "1h": Interval.H1, "1day": Interval.D1,
}  # fmt: skip
_PAIR = re.compile(r"([A-Z0-9]+)/([A-Z]+)")
_ACCORDING = "Please specify it correctly according to API Documentation."
_NO_DATA = "No data is available on the specified dates. Try setting different start/end dates."


class _Wrong(Exception):
    """What is answered with an error, with Twelve Data's code for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def endpoint_of(ask: Ask) -> str:
    """The path."""
    return ask.path.strip("/")


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The `symbol` parameter; BTC/USD is BTC-USD."""
    listed = (one.strip().upper() for one in ask.params.get("symbol", "").split(","))
    return tuple(canonical(_PAIR.sub(r"\1-\2", one)) for one in listed if one)


def render(ask: Ask) -> Reply:
    """The answer to any request. Errors of the question come with HTTP 200, as they often really do."""
    key = ask.headers.get("authorization", "").removeprefix("apikey ") or ask.params.get("apikey", "")
    if not key or key == INVALID_KEY:
        text = "**apikey** parameter is incorrect or not specified. You can get your free API key instantly"
        return _error(ask, 401, text, status=401)
    if ask.allowance.over:
        return throttled(ask)
    if endpoint_of(ask) not in FACTS.endpoints:
        return Reply(404, "<html><body>404 Not Found</body></html>", content_type="text/html")
    try:
        listing = _listing(ask)
        return _ok(ask, _series(ask, listing) if endpoint_of(ask) == "time_series" else _price(ask, listing))
    except _Wrong as wrong:
        return _error(ask, wrong.code, str(wrong))


def throttled(ask: Ask) -> Reply:
    """HTTP 200 whose code is 429, without a Retry-After; the text says which credits are spent."""
    over = ask.allowance.over or _MINUTE
    which = "current minute" if over.seconds <= _MINUTE.seconds else "day"
    used = f"{over.calls + 1} API credits were used, with the current limit being {over.calls}."
    return _error(ask, 429, f"You have run out of API credits for the {which}. {used}")


def uneven(body: object) -> object:
    """Rows the last of which has no close."""
    match body:
        case {"values": [*rows, {"close": _, **last}], **rest}:
            return {**rest, "values": [*rows, last]}
    return body


def _series(ask: Ask, listing: Listing) -> dict[str, object]:
    interval = _INTERVALS.get(ask.params.get("interval", ""))
    zone = _ZONES.get(ask.params.get("timezone", "Exchange"))
    if interval is None or zone is None:
        raise _Wrong(400, f"Invalid **interval** or **timezone** provided. {_ACCORDING}")
    # a daily row has the date of its session, in whatever zone it is asked for
    zone = UTC if interval is Interval.D1 else zone
    begin, end = (_moment(ask, name, zone) for name in ("start_date", "end_date"))
    usual = USUAL_ROWS if begin is None and end is None else MOST_ROWS
    size = ask.params.get("outputsize", str(usual))
    if not re.fullmatch(r"\d{1,4}", size) or not 1 <= int(size) <= MOST_ROWS:
        raise _Wrong(400, f"**outputsize** must be between 1 and 5000. {_ACCORDING}")
    rows = _rows(ask, listing, interval, begin, end)[-int(size) :]
    if not rows:
        raise _Wrong(400, _NO_DATA)
    if ask.params.get("order", "desc").lower() != "asc":
        rows = rows[::-1]
    written = "%Y-%m-%d" if interval is Interval.D1 else "%Y-%m-%d %H:%M:%S"
    values = [_value(row, f"{moment(row[0]).astimezone(zone):{written}}", listing) for row in rows]
    return {"meta": _meta(listing, ask.params["interval"]), "values": values, "status": "ok"}


def _rows(ask: Ask, listing: Listing, interval: Interval, begin: int | None, end: int | None) -> list[Row]:
    """Those of regular hours in a window, to which its end belongs among minutes, but not among days."""
    last = int(ask.now) if end is None else end - (interval is Interval.D1)
    first = max(begin if begin is not None else last - 30 * Interval.D1.seconds, 0)
    if first > last:
        return []
    bars = ask.tape.bars(listing.symbol, interval, Span(first, last + 1), ask.now)
    if interval is not Interval.D1 and not listing.one_session:
        bars = bars.take(listing.hours.regular.holds(bars.ts))
    return bars.rows()


def _value(row: Row, label: str, listing: Listing) -> dict[str, object]:
    names = ("open", "high", "low", "close")
    value: dict[str, object] = {"datetime": label}
    value |= {name: decimals(cell, 5) for name, cell in zip(names, row[1:5], strict=True)}
    return value if listing.asset_type is AssetType.CRYPTO else {**value, "volume": f"{row[5]:.0f}"}


def _meta(listing: Listing, interval: str) -> dict[str, object]:
    kind = "Digital Currency" if listing.asset_type is AssetType.CRYPTO else "Common Stock"
    return {
        "symbol": _spelled(listing), "interval": interval, "currency": "USD",
        "exchange_timezone": "America/New_York", "exchange": "NASDAQ", "mic_code": "XNGS", "type": kind,
    }  # fmt: skip


def _price(ask: Ask, listing: Listing) -> dict[str, object]:
    span = Span(int(ask.now) - LOOK_BACK, int(ask.now) + 1)
    minutes = _rows(ask, listing, Interval.M1, span.start, span.end)
    if not minutes:
        raise _Wrong(404, "Data not found")
    at, price = minutes[-1][0], minutes[-1][4]
    if endpoint_of(ask) == "price":
        return {"price": decimals(price, 5)}
    session = listing.hours.regular.session_before(ask.now)
    opened = session.start if session else at
    today = [row for row in minutes if row[0] >= opened] or minutes[-1:]
    return {
        "symbol": _spelled(listing), "name": listing.label, "exchange": "NASDAQ", "mic_code": "XNGS",
        "currency": "USD", "datetime": f"{moment(opened):%Y-%m-%d}", "timestamp": opened,
        "last_quote_at": int(min(ask.now, at + Interval.M1.seconds)), "open": f"{today[0][1]:.5f}",
        "high": f"{max(row[2] for row in today):.5f}", "low": f"{min(row[3] for row in today):.5f}",
        "close": decimals(price, 5), "volume": f"{sum(row[5] for row in today):.0f}",
        "previous_close": f"{minutes[0][4]:.5f}", "is_market_open": listing.hours.regular.is_open(ask.now),
    }  # fmt: skip


def _listing(ask: Ask) -> Listing:
    symbols = symbols_of(ask)
    if len(symbols) != 1:
        raise _Wrong(400, f"**symbol** parameter is missing: this simulator takes one. {_ACCORDING}")
    asked = ask.params["symbol"]
    listing = ask.tape.listing(symbols[0])
    if listing is None or (listing.asset_type is AssetType.CRYPTO) != ("/" in asked):
        raise _Wrong(400, f"**symbol** not found: {asked[:40]}. {_ACCORDING}")
    return listing


def _moment(ask: Ask, name: str, zone: tzinfo) -> int | None:
    text = ask.params.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong(400, f"Invalid **{name}** provided: {text[:40]}. {_ACCORDING}") from None
    return int(at.replace(tzinfo=zone).timestamp())


def _spelled(listing: Listing) -> str:
    """Pairs with a slash, class shares with a dot."""
    if listing.asset_type is AssetType.CRYPTO:
        return listing.label.replace("-", "/")
    return re.sub(r"^([A-Z]+)-([A-Z])$", r"\1.\2", listing.label)


def _ok(ask: Ask, body: object) -> Reply:
    return Reply(200, body, _credits(ask))


def _error(ask: Ask, code: int, text: str, *, status: int = 200) -> Reply:
    return Reply(status, {"code": code, "message": text, "status": "error"}, _credits(ask))


def _credits(ask: Ask) -> dict[str, str]:
    limit = ask.allowance.limit
    if limit is None:
        return {}
    left = ask.allowance.remaining
    return {"api-credits-used": str(limit.calls - left), "api-credits-left": str(left)}
