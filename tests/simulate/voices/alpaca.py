"""Alpaca's."""

from typing import Any

from market_data.market.span import Span, moment
from simulate.conftest import Got, Rig, at
from simulate.voice import Rows, Voice


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    start, end = (f"{moment(one):%Y-%m-%dT%H:%M:%SZ}" for one in (span.start, span.end - 1))
    asked = {"symbols": symbol, "start": start, "end": end, "timeframe": "1Min", "limit": 10_000}
    return await it.alpaca("v2/stocks/bars", **asked)


def _rows(body: Any) -> Rows:
    told = [row for rows in body["bars"].values() for row in rows]
    return [(at(row["t"]), *(row[name] for name in "ohlcv")) for row in told]


def _closes(body: Any) -> int:
    [rows] = body["bars"].values()
    assert all("c" in row for row in rows[:9])
    return sum("c" in row for row in rows)


VOICE = Voice(
    name="alpaca",
    minutes=_minutes,
    rows=_rows,
    closes=_closes,
    throttled="too many requests.",
    nothing=lambda body: body == {"bars": {}, "next_page_token": None},
    label=lambda body: str(next(iter(body["bars"]))),
)
