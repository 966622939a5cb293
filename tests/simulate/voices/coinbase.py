"""Coinbase Exchange's: the newest is told first."""

from typing import Any

from market_data.market.instrument import AssetType
from market_data.market.span import Span
from simulate.conftest import Got, Rig
from simulate.voice import Rows, Voice


async def _minutes(it: Rig, symbol: str, span: Span) -> Got:
    window = {"start": span.start, "end": span.end - 1, "granularity": 60}
    return await it.coinbase(f"products/{symbol}/candles", **window)


def _rows(body: Any) -> Rows:
    return [(at, opened, high, low, *rest) for at, low, high, opened, *rest in body[::-1]]


VOICE = Voice(
    name="coinbase",
    minutes=_minutes,
    rows=_rows,
    closes=lambda body: sum(len(row) == 6 for row in body),
    throttled="Public rate limit exceeded",
    nothing=lambda body: body == [],
    asset_type=AssetType.CRYPTO,
)
