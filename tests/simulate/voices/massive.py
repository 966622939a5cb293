"""Massive's."""

from typing import Any

from market_data.market.span import Span
from simulate.conftest import Got, Rig
from simulate.voice import Rows, Voice

KEY = {"Authorization": "Bearer k"}


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    path = f"v2/aggs/ticker/{symbol}/range/1/minute/{span.start * 1000}/{span.end * 1000 - 1}"
    return await it.ask("GET", f"/massive/{path}", params={"limit": "50000"}, headers=KEY)


def _rows(body: Any) -> Rows:
    return [(row["t"] // 1000, *(row[name] for name in "ohlcv")) for row in body.get("results", [])]


VOICE = Voice(
    name="massive",
    minutes=_minutes,
    rows=_rows,
    closes=lambda body: sum("c" in row for row in body["results"]),
    throttled="You've exceeded the maximum requests per minute",
    nothing=lambda body: body["resultsCount"] == 0 and "results" not in body,
    label=lambda body: str(body["ticker"]),
)
