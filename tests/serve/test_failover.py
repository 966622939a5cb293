"""The guide's "Test 1: Provider Failover": an invalid key moves the traffic, the valid one brings it back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from market_data.calendar import hours_of
from market_data.collect.sweep import Sweeper
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch
from market_data.store import universe
from stored import window

from .conftest import AAPL, ONLY_THREE, Clock, Served, Serving, at, pauses

pytestmark = pytest.mark.anyio


async def provider(served: Served, name: str) -> dict[str, Any]:
    found = (await served.get("/stats/providers")).json["providers"]
    return next(one for one in found if one["provider"] == name)


async def minutes(served: Served, count: int) -> set[str]:
    """Let so many minutes of the market pass, each swept and fetched; returns who told their bars."""
    sweeper = Sweeper(served.parts.database, served.parts.queue, served.parts.router.roster, lambda _: None)
    since = served.clock()
    for _ in range(count):
        served.clock.now += 60
        await sweeper.sweep(served.clock())
        await fetched(served)
    told = await window(
        served.parts.database, "AAPL", Interval.M1, _since(served, since), limit=1000, as_of=None
    )
    return {bar.provider for bar in told}


def _since(served: Served, moment: float) -> Span:
    return Span(int(moment), int(served.clock()) + 60)


async def fetched(served: Served) -> None:
    """Wait until no job is left."""
    for pause in pauses():
        if not any((await served.parts.queue.depth()).values()):
            return
        await asyncio.sleep(pause)
    pytest.fail("jobs were left undone")


@asynccontextmanager
async def user(served: Served) -> AsyncIterator[list[int]]:
    """A user who asks for the price again and again; the statuses of the answers."""
    statuses: list[int] = []

    async def ask() -> None:
        while True:
            statuses.append((await served.get("/stocks/AAPL/price")).status)
            await asyncio.sleep(0.01)

    asking = asyncio.create_task(ask())
    try:
        yield statuses
    finally:
        asking.cancel()
        await asyncio.wait({asking})


async def test_an_invalid_key_moves_the_traffic_and_a_valid_one_brings_it_back(
    serving: Serving, tmp_path: Path
) -> None:
    (tmp_path / "FINNHUB_API_KEY").write_text("a valid key")
    served = await serving(
        CONFIG_DIR=str(tmp_path), FINNHUB_API_KEY="", CADENCE_T0="bars_1m=60", PROVIDERS_DISABLED=ONLY_THREE
    )
    await universe.put(served.parts.database, [AAPL])
    begin = served.clock()
    async with user(served) as statuses:
        assert await minutes(served, 3) == {"finnhub"}
        healthy = await provider(served, "finnhub")
        assert (healthy["state"], healthy["health_score"] > 0.7) == ("CLOSED", True)

        (tmp_path / "FINNHUB_API_KEY").write_text("invalid")
        assert (await served.ask("POST", "/ops/reload")).json["swapped"]
        await minutes(served, 1)
        assert await minutes(served, 5) == {"yahoo"}
        out = await provider(served, "finnhub")
        assert (out["state"], out["health_score"] < 0.55) == ("OPEN", True)
        assert 'circuit_state{provider="finnhub"} 0.0' in (await served.get("/metrics")).text

        (tmp_path / "FINNHUB_API_KEY").write_text("a valid key")
        assert (await served.ask("POST", "/ops/reload")).json["swapped"]
        await minutes(served, 3)
        assert "finnhub" in await minutes(served, 2)
        back = await provider(served, "finnhub")
        bars_1m = next(one for one in back["capabilities"] if one["capability"] == "bars_1m")
        assert (bars_1m["state"], bars_1m["health_score"] > 0.7) == ("CLOSED", True)
    assert len(statuses) >= 5
    assert set(statuses) == {200}, "a user's request failed"
    await no_minute_is_missing(served, begin)


async def test_the_drill_shows_the_invalid_key_at_any_hour(serving: Serving, tmp_path: Path) -> None:
    """On a Sunday night nobody asks for anything, and a replica that was just started knows nothing."""
    (tmp_path / "FINNHUB_API_KEY").write_text("invalid")
    served = await serving(
        Clock(at("2025-10-12T03:00:00Z")),
        CONFIG_DIR=str(tmp_path),
        FINNHUB_API_KEY="",
        PROVIDERS_DISABLED=ONLY_THREE,
    )
    assert (await provider(served, "finnhub"))["state"] == "CLOSED"

    assert (await served.ask("POST", "/ops/reload")).json["changes"] == []
    out = await provider(served, "finnhub")
    assert (out["state"], out["health_score"]) == ("OPEN", 0.0)

    (tmp_path / "FINNHUB_API_KEY").write_text("a valid key")
    assert (await served.ask("POST", "/ops/reload")).json["swapped"]
    back = await provider(served, "finnhub")
    assert (back["state"], back["health_score"] > 0.7) == ("CLOSED", True)

    before = served.parts.router.roster.standings["finnhub"].history.copy()
    assert (await served.ask("POST", "/ops/reload")).json["swapped"]
    assert served.parts.router.roster.standings["finnhub"].history == before, "the traffic tells of it"


async def no_minute_is_missing(served: Served, begin: float) -> None:
    span = Span(int(begin), int(served.clock()) - 120)
    expected = hours_of(AAPL.exchange, AAPL.asset_type).regular.labels(span, Interval.M1).tolist()
    stored = await window(served.parts.database, "AAPL", Interval.M1, span, limit=10_000, as_of=None)
    assert len(expected) > 10
    assert [epoch(bar.ts) for bar in stored] == expected
    assert all(bar.status == "final" for bar in stored)
