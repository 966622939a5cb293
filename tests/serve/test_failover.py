"""The guide's "Test 1: Provider Failover": an invalid key moves the traffic, the valid one brings it back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from market_data.calendar import hours_of
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch
from market_data.store import bars, universe

from .conftest import AAPL, NOW, Clock, Served, Serving, at, pauses

pytestmark = pytest.mark.anyio

PACE = 60.0
"""A minute of the market takes a second."""
SETTLED = 180
"""Seconds after its open at which a minute must be there: it is over, settled, and swept for."""


async def provider(served: Served, name: str) -> dict[str, Any]:
    found = (await served.get("/stats/providers")).json["providers"]
    return next(one for one in found if one["provider"] == name)


async def newest_from(served: Served, name: str) -> None:
    """Wait until a new bar comes from a provider."""
    since = served.clock()
    for pause in pauses():
        stored = await bars.last(served.parts.database, "AAPL", Interval.M1, 1)
        if stored and stored[0].provider == name and stored[0].as_of.timestamp() > since:
            return
        await asyncio.sleep(pause)
    pytest.fail(f"no new bar from {name}")


@asynccontextmanager
async def user(served: Served) -> AsyncIterator[list[int]]:
    """A user who asks for the price again and again; the statuses of the answers."""
    statuses: list[int] = []

    async def ask() -> None:
        while True:
            statuses.append((await served.get("/stocks/AAPL/price")).status)
            await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    yield statuses
    asking.cancel()
    await asyncio.wait({asking})


async def test_an_invalid_key_moves_the_traffic_and_a_valid_one_brings_it_back(
    serving: Serving, tmp_path: Path
) -> None:
    (tmp_path / "FINNHUB_API_KEY").write_text("a valid key")
    served = await serving(
        Clock(at(NOW), PACE),
        CONFIG_DIR=str(tmp_path),
        FINNHUB_API_KEY="",
        LOCAL_SWEEP_ENABLED="true",
        LOCAL_SWEEP_TICK_SEC="0.2",
    )
    await universe.put(served.parts.database, [AAPL])
    async with user(served) as statuses:
        await newest_from(served, "finnhub")
        healthy = await provider(served, "finnhub")
        assert (healthy["state"], healthy["health_score"] > 0.9) == ("CLOSED", True)

        (tmp_path / "FINNHUB_API_KEY").write_text("invalid")
        assert (await served.ask("POST", "/ops/reload")).json["swapped"]
        await newest_from(served, "yahoo")
        out = await provider(served, "finnhub")
        assert (out["state"], out["health_score"] < 0.55) == ("OPEN", True)
        assert 'circuit_state{provider="finnhub"} 0.0' in (await served.get("/metrics")).text
        await asyncio.sleep(5)  # five minutes of the market
        assert (await provider(served, "finnhub"))["state"] == "OPEN"

        (tmp_path / "FINNHUB_API_KEY").write_text("a valid key")
        assert (await served.ask("POST", "/ops/reload")).json["swapped"]
        await newest_from(served, "finnhub")
        for pause in pauses():
            back = await provider(served, "finnhub")
            if back["state"] == "CLOSED":
                break
            await asyncio.sleep(pause)
        assert (back["state"], back["health_score"] > 0.7) == ("CLOSED", True)
    assert set(statuses) == {200}, "no user's request failed"
    await no_minute_is_missing(served)


async def no_minute_is_missing(served: Served) -> None:
    span = Span(at(NOW), int(served.clock()) - SETTLED)
    expected = hours_of(AAPL.exchange, AAPL.asset_type).regular.labels(span, Interval.M1).tolist()
    stored = await bars.window(served.parts.database, "AAPL", Interval.M1, span, limit=10_000, as_of=None)
    assert len(expected) > 8
    assert [epoch(bar.ts) for bar in stored] == expected
    assert {bar.provider for bar in stored} >= {"finnhub", "yahoo"}
