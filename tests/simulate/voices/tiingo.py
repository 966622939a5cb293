"""Tiingo's: it is asked for whole days of New York."""

from typing import Any
from zoneinfo import ZoneInfo

from market_data.market.span import Span, moment
from simulate.conftest import Got, Rig, at
from simulate.voice import Rows, Voice

KEY = {"Authorization": "Token k"}
NEW_YORK = ZoneInfo("America/New_York")
COLUMNS = ("open", "high", "low", "close", "volume")


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    days = [f"{moment(one).astimezone(NEW_YORK):%Y-%m-%d}" for one in (span.start, span.end - 1)]
    asked = {"startDate": days[0], "endDate": days[1], "resampleFreq": "1min", "columns": ",".join(COLUMNS)}
    asked["afterHours"] = "true"
    return await it.ask("GET", f"/tiingo/iex/{symbol}/prices", params=asked, headers=KEY)


def _rows(body: Any) -> Rows:
    return [(at(row["date"]), *(row[name] for name in COLUMNS)) for row in body]


def _closes(body: Any) -> int:
    return 10 - sum("close" not in row for row in body)


VOICE = Voice(
    name="tiingo",
    minutes=_minutes,
    rows=_rows,
    closes=_closes,
    throttled="You have run over your hourly request allocation",
    nothing=lambda body: body == [],
    over_plan=(429, "You have run over your daily request allocation"),
)
