"""Rows that only SQL by hand can have written: they say what is wrong with them, and all others go on."""

import json
from typing import Any

import pytest

from market_data.collect.sweep import Sweeper
from market_data.events import Event, Skipped
from market_data.store import ledger, universe

from .conftest import AAPL, Clock, Got, Served, Serving, at, minutes, told
from .test_completeness import drained

pytestmark = pytest.mark.anyio

WINDOW = {"start": "2025-10-08T14:00:00Z", "end": "2025-10-08T14:10:00Z"}
ROW = """
INSERT INTO symbol_universe (symbol, exchange, asset_type, tier, active)
VALUES ('ODD', 'MOON', 'equity', 'T0', true)
"""
BAR = """
INSERT INTO {} (symbol, interval, ts, open, high, low, close, volume, provider, as_of)
VALUES ('AAPL', $1, $2::text::timestamptz, 1, 2, 1, 1.5, 7, 'yahoo', '2025-10-08T14:02:00Z')
"""
LETTER = """
INSERT INTO backfill_jobs (symbol, interval, start_ts, end_ts, tier, status, last_error)
VALUES ('ODD', '1m', '2025-10-07T14:00:00Z', '2025-10-07T14:10:00Z', 'T0', $1, 'no provider')
"""


@pytest.fixture
async def odd(serving: Serving) -> Served:
    """A service that follows AAPL, and ODD of an exchange that nobody knows, while New York is open."""
    found = await serving(Clock(at("2025-10-08T16:00:30Z")), BACKFILL_DISPATCH_RATE_PER_SEC="1000")
    await universe.put(found.parts.database, [AAPL])
    await found.parts.database.run(ROW)
    return found


ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/stocks/ODD/price", {}),
    ("GET", "/stocks/ODD/intraday", {}),
    ("GET", "/stocks/ODD/intraday", {"params": {**WINDOW, "interval": "5m", "format": "csv"}}),
    ("GET", "/stocks/ODD/history", {}),
    ("GET", "/stats/coverage/ODD", {}),
    ("POST", "/ops/backfill", {"json": {"symbol": "ODD", "interval": "1m", **WINDOW}}),
    ("GET", "/ops/cursor/ODD/1m/yahoo", {}),
    ("GET", "/sse/ODD", {}),
]


@pytest.mark.parametrize(("method", "path", "options"), ROUTES, ids=[path for _, path, _ in ROUTES])
async def test_every_route_says_why_an_unknown_exchange_cannot_be_read(
    odd: Served, method: str, path: str, options: dict[str, Any]
) -> None:
    got: Got = await odd.ask(method, path, **options)
    assert got.status == 422, got.text
    assert "ODD: no calendar for exchange 'MOON'" in got.problem["detail"]
    assert "`market-data universe set ODD --exchange NASDAQ`" in got.problem["detail"]


async def test_what_a_client_missed_says_so_too(odd: Served) -> None:
    got = await odd.get("/ws/replay", symbol="ODD", since=str(odd.parts.hub.position))
    assert (got.status, "no calendar for exchange 'MOON'" in got.problem["detail"]) == (422, True)


async def test_a_batch_names_it_and_has_the_others(odd: Served) -> None:
    await odd.write(minutes("2025-10-08T15:50:00Z", 5))
    got = await odd.ask("POST", "/stocks/batch", json={"symbols": ["AAPL", "ODD"], "bars": 2})
    assert got.status == 200
    assert [one["close"] for one in got.json["bars"]["AAPL"]] == [103.0, 104.0]
    assert "no calendar for exchange 'MOON'" in got.json["errors"]["ODD"]


async def test_a_client_of_the_stream_is_told(odd: Served) -> None:
    async with odd.follow("ODD") as client:
        said = await told(client)
    assert said["type"] == "error"
    assert "ODD: no calendar for exchange 'MOON'" in json.dumps(said)


async def test_the_rest_of_the_universe_is_swept_scanned_filled_and_measured(odd: Served) -> None:
    database, said = odd.parts.database, list[Event]()
    for status in ("queued", "dead"):
        await database.run(LETTER, status)
    await odd.write(minutes("2025-10-08T15:50:00Z", 5))
    sweeper = Sweeper(database, odd.parts.queue, odd.parts.router.roster, said.append)
    _, jobs = await sweeper.due(odd.clock())
    assert "AAPL" in {one.symbol for one in jobs}
    assert "ODD" not in {one.symbol for one in jobs}
    assert {one.symbol for one in said if isinstance(one, Skipped)} == {"ODD"}

    await drained(odd)
    found = await ledger.listed(database, status=None, tier=None, before=None, limit=100)
    assert {one.status for one in found if one.symbol == "AAPL"} == {"done"}
    odds = [one for one in found if one.symbol == "ODD"]
    assert [one.status for one in odds] == ["dead", "dead"]
    assert any("no calendar for exchange 'MOON'" in (one.last_error or "") for one in odds)

    metrics = await odd.get("/metrics")
    assert metrics.status == 200
    assert 'store_up{store="postgresql"} 1.0' in metrics.text
    assert 'slo_gap_violation_rate{interval="1m",tier="T0"}' in metrics.text
    assert (await odd.get("/health")).status == 200
    cadences = (await odd.get("/stats/cadence")).json["cadences"]
    assert {one["tier"]: one["symbols"] for one in cadences}["T0"] == 2


async def test_a_bar_at_infinity_hides_no_other(odd: Served) -> None:
    database = odd.parts.database
    await odd.write(minutes("2025-10-08T15:50:00Z", 5))
    for table, interval, moment in (
        ("candles_intraday", "1m", "infinity"),
        ("candles_intraday", "1m", "-infinity"),
        ("candles_daily", "1d", "infinity"),
        ("candles_daily", "1d", "-infinity"),
    ):
        await database.run(BAR.format(table), interval, moment)
    batch = await odd.ask("POST", "/stocks/batch", json={"symbols": ["AAPL"], "bars": 1})
    assert [one["close"] for one in batch.json["bars"]["AAPL"]] == [104.0]
    for path in (
        "/stocks/AAPL/price",
        "/stocks/AAPL/intraday",
        "/stocks/AAPL/history",
        "/metrics",
        "/health",
    ):
        assert (await odd.get(path)).status == 200, path
    coverage = await odd.get("/stats/coverage/AAPL", interval="1d")
    assert coverage.status == 200, coverage.text
    await odd.parts.finder.scan()


async def test_a_day_of_listing_at_infinity_is_as_one_that_is_not_known(odd: Served) -> None:
    await odd.parts.database.run(
        "UPDATE symbol_universe SET listed = '-infinity', delisted = 'infinity' WHERE symbol = 'AAPL'"
    )
    [found] = [one for one in await universe.load(odd.parts.database) if one.symbol == "AAPL"]
    assert (found.listed, found.delisted) == (None, None)
    assert (await odd.get("/stocks/AAPL/price")).status == 200
