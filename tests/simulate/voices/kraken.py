"""Kraken's: it tells all from a minute on, up to the running one."""

from typing import Any

from market_data.market.instrument import AssetType
from market_data.market.span import Span
from market_data.simulate import Fault
from simulate.conftest import Got, Rig
from simulate.voice import Rows, Voice


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    pair = symbol.replace("BTC", "XBT").replace("-", "")
    return await it.get("/kraken/0/public/OHLC", pair=pair, interval=1, since=span.start - 60)


def _told(body: Any) -> list[Any]:
    [rows] = (rows for name, rows in body["result"].items() if name != "last")
    return list(rows)


def _rows(body: Any) -> Rows:
    return [(row[0], *(float(cell) for cell in (*row[1:5], row[6]))) for row in _told(body)]


VOICE = Voice(
    name="kraken",
    minutes=_minutes,
    rows=_rows,
    closes=lambda body: sum(len(row) == 8 for row in _told(body)),
    throttled="EGeneral:Too many requests",
    nothing=lambda body: _told(body) == [],
    label=lambda body: next(name for name in body["result"] if name != "last"),
    asset_type=AssetType.CRYPTO,
    over_plan=(200, "EGeneral:Too many requests"),
    nan='"nan"',
    codes={Fault.NAN: ""},  # its numbers are texts
)
