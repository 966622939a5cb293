"""Alpha Vantage's: it is asked for a whole month."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from market_data.market.span import Span, moment
from market_data.simulate import Fault
from simulate.conftest import Got, Rig
from simulate.voice import Rows, Voice

NEW_YORK = ZoneInfo("America/New_York")


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    asked = {"symbol": symbol, "interval": "1min", "outputsize": "full", "entitlement": "realtime"}
    month = f"{moment(span.start).astimezone(NEW_YORK):%Y-%m}"
    return await it.alpha_vantage("TIME_SERIES_INTRADAY", month=month, **asked)


def _rows(body: Any) -> Rows:
    told = body.get("Time Series (1min)", {}).items()
    return [(_label(text), *(float(cell) for cell in cells.values())) for text, cells in told][::-1]


def _label(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).timestamp())


VOICE = Voice(
    name="alphavantage",
    minutes=_minutes,
    rows=_rows,
    closes=lambda body: sum("4. close" in row for row in body["Time Series (1min)"].values()),
    throttled="spreading out",
    nothing=lambda body: body == {},
    label=lambda body: str(body["Meta Data"]["2. Symbol"]),
    over_plan=(200, "We have detected your API key as k and"),
    nan='"nan"',
    left=0,
    codes={
        Fault.NO_DATA: "unavailable",  # an empty object: it has no words for "none"
        Fault.NAN: "",  # its numbers are texts
    },
)
