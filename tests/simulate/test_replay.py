"""Recorded bars told by each protocol are the rows of the file, value for value."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from market_data.simulate import Plan, discover

from .conftest import Rig, Rigged, at

REAL = Path(__file__).parents[3] / "shared/data/mplfinance/SP500_NOV2019_IDay.csv"
NEW_YORK = ZoneInfo("America/New_York")
BEGIN, END = at("2019-11-05T00:00:00Z"), at("2019-11-09T00:00:00Z")
Table = dict[int, tuple[float, ...]]
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        not REAL.is_file(), reason="the recorded S&P 500 minutes are not beside this checkout"
    ),
]


def recorded() -> Table:
    """The file by epoch seconds: open, high, low, close, volume."""
    table: Table = {}
    for line in REAL.read_text().splitlines()[1:]:
        time, o, c, h, low, v = line.split(",")
        label = datetime.strptime(time, "%m/%d/%Y %H:%M").replace(tzinfo=NEW_YORK)
        table[int(label.timestamp())] = (float(o), float(h), float(low), float(c), float(v))
    return table


async def by_finnhub(it: Rig) -> Table:
    body = (
        await it.finnhub("stock/candle", symbol="^GSPC", resolution="1", **{"from": BEGIN, "to": END})
    ).json
    columns = zip(*(body[name] for name in "tohlcv"), strict=True)
    return {time: tuple(float(one) for one in row) for time, *row in columns}


async def by_yahoo(it: Rig) -> Table:
    body = (await it.yahoo("%5EGSPC", period1=BEGIN, period2=END, interval="1m")).json
    [result] = body["chart"]["result"]
    [quote] = result["indicators"]["quote"]
    names = ("open", "high", "low", "close", "volume")
    columns = zip(result["timestamp"], *(quote[name] for name in names), strict=True)
    return {time: tuple(round(float(one), 2) for one in row) for time, *row in columns}


async def by_alpha_vantage(it: Rig) -> Table:
    asked = {"symbol": "^GSPC", "interval": "1min", "month": "2019-11", "outputsize": "full"}
    body = (await it.alpha_vantage("TIME_SERIES_INTRADAY", **asked)).json
    table: Table = {}
    for time, row in body["Time Series (1min)"].items():
        label = datetime.fromisoformat(time).replace(tzinfo=NEW_YORK)
        table[int(label.timestamp())] = tuple(float(cell) for cell in row.values())
    return table


async def by_alpaca(it: Rig) -> Table:
    asked = {"symbols": "SPXX", "timeframe": "1Min", "limit": 10000}
    asked |= {"start": "2019-11-05", "end": "2019-11-09"}
    body = (await it.alpaca("v2/stocks/bars", **asked)).json
    return {at(row["t"]): tuple(float(row[name]) for name in "ohlcv") for row in body["bars"]["SPXX"]}


async def by_binance(it: Rig) -> Table:
    table: Table = {}
    for begin in range(BEGIN, END, 60_000):
        asked = {"symbol": "SPXUSDT", "interval": "1m", "limit": 1000}
        window = {"startTime": begin * 1000, "endTime": min(begin + 60_000, END) * 1000 - 1}
        for label, *row in (await it.binance("klines", **asked, **window)).json:
            table[label // 1000] = tuple(float(cell) for cell in row[:5])
    return table


async def by_coinbase(it: Rig) -> Table:
    table: Table = {}
    for begin in range(BEGIN, END, 18_000):
        window = {"start": begin, "end": begin + 17_999, "granularity": 60}
        for label, low, high, opened, *rest in (await it.coinbase("products/SPX-USD/candles", **window)).json:
            table[label] = (opened, high, low, *rest)
    return {label: row for label, row in table.items() if label < END}


async def test_every_protocol_tells_the_recorded_minutes(rig: Rigged) -> None:
    plans = dict.fromkeys(discover(), Plan.PREMIUM) | {"coinbase": Plan.UNLIMITED}  # 20 calls at once
    symbols = ("^GSPC", "SPXX", "SPX-USD")  # not everybody has indices
    it = await rig("2019-11-09T12:00:00Z", plans=plans, recorded=dict.fromkeys(symbols, REAL))
    right = recorded()
    assert len(right) == 1563
    assert await by_finnhub(it) == right
    assert await by_alpha_vantage(it) == right
    assert await by_yahoo(it) == right
    assert await by_alpaca(it) == right
    assert await by_binance(it) == right
    assert await by_coinbase(it) == right
