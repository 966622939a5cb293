"""Twelve Data's."""

from typing import Any

from market_data.market.span import Span, moment
from market_data.simulate import Fault
from simulate.conftest import Got, Rig, at
from simulate.voice import Rows, Voice

KEY = {"Authorization": "apikey k"}


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    start, end = (f"{moment(one):%Y-%m-%d %H:%M:%S}" for one in (span.start, span.end - 1))
    asked = {"symbol": symbol, "interval": "1min", "start_date": start, "end_date": end}
    asked |= {"timezone": "UTC", "order": "ASC"}
    return await it.ask("GET", "/twelvedata/time_series", params=asked, headers=KEY)


def _rows(body: Any) -> Rows:
    names = ("open", "high", "low", "close", "volume")
    told = body["values"] if body["status"] == "ok" else []
    return [(at(f"{row['datetime']}Z"), *(float(row[name]) for name in names)) for row in told]


VOICE = Voice(
    name="twelvedata",
    minutes=_minutes,
    rows=_rows,
    closes=lambda body: sum("close" in row for row in body["values"]),
    throttled="You have run out of API credits for the current minute.",
    nothing=lambda body: str(body["message"]).startswith("No data is available on the specified dates."),
    label=lambda body: str(body["meta"]["symbol"]),
    over_plan=(200, "You have run out of API credits for the day."),
    nan='"nan"',
    codes={Fault.NAN: ""},  # its numbers are texts
)
