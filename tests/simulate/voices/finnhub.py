"""Finnhub's."""

from typing import Any

from market_data.market.span import Span
from simulate.conftest import Got, Rig
from simulate.voice import Rows, Voice


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    window = {"from": span.start, "to": span.end - 1}
    return await it.finnhub("stock/candle", symbol=symbol, resolution="1", **window)


def _rows(body: Any) -> Rows:
    return list(zip(*(body.get(name, []) for name in "tohlcv"), strict=True))


def _closes(body: Any) -> int:
    assert len(body["t"]) == 10
    return len(body["c"])


VOICE = Voice(
    name="finnhub",
    minutes=_minutes,
    rows=_rows,
    closes=_closes,
    throttled="API limit reached",
    nothing=lambda body: body == {"s": "no_data"},
)
