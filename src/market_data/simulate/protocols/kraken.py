"""Kraken on the wire: candles and tickers under names of its own, and errors in answers that are 200."""

import math
import re

from market_data.market.bar import Row
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Limit
from market_data.simulate.decimals import decimals
from market_data.simulate.protocol import Ask, Facts, Plan, Reply
from market_data.simulate.tape import Listing

_LIMITS = (Limit(15, 15), Limit(5, 1))  # one a second, for a moment more; by address: nobody can buy more
FACTS = Facts(
    name="kraken",
    title="Kraken",
    base_path="",
    limits={Plan.FREE: _LIMITS, Plan.PREMIUM: _LIMITS, Plan.UNLIMITED: ()},
    endpoints=frozenset({"OHLC", "Ticker", "Time"}),
)

PRICE_DECIMALS = 5
"""Decimals of a price at least; those of a cheap coin have more."""
KEPT_ROWS = 720
"""Of each interval, whatever is asked for."""

_DAY = Interval.D1.seconds
_INTERVALS = {
    str(one.seconds // 60): one for one in (Interval.M1, Interval.M5, Interval.M15, Interval.H1, Interval.D1)
}
_CURRENCIES = ("USDT", "USDC", "USD", "EUR", "XBT")
_OLD = frozenset({"XBT", "ETH", "LTC", "XRP", "XLM", "XMR", "ZEC", "ETC"})
"""Coins whose pairs are told with marks: XXBTZUSD, but SOLUSD."""
_ALIASES = {"XBT": "BTC", "XDG": "DOGE"}


def endpoint_of(ask: Ask) -> str:
    """The path below /0/public."""
    return ask.path.strip("/").removeprefix("0/public/")


def symbols_of(ask: Ask) -> tuple[str, ...]:
    """The `pair` parameter; XBTUSD, XXBTZUSD and BTC/USD are BTC-USD."""
    return tuple(_canonical(one) for one in ask.params.get("pair", "").upper().split(",") if one)


def render(ask: Ask) -> Reply:
    """The answer to any request; keys are not looked at."""
    if ask.allowance.over:
        return throttled(ask)
    endpoint = endpoint_of(ask)
    if endpoint not in FACTS.endpoints or not ask.path.strip("/").startswith("0/public/"):
        return _error("EGeneral:Unknown method")
    if endpoint == "Time":
        return _ok({"unixtime": int(ask.now), "rfc1123": ""})
    listings = [_listing(ask, symbol) for symbol in symbols_of(ask)]
    if not listings or (endpoint == "OHLC" and len(listings) > 1):
        return _error("EGeneral:Invalid arguments")
    found = [one for one in listings if one is not None]
    if len(found) < len(listings):
        return _error("EQuery:Unknown asset pair")
    return _candles(ask, found[0]) if endpoint == "OHLC" else _tickers(ask, found)


def throttled(ask: Ask) -> Reply:  # noqa: ARG001 - it is the same whatever was asked
    """HTTP 200 that says so in its error, without a Retry-After."""
    return _error("EGeneral:Too many requests")


def uneven(body: object) -> object:
    """Candles the last of which has no close, so that what follows it moves up."""
    match body:
        case {"result": {"last": last, **told}, **rest}:
            return {"result": {**{name: _short(rows) for name, rows in told.items()}, "last": last}, **rest}
    return body


def _short(rows: object) -> object:
    match rows:
        case [*before, [at, opened, high, low, _, *rest]]:
            return [*before, [at, opened, high, low, *rest]]
    return rows


def _candles(ask: Ask, listing: Listing) -> Reply:
    interval = _INTERVALS.get(ask.params.get("interval", "1"))
    since = ask.params.get("since", "0")
    if interval is None or not re.fullmatch(r"\d{1,11}", since):
        return _error("EGeneral:Invalid arguments")
    length = interval.seconds
    newest = interval.floor(ask.now)
    begin = max(newest - (KEPT_ROWS - 1) * length, int(since) + 1)
    # the running row comes always
    rows = ask.tape.bars(listing.symbol, interval, Span(min(begin, newest), newest + 1), ask.now).rows()
    return _ok({_label(listing): [_candle(row) for row in rows], "last": newest - length})


def _candle(row: Row) -> list[object]:
    at, opened, high, low, close, volume = row
    average = (high + low + close) / 3
    return [
        at, *(decimals(one, PRICE_DECIMALS) for one in (opened, high, low, close)), _price(average),
        f"{volume:.8f}",
        int(volume) // 10 + 1 if math.isfinite(volume) else 0,
    ]  # fmt: skip


def _tickers(ask: Ask, listings: list[Listing]) -> Reply:
    found = {_label(one): ticker for one in listings if (ticker := _ticker(ask, one))}
    return _ok(found) if len(found) == len(listings) else _error("EService:Unavailable")


def _ticker(ask: Ask, listing: Listing) -> dict[str, object] | None:
    span = Span(int(ask.now) - _DAY, int(ask.now) + 1)
    rows = sorted(ask.tape.bars(listing.symbol, Interval.M1, span, ask.now).rows())
    if not rows:
        return None
    midnight = int(ask.now) // _DAY * _DAY
    today = [row for row in rows if row[0] >= midnight] or rows[-1:]
    low, high = (
        [_price(pick(row[place] for row in part)) for part in (today, rows)]
        for pick, place in ((min, 3), (max, 2))
    )
    volumes = [f"{sum(row[5] for row in part):.8f}" for part in (today, rows)]
    price = rows[-1][4]
    return {
        "a": [_price(price), "1", "1.000"], "b": [_price(price - 0.01), "2", "2.000"],
        "c": [decimals(price, PRICE_DECIMALS), "0.00100000"], "v": volumes, "p": [_price(price)] * 2,
        "t": [len(today), len(rows)], "l": low, "h": high, "o": _price(today[0][1]),
    }  # fmt: skip


def _listing(ask: Ask, symbol: str) -> Listing | None:
    listing = ask.tape.listing(symbol)
    return listing if listing is not None and listing.asset_type is AssetType.CRYPTO else None


def _canonical(pair: str) -> str:
    """Our name of a pair; nothing known comes of one that is none."""
    pair = pair.replace("/", "")
    marked = re.fullmatch(r"[XZ]([A-Z]{3})[XZ]([A-Z]{3})", pair)
    coin, currency = (marked[1], marked[2]) if marked else _split(pair)
    return f"{_ALIASES.get(coin, coin)}-{_ALIASES.get(currency, currency)}"


def _split(pair: str) -> tuple[str, str]:
    currency = next((one for one in _CURRENCIES if pair.endswith(one) and pair != one), "")
    return pair.removesuffix(currency) if currency else pair, currency


def _label(listing: Listing) -> str:
    names = {ours: theirs for theirs, ours in _ALIASES.items()}
    coin, _, currency = listing.label.rpartition("-")
    coin = names.get(coin, coin)
    if coin in _OLD and currency in {"USD", "EUR"}:
        return f"X{coin}Z{currency}"
    return f"{coin}{currency}"


def _price(number: float) -> str:
    return f"{number:.{PRICE_DECIMALS}f}"


def _ok(result: object) -> Reply:
    return Reply(200, {"error": [], "result": result}, content_type="application/json")


def _error(text: str) -> Reply:
    return Reply(200, {"error": [text]}, content_type="application/json")
