"""Binance on the wire: candles as arrays of texts, tickers, and weights that are counted by the minute."""

import json
import math
import re
from collections.abc import Callable

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Limit
from market_data.simulate.fault import Fault
from market_data.simulate.protocol import NAMELESS, Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing

CALL_WEIGHT = 2
"""Of every call that is simulated; the real one weighs some more, by their parameters."""
_WEIGHT_A_MINUTE = 6000
_MINUTE = Limit(_WEIGHT_A_MINUTE // CALL_WEIGHT, 60)  # by address: nobody can buy more
FACTS = Facts(
    name="binance",
    title="Binance",
    base_path="",
    limits={Plan.FREE: (_MINUTE,), Plan.PREMIUM: (_MINUTE,), Plan.UNLIMITED: ()},
    endpoints=frozenset({"klines", "ticker/24hr", "ticker/bookTicker", "ticker/price", "time"}),
    mute={Fault.WRONG_SYMBOL: NAMELESS},
)

USUAL_ROWS = 500
MOST_ROWS = 1000

_DAY = Interval.D1.seconds
_INTERVALS = {
    "1m": Interval.M1, "5m": Interval.M5, "15m": Interval.M15, "1h": Interval.H1, "1d": Interval.D1,
}  # fmt: skip
_PAIR = re.compile(r"([A-Z0-9]+?)(?:USDT|USDC|FDUSD)")
_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
_NOT_FOUND = "<html><body><h2>404 Not found</h2></body></html>"


class _Wrong(Exception):
    """A parameter that cannot be, with Binance's code for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def endpoint_of(ask: Ask) -> str:
    """The path below /api/v3."""
    return ask.path.strip("/").removeprefix("api/v3/")


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The `symbol` or the `symbols` parameter; BTCUSDT is BTC-USD."""
    return tuple(_canonical(one) for one in _asked(ask))


def render(ask: Ask) -> Reply:
    """The answer to any request; keys are not looked at."""
    endpoint = endpoint_of(ask)
    if ask.allowance.over:
        return throttled(ask)
    if endpoint not in FACTS.endpoints or not ask.path.strip("/").startswith("api/v3/"):
        return Reply(404, _NOT_FOUND, content_type="text/html")
    if endpoint == "time":
        return _ok(ask, {"serverTime": int(ask.now * 1000)})
    try:
        return _ok(ask, _klines(ask) if endpoint == "klines" else _tickers(ask, _TICKERS[endpoint]))
    except _Wrong as wrong:
        return _error(ask, 400, wrong.code, str(wrong))


def throttled(ask: Ask) -> Reply:
    """429 with a Retry-After."""
    text = f"Too much request weight used; current limit is {_WEIGHT_A_MINUTE} request weight per 1 MINUTE."
    reply = _error(ask, 429, -1003, f"{text} Please use WebSocket Streams for live updates to avoid polling.")
    left = ask.allowance.reset - ask.now if ask.allowance.limit else _MINUTE.seconds
    return Reply(reply.status, reply.body, {**reply.headers, "Retry-After": str(max(math.ceil(left), 1))})


def uneven(body: object) -> object:
    """Candles the last of which has no close, so that what follows it moves up."""
    match body:
        case [*rows, [at, opened, high, low, _, *rest]]:
            return [*rows, [at, opened, high, low, *rest]]
    return body


def _klines(ask: Ask) -> list[list[object]]:
    listing = _listing(ask, _one_symbol(ask))
    spelled = ask.params.get("interval", "")
    interval = _INTERVALS.get(spelled)
    if not spelled:
        raise _Wrong(-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
    if interval is None:
        raise _Wrong(-1120, "Invalid interval.")
    limit = min(_number(ask, "limit", USUAL_ROWS), MOST_ROWS)
    length = interval.seconds
    end = _number(ask, "endTime", int(ask.now * 1000)) // 1000
    # without a beginning the newest rows are told, with one the oldest
    begin = -(-_number(ask, "startTime", (end - (limit - 1) * length) // length * length * 1000) // 1000)
    if limit < 1 or begin > end:
        return []
    last = min(end, begin + limit * length)
    bars = ask.tape.bars(listing.symbol, interval, Span(begin, last + 1), ask.now)
    return [_kline(row, length) for row in bars.rows()[:limit]]


def _kline(row: Row, length: int) -> list[object]:
    at, opened, high, low, close, volume = row
    quoted = volume * (high + low) / 2
    return [
        at * 1000, _text(opened), _text(high), _text(low), _text(close), _text(volume),
        (at + length) * 1000 - 1, _text(quoted), _trades(volume), _text(volume / 2), _text(quoted / 2), "0",
    ]  # fmt: skip


def _tickers(ask: Ask, ticker: Callable[[Ask, Listing], dict[str, object]]) -> object:
    if "symbols" in ask.params:
        return [ticker(ask, _listing(ask, symbol)) for symbol in _asked(ask)]
    return ticker(ask, _listing(ask, _one_symbol(ask)))


def _day_of(ask: Ask, listing: Listing) -> dict[str, object]:
    begin = int(ask.now) - _DAY
    rows = sorted(ask.tape.bars(listing.symbol, Interval.M1, Span(begin, int(ask.now) + 1), ask.now).rows())
    prices = _prices(rows)
    first, volume = (rows[0][1], sum(row[5] for row in rows)) if rows else (0.0, 0.0)
    last = rows[-1][4] if rows else 0.0
    return {
        "symbol": _label(listing), "priceChange": _text(last - first),
        "priceChangePercent": f"{(last - first) / first * 100 if first else 0:.3f}",
        "weightedAvgPrice": _text((first + last) / 2), "prevClosePrice": _text(first), **prices,
        "openPrice": _text(first), "highPrice": _text(max((row[2] for row in rows), default=0.0)),
        "lowPrice": _text(min((row[3] for row in rows), default=0.0)), "volume": _text(volume),
        "quoteVolume": _text(volume * (first + last) / 2), "openTime": begin * 1000,
        "closeTime": int(ask.now * 1000), "firstId": 1, "lastId": 1 + _trades(volume),
        "count": 1 + _trades(volume),
    }  # fmt: skip


def _prices(rows: list[Row]) -> dict[str, object]:
    last = rows[-1][4] if rows else 0.0
    size = "0.50000000" if rows else "0.00000000"
    return {
        "lastPrice": _text(last), "lastQty": "0.00100000",
        "bidPrice": _text(last - 0.01 if rows else 0.0), "bidQty": size,
        "askPrice": _text(last), "askQty": size,
    }  # fmt: skip


def _book(ask: Ask, listing: Listing) -> dict[str, object]:
    day = _day_of(ask, listing)
    return {name: day[name] for name in ("symbol", "bidPrice", "bidQty", "askPrice", "askQty")}


def _price(ask: Ask, listing: Listing) -> dict[str, object]:
    day = _day_of(ask, listing)
    return {"symbol": day["symbol"], "price": day["lastPrice"]}


_TICKERS = {"ticker/24hr": _day_of, "ticker/bookTicker": _book, "ticker/price": _price}


def _asked(ask: Ask) -> list[str]:
    """The symbols as they were spelled."""
    if "symbol" in ask.params:
        return [ask.params["symbol"]]
    try:
        listed = json.loads(ask.params.get("symbols", "[]"))
    except ValueError:
        return []
    return [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []


def _one_symbol(ask: Ask) -> str:
    symbol = ask.params.get("symbol", "")
    if not symbol:
        raise _Wrong(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    return symbol


def _listing(ask: Ask, symbol: str) -> Listing:
    """What is played for a symbol; pairs in tether and the like alone."""
    if not _SYMBOL.fullmatch(symbol):
        legal = "legal range is '^[A-Z0-9-_.]{1,20}$'"
        raise _Wrong(-1100, f"Illegal characters found in parameter 'symbol'; {legal}.")
    pair = _canonical(symbol)
    listing = ask.tape.listing(pair) if pair != symbol else None
    if listing is None or listing.asset_type is not AssetType.CRYPTO:
        raise _Wrong(-1121, "Invalid symbol.")
    return listing


def _canonical(symbol: str) -> str:
    pair = _PAIR.fullmatch(symbol)
    return f"{pair[1]}-USD" if pair else symbol


def _label(listing: Listing) -> str:
    base, dash, _ = listing.label.rpartition("-USD")
    return f"{base}USDT" if dash else listing.label


def _number(ask: Ask, name: str, usual: int) -> int:
    text = ask.params.get(name)
    if text is None:
        return usual
    if not re.fullmatch(r"\d{1,20}", text):
        raise _Wrong(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        )
    return int(text)


def _text(number: float) -> str:
    return f"{number:.8f}"


def _trades(volume: float) -> int:
    return int(volume) // 10 + 1 if math.isfinite(volume) else 0


def _ok(ask: Ask, body: object) -> Reply:
    return Reply(200, body, _weights(ask), "application/json;charset=UTF-8")


def _error(ask: Ask, status: int, code: int, text: str) -> Reply:
    body = {"code": code, "msg": text}
    return Reply(status, body, _weights(ask), "application/json;charset=UTF-8")


def _weights(ask: Ask) -> dict[str, str]:
    """What of the minute's weight is spent."""
    limit = ask.allowance.limit
    used = (limit.calls - ask.allowance.remaining) * CALL_WEIGHT if limit else CALL_WEIGHT
    return {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
