"""Alpha Vantage on the wire: one URL, numbers as strings, New York wall time, HTTP 200 for every error."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import cast
from zoneinfo import ZoneInfo

from market_data.market.bar import Bars, Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Limit
from market_data.simulate.fault import Fault
from market_data.simulate.protocol import INVALID_KEY, KEYED, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing, canonical

_BURST = Limit(1, 1)
_DAILY = Limit(25, 86_400)
FACTS = Facts(
    name="alphavantage",
    title="Alpha Vantage",
    base_path="",
    limits={Plan.FREE: (_BURST, _DAILY), Plan.PREMIUM: (Limit(75, 60),), Plan.UNLIMITED: ()},
    endpoints=frozenset({"TIME_SERIES_INTRADAY", "TIME_SERIES_DAILY", "GLOBAL_QUOTE"}),
    mute={Fault.DUPLICATE_ROWS: KEYED, Fault.CONFLICTING_ROWS: KEYED},
)

COMPACT_ROWS = 100
TRAILING_DAYS = 30
"""Of `outputsize=full` without a month."""
DELAYED_SECONDS = 900
"""Of `entitlement=delayed`."""

_ZONE = ZoneInfo("America/New_York")
_INTERVALS = {
    "1min": Interval.M1, "5min": Interval.M5, "15min": Interval.M15, "60min": Interval.H1,
}  # fmt: skip
_UNPLAYED = frozenset(
    {"TIME_SERIES_DAILY_ADJUSTED", "REALTIME_BULK_QUOTES"}
)  # premium; free keys are refused
_FIELDS = ("open", "high", "low", "close")

_PLANS = "any of the premium plans at https://www.alphavantage.co/premium/"
_THANKS = "Thank you for using Alpha Vantage!"
BURST_TEXT = (
    f"{_THANKS} Please consider spreading out your free API requests more sparingly (1 request per second)."
    f" You may subscribe to {_PLANS} to lift the free key rate limit (25 requests per day),"
    " raise the per-second burst limit, and instantly remove all daily rate limits."
)
QUOTA_TEXT = (
    "We have detected your API key as {key} and our standard API rate limit is 25 requests per day. Please"
    f" subscribe to {_PLANS} to instantly remove all daily rate limits."
)
PREMIUM_TEXT = (
    f"{_THANKS} This is a premium endpoint. You may subscribe to {_PLANS}"
    " to instantly unlock all premium endpoints"
)
FULL_TEXT = (
    f"{_THANKS} The outputsize=full parameter value is a premium feature for the TIME_SERIES_DAILY endpoint."
    f" You may subscribe to {_PLANS} to instantly unlock all premium features"
)
DEMO_TEXT = (
    "The **demo** API key is for demo purposes only. Please claim your free API key at"
    " (https://www.alphavantage.co/support/#api-key) to explore our full API offerings."
)
KEY_TEXT = (
    "the parameter apikey is invalid or missing. Please claim your free API key on"
    " (https://www.alphavantage.co/support/#api-key). It should take less than 20 seconds."
)
CALL_TEXT = (
    "Invalid API call. Please retry or visit the documentation"
    " (https://www.alphavantage.co/documentation/) for {function}."
)


def endpoint_of(ask: Ask) -> str:
    """The `function` parameter."""
    return ask.params.get("function", "").strip().upper()


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The `symbol` parameter."""
    symbol = ask.params.get("symbol", "")
    return (canonical(symbol),) if symbol else ()


def render(ask: Ask) -> Reply:
    """The answer to any request: HTTP 200, unless the path is not /query."""
    if ask.path.strip("/") != "query":
        return Reply(404, "<html><head><title>Not Found</title></head></html>", content_type="text/html")
    key = ask.params.get("apikey", "")
    if key in {"", INVALID_KEY}:
        return _error(KEY_TEXT)
    if key == "demo":
        return _information(DEMO_TEXT)
    if ask.allowance.over:
        return throttled(ask)
    return _answer(ask, endpoint_of(ask))


