"""Finnhub on the wire: quotes, candles and the market's status."""

import math
import re

from market_data.market.bar import Bars
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Limit
from market_data.simulate.adjust import AdjustedTape
from market_data.simulate.fault import Fault
from market_data.simulate.protocol import INVALID_KEY, NAMELESS, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing, canonical, trading_hours

_BURST = Limit(30, 1)  # on every plan
FACTS = Facts(
    name="finnhub",
    title="Finnhub",
    base_path="/api/v1",
    limits={Plan.FREE: (Limit(60, 60), _BURST), Plan.PREMIUM: (Limit(300, 60), _BURST), Plan.UNLIMITED: ()},
    endpoints=frozenset({"quote", "stock/candle", "crypto/candle", "stock/market-status"}),
    mute={Fault.WRONG_SYMBOL: NAMELESS},
)

LONGEST_INTRADAY = 30 * 86_400
"""Seconds: "only 1 month of intraday data is returned at a time", the newest."""
QUOTE_LAG = 20
"""Seconds that a quote's `t` was seen behind the wall clock."""

_RESOLUTIONS = {
    "1": Interval.M1, "5": Interval.M5, "15": Interval.M15, "60": Interval.H1, "D": Interval.D1,
}  # fmt: skip
_VENUE = re.compile(r"(?:BINANCE|COINBASE|KRAKEN):([A-Z0-9]+?)-?(?:USDT|USD)")
_REDIRECT = (
    "<html>\r\n<head><title>302 Found</title></head>\r\n<body><h1>302 Found</h1></body>\r\n</html>\r\n"
)
_NO_QUOTE = {"c": 0, "d": None, "dp": None, "h": 0, "l": 0, "o": 0, "pc": 0, "t": 0}


def endpoint_of(ask: Ask) -> str:
    """The path below the base URL."""
    return ask.path.strip("/")


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The `symbol` parameter; BINANCE:BTCUSDT is BTC-USD."""
    symbol = ask.params.get("symbol", "").strip().upper()
    venue = _VENUE.fullmatch(symbol)
    return (f"{venue[1]}-USD" if venue else canonical(symbol),) if symbol else ()


def render(ask: Ask) -> Reply:
    """The answer to any request; HEAD and unknown paths are redirected to a page, as they really are."""
    endpoint = endpoint_of(ask)
    if ask.method != "GET" or endpoint not in FACTS.endpoints:
        return Reply(302, _REDIRECT, {"Location": "/"}, "text/html")
    key = ask.headers.get("x-finnhub-token") or ask.params.get("token", "")
    if not key:
        return _error(ask, 401, "Please use an API key.")
    if key == INVALID_KEY:
        return _error(ask, 401, "Invalid API key.")
    if ask.allowance.over:
        return throttled(ask)
    if endpoint.endswith("/candle"):
        return _candles(ask, endpoint)
    return _quote(ask) if endpoint == "quote" else _status(ask)


def throttled(ask: Ask) -> Reply:
    """429, with the same headers as any answer and no Retry-After."""
    reply = _error(ask, 429, "API limit reached. Please try again later. Remaining Limit: 0")
    return Reply(reply.status, reply.body, {**reply.headers, "X-Ratelimit-Remaining": "0"})


def uneven(body: object) -> object:
    """Candles whose closes are one fewer than their times."""
    match body:
        case {"c": [*closes], "s": "ok", **rest}:
            return {"c": closes[:-1], "s": "ok", **rest}
    return body


def _candles(ask: Ask, endpoint: str) -> Reply:
    if ask.free:
        return _error(ask, 403, "You don't have access to this resource.")
    interval = _RESOLUTIONS.get(ask.params.get("resolution", ""))
    begin, end = (_seconds(ask.params.get(name)) for name in ("from", "to"))
    symbols = symbols_of(ask)
    if interval is None:
        return _error(ask, 422, f"Wrong resolution: this simulator has {', '.join(_RESOLUTIONS)}")
    if not symbols or begin is None or end is None or begin > end:
        return _error(ask, 422, "Wrong parameters: symbol, and from not after to in UNIX seconds, are needed")
    listing = ask.tape.listing(symbols[0])
    if listing is None or (listing.asset_type is AssetType.CRYPTO) != (endpoint == "crypto/candle"):
        return _ok(ask, {"s": "no_data"})
    if interval is not Interval.D1:
        begin = max(begin, end - LONGEST_INTRADAY)
    tape = AdjustedTape(ask.tape) if interval is Interval.D1 else ask.tape
    return _ok(ask, _columns(tape.bars(listing.symbol, interval, Span(begin, end + 1), ask.now)))


def _columns(bars: Bars) -> dict[str, object]:
    if not len(bars):
        return {"s": "no_data"}
    prices = {name: column.tolist() for name, column in zip("ohlc", bars.columns()[1:5], strict=True)}
    volumes = [int(one) if math.isfinite(one) else one for one in bars.volume.tolist()]
    return {"c": prices["c"], "h": prices["h"], "l": prices["l"], "o": prices["o"], "s": "ok",
            "t": bars.ts.tolist(), "v": volumes}  # fmt: skip


def _quote(ask: Ask) -> Reply:
    symbols = symbols_of(ask)
    listing = ask.tape.listing(symbols[0]) if symbols else None
    span = Span(int(ask.now) - LONGEST_INTRADAY, int(ask.now) + 1)
    rows = sorted(ask.tape.bars(listing.symbol, Interval.D1, span, ask.now).rows()) if listing else []
    if listing is None or not rows:
        return _ok(ask, _NO_QUOTE)
    day, opened, high, low, price, _ = rows[-1]
    before = rows[-2][4] if len(rows) > 1 else opened
    change = price - before
    return _ok(ask, {
        "c": price, "d": round(change, 4), "dp": round(change / before * 100, 4), "h": high, "l": low,
        "o": opened, "pc": before, "t": _traded_at(listing, day, ask.now),
    })  # fmt: skip


def _traded_at(listing: Listing, day: int, now: float) -> int:
    """When the quote's trade happened: some seconds ago in the session, at the close after it."""
    sessions = listing.hours.regular.sessions(Span(day, day + Interval.D1.seconds))
    session = sessions[0] if sessions else Span(day, day + Interval.D1.seconds)
    return max(min(int(now) - QUOTE_LAG, session.end), session.start)


def _status(ask: Ask) -> Reply:
    hours = trading_hours(AssetType.EQUITY)
    regular = hours.regular.is_open(ask.now)
    phase: str | None = "regular"
    if not regular:
        session = hours.extended.session_at(ask.now)
        later = hours.regular.next_open(ask.now)
        before = session is not None and later is not None and later < session.end
        phase = None if session is None else "pre-market" if before else "post-market"
    return _ok(ask, {
        "exchange": "US", "holiday": None, "isOpen": regular, "session": phase,
        "timezone": "America/New_York", "t": int(ask.now),
    })  # fmt: skip


def _ok(ask: Ask, body: object) -> Reply:
    return Reply(200, body, _rate_headers(ask))


def _error(ask: Ask, status: int, text: str) -> Reply:
    return Reply(status, {"error": text}, _rate_headers(ask))


def _rate_headers(ask: Ask) -> dict[str, str]:
    if ask.allowance.limit is None:
        return {}
    return {
        "X-Ratelimit-Limit": str(ask.allowance.limit.calls),
        "X-Ratelimit-Remaining": str(ask.allowance.remaining),
        "X-Ratelimit-Reset": str(math.ceil(ask.allowance.reset)),
    }


def _seconds(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"-?\d{1,11}", text) else None
