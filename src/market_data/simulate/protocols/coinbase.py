"""Coinbase Exchange on the wire: candles as arrays of numbers, newest first, and tickers of products."""

import math
import re
from datetime import UTC, datetime

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.provider import Limit
from market_data.simulate.decimals import decimals
from market_data.simulate.fault import Fault
from market_data.simulate.protocol import NAMELESS, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing

_LIMITS = (Limit(15, 1), Limit(100, 10))  # 10 a second, for a moment 15; by address: nobody can buy more
FACTS = Facts(
    name="coinbase",
    title="Coinbase Exchange",
    base_path="",
    limits={Plan.FREE: _LIMITS, Plan.PREMIUM: _LIMITS, Plan.UNLIMITED: ()},
    endpoints=frozenset({"products/candles", "products/ticker", "time"}),
    mute={Fault.WRONG_SYMBOL: NAMELESS},
)

MOST_CANDLES = 300
"""That many times its granularity a window may be long: both ends belong to it, so it may have one more."""
UNASKED_CANDLES = 350
"""The newest ones, where no window is asked for."""

_DAY = Interval.D1.seconds
_GRANULARITIES = {
    str(one.seconds): one for one in (Interval.M1, Interval.M5, Interval.M15, Interval.H1, Interval.D1)
}
_TOO_MANY = (
    "granularity too small for the requested time range. Count of aggregations requested exceeds"
    f" {MOST_CANDLES}"
)


def endpoint_of(ask: Ask) -> str:
    """The path without the product."""
    return "/".join(part for at, part in enumerate(ask.path.strip("/").split("/")) if at != 1)


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The product in the path; it is spelled as here."""
    parts = ask.path.strip("/").split("/")
    return (parts[1].upper(),) if parts[0] == "products" and len(parts) > 1 else ()


def render(ask: Ask) -> Reply:
    """The answer to any request; keys are not looked at."""
    if not ask.headers.get("user-agent"):
        return _error(400, "User-Agent header is required.")
    if ask.allowance.over:
        return throttled(ask)
    endpoint, symbols = endpoint_of(ask), symbols_of(ask)
    if endpoint == "time":
        return _ok({"iso": f"{moment(ask.now):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z", "epoch": ask.now})
    listing = ask.tape.listing(symbols[0]) if symbols else None
    if endpoint not in FACTS.endpoints or listing is None or listing.asset_type is not AssetType.CRYPTO:
        return _error(404, "NotFound")
    return _candles(ask, listing) if endpoint == "products/candles" else _ticker(ask, listing)


def throttled(ask: Ask) -> Reply:  # noqa: ARG001 - it is the same whatever was asked
    """429 without a Retry-After."""
    return _error(429, "Public rate limit exceeded")


def uneven(body: object) -> object:
    """Candles the last of which has no close, so that its volume moves up."""
    match body:
        case [*rows, [at, low, high, opened, _, volume]]:
            return [*rows, [at, low, high, opened, volume]]
    return body


def _candles(ask: Ask, listing: Listing) -> Reply:
    interval = _GRANULARITIES.get(ask.params.get("granularity", "60"))
    if interval is None:
        return _error(400, "Unsupported granularity")
    begin, end = _moment(ask.params.get("start", "")), _moment(ask.params.get("end", ""))
    if any(ask.params.get(name) and at is None for name, at in (("start", begin), ("end", end))):
        return _error(400, "Invalid start or end")
    if begin is None or end is None:  # one alone counts for nothing
        begin, end = interval.floor(ask.now) - (UNASKED_CANDLES - 1) * interval.seconds, int(ask.now)
    elif end - begin > MOST_CANDLES * interval.seconds:
        return _error(400, _TOO_MANY)
    if begin > end:
        return _error(400, "Invalid start or end")
    rows = ask.tape.bars(listing.symbol, interval, Span(begin, end + 1), ask.now).rows()
    return _ok([_candle(row) for row in rows[::-1]])


def _candle(row: Row) -> list[float]:
    at, opened, high, low, close, volume = row
    return [at, low, high, opened, close, volume]


def _ticker(ask: Ask, listing: Listing) -> Reply:
    span = Span(int(ask.now) - _DAY, int(ask.now) + 1)
    rows = sorted(ask.tape.bars(listing.symbol, Interval.M1, span, ask.now).rows())
    if not rows:
        return _error(404, "NotFound")
    price, volume = rows[-1][4], sum(row[5] for row in rows)
    at = max(float(rows[-1][0]), ask.now - 0.5)
    return _ok({
        "ask": decimals(price, 2), "bid": f"{price - 0.01:.2f}", "volume": f"{volume:.8f}",
        "trade_id": int(volume) if math.isfinite(volume) else 0, "price": decimals(price, 2),
        "size": "0.00100000", "time": f"{moment(at):%Y-%m-%dT%H:%M:%S.%f}Z",
    })  # fmt: skip


def _moment(text: str) -> int | None:
    if re.fullmatch(r"\d{1,11}", text):
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(at.replace(tzinfo=at.tzinfo or UTC).timestamp())


def _ok(body: object) -> Reply:
    return Reply(200, body)


def _error(status: int, text: str) -> Reply:
    return Reply(status, {"message": text})