def _answer(ask: Ask, function: str) -> Reply:
    if function in _UNPLAYED:
        return _information(PREMIUM_TEXT) if ask.free else _error(f"{function} is not simulated.")
    if function not in FACTS.endpoints:
        return _error(f"This API function ({function}) does not exist.")
    answers: dict[str, Callable[[Ask], Reply]] = {
        "TIME_SERIES_INTRADAY": _intraday, "TIME_SERIES_DAILY": _daily, "GLOBAL_QUOTE": _quote,
    }  # fmt: skip
    return answers[function](ask)


def throttled(ask: Ask) -> Reply:
    """200 with the text of the limit that was exceeded; the text of the daily one repeats the key."""
    if ask.allowance.over and ask.allowance.over.seconds >= _DAILY.seconds:
        return _information(QUOTA_TEXT.format(key=ask.params.get("apikey", "")))
    return _information(BURST_TEXT)


def uneven(body: object) -> object:
    """A series whose every row lacks its close: there are no arrays here."""
    if not isinstance(body, Mapping):
        return body
    return {
        name: {row: _without_close(cells) for row, cells in part.items()}
        if name.startswith("Time Series") and isinstance(part, Mapping)
        else part
        for name, part in body.items()
    }


def _without_close(cells: object) -> object:
    return {
        name: cell for name, cell in cast("Mapping[str, str]", cells).items() if not name.endswith("close")
    }


def _intraday(ask: Ask) -> Reply:
    if ask.free:
        return _information(PREMIUM_TEXT)
    listing, interval = _listing(ask), _INTERVALS.get(ask.params.get("interval", ""))
    full = ask.params.get("outputsize", "compact") == "full"
    span = _window(ask)
    if listing is None or interval is None or span is None or span.end <= listing.first:
        return _invalid(ask)
    bars = _visible(ask, listing, ask.tape.bars(listing.symbol, interval, span, ask.now), interval)
    if ask.params.get("extended_hours", "true") == "false" and not listing.one_session:
        bars = bars.take(listing.hours.regular.holds(bars.ts))
    spelled = ask.params["interval"]
    about = {
        "1. Information": f"Intraday ({spelled}) open, high, low, close prices and volume",
        "2. Symbol": listing.label,
        "3. Last Refreshed": "",
        "4. Interval": spelled,
        "5. Output Size": "Full size" if full else "Compact",
        "6. Time Zone": "US/Eastern",
    }
    return _series(ask, about, f"Time Series ({spelled})", _newest(bars, full), _minute)


def _daily(ask: Ask) -> Reply:
    listing, full = _listing(ask), ask.params.get("outputsize", "compact") == "full"
    if full and ask.free:
        return _information(FULL_TEXT)
    if listing is None:
        return _invalid(ask)
    about = {
        "1. Information": "Daily Prices (open, high, low, close) and Volumes",
        "2. Symbol": listing.label,
        "3. Last Refreshed": "",
        "4. Output Size": "Full size" if full else "Compact",
        "5. Time Zone": "US/Eastern",
    }
    begin = listing.first if full else int(ask.now) - 2 * COMPACT_ROWS * Interval.D1.seconds
    bars = _settled_days(ask, listing, max(begin - begin % Interval.D1.seconds, 0), _known_until(ask))
    return _series(ask, about, "Time Series (Daily)", _newest(bars, full), _date)


def _quote(ask: Ask) -> Reply:
    entitlement = ask.params.get("entitlement", "")
    if entitlement and ask.free:
        return _information(PREMIUM_TEXT)
    top = "Global Quote - DATA DELAYED BY 15 MINUTES" if entitlement == "delayed" else "Global Quote"
    listing = _listing(ask)
    begin = int(ask.now) - TRAILING_DAYS * Interval.D1.seconds
    rows = sorted(_settled_days(ask, listing, begin, _known_until(ask)).rows()) if listing else []
    if listing is None or not rows:
        return Reply(200, {top: {}})
    day, opened, high, low, price, volume = rows[-1]
    before = rows[-2][4] if len(rows) > 1 else opened
    return Reply(200, {top: {
        "01. symbol": listing.label, "02. open": f"{opened:.4f}", "03. high": f"{high:.4f}",
        "04. low": f"{low:.4f}", "05. price": f"{price:.4f}", "06. volume": f"{volume:.0f}",
        "07. latest trading day": _date(day),
        "08. previous close": f"{before:.4f}", "09. change": f"{price - before:.4f}",
        "10. change percent": f"{(price - before) / before * 100:.4f}%",
    }})  # fmt: skip


