"""Binance's."""

from typing import Any

from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.simulate import Fault
from simulate.conftest import Got, Rig
from simulate.voice import Rows, Voice


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    window = {"startTime": span.start * 1000, "endTime": span.end * 1000 - 1, "limit": 1000}
    return await it.binance("klines", symbol=symbol.replace("-USD", "USDT"), interval="1m", **window)


def _rows(body: Any) -> Rows:
    return [(row[0] // 1000, *(float(cell) for cell in row[1:6])) for row in body]


VOICE = Voice(
    name="binance",
    minutes=_minutes,
    rows=_rows,
    closes=lambda body: sum(len(row) == 12 for row in body),
    throttled="Too much request weight used",
    nothing=lambda body: body == [],
    asset_type=AssetType.CRYPTO,
    rests=True,
    nan='"nan"',
    codes={Fault.NAN: ""},  # its numbers are texts
)
