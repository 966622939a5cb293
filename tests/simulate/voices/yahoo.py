"""Yahoo's."""

from typing import Any
from urllib.parse import quote

from market_data.market.span import Span
from market_data.simulate import Fault
from simulate.conftest import Got, Rig
from simulate.voice import Rows, Voice


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    window = {"period1": span.start, "period2": span.end - 1, "includePrePost": "true"}
    return await it.yahoo(quote(symbol), interval="1m", **window)


def _rows(body: Any) -> Rows:
    [result] = body["chart"]["result"]
    [told] = result["indicators"]["quote"]
    names = ("open", "high", "low", "close", "volume")
    return list(zip(result.get("timestamp", []), *(told.get(name, []) for name in names), strict=True))


def _closes(body: Any) -> int:
    [result] = body["chart"]["result"]
    assert len(result["timestamp"]) == 10
    return len(result["indicators"]["quote"][0]["close"])


VOICE = Voice(
    name="yahoo",
    minutes=_minutes,
    rows=_rows,
    closes=_closes,
    throttled="Too Many Requests",
    nothing=lambda body: body["chart"]["result"][0]["indicators"] == {"quote": [{}]},
    label=lambda body: str(body["chart"]["result"][0]["meta"]["symbol"]),
    codes={Fault.MAINTENANCE: "unavailable"},  # it is known to say so
)
