"""One question put to any of the three providers, and its rows in one form."""

from typing import Any

from market_data.simulate import Plan

from .conftest import Got, Rig, at

NOW = "2024-07-03T15:00:00Z"
BEGIN, END = at("2024-07-03T13:30:00Z"), at("2024-07-03T13:40:00Z")
PROVIDERS = ("alphavantage", "finnhub", "yahoo")
OPEN_TO_ALL = {"plans": dict.fromkeys(PROVIDERS, Plan.UNLIMITED)}
Rows = list[tuple[Any, Any, Any, Any, Any, Any]]


async def minutes(it: Rig, provider: str, symbol: str = "AAPL") -> Got:
    """The first ten minutes of the session, as a provider tells them."""
    if provider == "finnhub":
        window = {"from": BEGIN, "to": END - 1}
        return await it.finnhub("stock/candle", symbol=symbol, resolution="1", **window)
    if provider == "yahoo":
        return await it.yahoo(symbol, period1=BEGIN, period2=END - 1, interval="1m")
    asked = {"symbol": symbol, "interval": "1min", "month": "2024-07", "outputsize": "full"}
    return await it.alpha_vantage("TIME_SERIES_INTRADAY", entitlement="realtime", **asked)


def rows(got: Got) -> Rows:
    """The rows of an answer in the order in which they were told; times in epoch seconds, or as spelled."""
    body = got.json
    if "chart" in body:
        [result] = body["chart"]["result"]
        [quote] = result["indicators"]["quote"]
        names = ("open", "high", "low", "close", "volume")
        return list(zip(result.get("timestamp", []), *(quote.get(name, []) for name in names), strict=True))
    if "Time Series (1min)" in body:
        told = body["Time Series (1min)"].items()
        table = [(label, *(float(cell) for cell in cells.values())) for label, cells in told]
        return [row for row in table[::-1] if "2024-07-03 09:30" <= row[0] < "2024-07-03 09:40"]
    return list(zip(*(body.get(name, []) for name in "tohlcv"), strict=True))


async def truth(it: Rig) -> Rows:
    return [tuple(row) for row in (await it.get("/sim/bars/AAPL", start=BEGIN, end=END)).json["rows"]]
