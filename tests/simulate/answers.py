"""One question put to any of the providers, and its rows in one form."""

from typing import Any

from market_data.market.span import Span
from market_data.simulate import Plan, discover

from .conftest import Got, Rig, at

NOW = "2024-07-03T15:00:00Z"
PROVIDERS = tuple(discover())
SYMBOLS = dict.fromkeys(("binance", "coinbase"), "BTC-USD")
"""What is asked of providers that have no AAPL."""
OPEN_TO_ALL = {"plans": dict.fromkeys(PROVIDERS, Plan.UNLIMITED)}
BINANCES = "application/json;charset=UTF-8"
"""Its spelling of what others spell with a blank; candles of both exchanges of crypto are bare arrays."""
Rows = list[tuple[Any, Any, Any, Any, Any, Any]]


def window(provider: str) -> Span:
    """The first ten minutes of the session: a session of crypto begins at midnight."""
    begin = at("2024-07-03T00:00:00Z" if provider in SYMBOLS else "2024-07-03T13:30:00Z")
    return Span(begin, begin + 600)


async def minutes(it: Rig, provider: str, symbol: str = "") -> Got:
    """The minutes of `window`, as a provider tells them."""
    symbol, span = symbol or SYMBOLS.get(provider, "AAPL"), window(provider)
    if provider == "finnhub":
        asked: dict[str, object] = {"from": span.start, "to": span.end - 1}
        return await it.finnhub("stock/candle", symbol=symbol, resolution="1", **asked)
    if provider == "yahoo":
        return await it.yahoo(symbol, period1=span.start, period2=span.end - 1, interval="1m")
    if provider == "alpaca":
        asked = {"start": "2024-07-03T13:30:00Z", "end": "2024-07-03T13:39:59Z", "timeframe": "1Min"}
        return await it.alpaca("v2/stocks/bars", symbols=symbol, **asked)
    if provider == "binance":
        pair = symbol.replace("-USD", "USDT")
        asked = {"startTime": span.start * 1000, "endTime": span.end * 1000 - 1, "interval": "1m"}
        return await it.binance("klines", symbol=pair, **asked)
    if provider == "coinbase":
        asked = {"start": span.start, "end": span.end - 1, "granularity": 60}
        return await it.coinbase(f"products/{symbol}/candles", **asked)
    asked = {"symbol": symbol, "interval": "1min", "month": "2024-07", "outputsize": "full"}
    return await it.alpha_vantage("TIME_SERIES_INTRADAY", entitlement="realtime", **asked)


def rows(got: Got) -> Rows:
    """The rows of an answer in the order in which they were told; times in epoch seconds, or as spelled."""
    body = got.json
    if isinstance(body, list) and got.headers["content-type"] == BINANCES:
        return [(row[0] // 1000, *(float(cell) for cell in row[1:6])) for row in body]
    if isinstance(body, list):  # the newest is told first
        return [(at, opened, high, low, *rest) for at, low, high, opened, *rest in body[::-1]]
    if "chart" in body:
        [result] = body["chart"]["result"]
        [quote] = result["indicators"]["quote"]
        names = ("open", "high", "low", "close", "volume")
        return list(zip(result.get("timestamp", []), *(quote.get(name, []) for name in names), strict=True))
    if "bars" in body:
        return [tuple(row[name] for name in "tohlcv") for told in body["bars"].values() for row in told]
    if "Time Series (1min)" in body:
        told = body["Time Series (1min)"].items()
        table = [(label, *(float(cell) for cell in cells.values())) for label, cells in told]
        return [row for row in table[::-1] if "2024-07-03 09:30" <= row[0] < "2024-07-03 09:40"]
    return list(zip(*(body.get(name, []) for name in "tohlcv"), strict=True))


async def truth(it: Rig, provider: str = "") -> Rows:
    """The rows that the market really had, of what a provider is asked for."""
    span, symbol = window(provider), SYMBOLS.get(provider, "AAPL")
    got = await it.get(f"/sim/bars/{symbol}", start=span.start, end=span.end)
    return [tuple(row) for row in got.json["rows"]]