def _listing(ask: Ask) -> Listing | None:
    """What is played for the symbol; crypto pairs are not symbols of these functions."""
    symbols = symbols_of(ask)
    listing = ask.tape.listing(symbols[0]) if symbols else None
    return None if listing is None or listing.asset_type is AssetType.CRYPTO else listing


def _window(ask: Ask) -> Span | None:
    """The month asked for, in New York; else the trailing days. None if the month cannot be read."""
    month = ask.params.get("month")
    if month is None:
        return Span(int(ask.now) - TRAILING_DAYS * Interval.D1.seconds, int(ask.now) + 1)
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", month)
    if found is None or int(found[1]) < 2000:
        return None
    year, number = int(found[1]), int(found[2])
    begin = datetime(year, number, 1, tzinfo=_ZONE)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=_ZONE)
    return Span(int(begin.timestamp()), int(end.timestamp()))


def _known_until(ask: Ask) -> float:
    """Up to which moment the plan shows the running session; 0: not before it is over."""
    match ask.params.get("entitlement", ""):
        case "realtime" if not ask.free:
            return ask.now
        case "delayed" if not ask.free:
            return ask.now - DELAYED_SECONDS
    return 0.0


def _visible(ask: Ask, listing: Listing, bars: Bars, interval: Interval) -> Bars:
    """Without an entitlement to more: the bars of the sessions that are over."""
    session = listing.hours.extended.session_at(ask.now)
    known = _known_until(ask)
    if known:
        whole = 0 if known == ask.now else interval.seconds
        return bars.take(bars.ts + whole <= known)
    return bars.take(bars.ts < session.start) if session else bars


def _settled_days(ask: Ask, listing: Listing, begin: int, known: float) -> Bars:
    """The daily bars of the sessions that are over, and of the running one what is known until `known`."""
    span = Span(begin, int(ask.now) + 1)
    bars = ask.tape.bars(listing.symbol, Interval.D1, span, known or ask.now)
    running = listing.hours.regular.session_at(ask.now)
    if known or running is None:
        return bars
    return bars.take(bars.ts < running.start - running.start % Interval.D1.seconds)


def _newest(bars: Bars, full: bool) -> list[Row]:
    rows = bars.rows()[::-1]
    return rows if full else rows[:COMPACT_ROWS]


def _minute(at: int) -> str:
    return datetime.fromtimestamp(at, _ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _date(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _series(
    ask: Ask, about: dict[str, str], name: str, rows: list[Row], spell: Callable[[int], str]
) -> Reply:
    labels = [spell(row[0]) for row in rows]
    if ask.params.get("datatype") == "csv":
        head = "timestamp,open,high,low,close,volume"
        lines = (
            ",".join((label, *(f"{one:.4f}" for one in row[1:5]), f"{row[5]:.0f}"))
            for label, row in zip(labels, rows, strict=True)
        )
        return Reply(200, "\r\n".join((head, *lines, "")), content_type="application/x-download")
    if not rows:
        return Reply(200, {})
    about["3. Last Refreshed"] = max(labels)
    cells = (
        {
            f"{at}. {field}": f"{one:.4f}"
            for at, (field, one) in enumerate(zip(_FIELDS, row[1:5], strict=True), 1)
        }
        | {"5. volume": f"{row[5]:.0f}"}
        for row in rows
    )
    return Reply(200, {"Meta Data": about, name: dict(zip(labels, cells, strict=True))})


def _information(text: str) -> Reply:
    return Reply(200, {"Information": text})


def _error(text: str) -> Reply:
    return Reply(200, {"Error Message": text})


def _invalid(ask: Ask) -> Reply:
    return _error(CALL_TEXT.format(function=endpoint_of(ask)))
