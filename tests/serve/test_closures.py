"""An operator announces that an exchange is closed, or closes early, and takes it back."""

import asyncio
import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from market_data import calendar
from market_data.calendar import hours_of
from market_data.closures import LOOK_SECONDS
from market_data.collect.sweep import Sweeper
from market_data.hosting import Stores
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.simulate import Fault, Switched
from market_data.store import ledger, universe

from .conftest import AAPL, BITCOIN, Clock, Served, Serving, at, minutes, pauses, until

pytestmark = pytest.mark.anyio

EVE, OPEN, NOON, CLOSE = (
    at(f"2024-06-{text}:00Z") for text in ("12T02:00", "12T13:30", "12T16:00", "12T20:00")
)
MOURNING = {"exchange": "NASDAQ", "day": "2024-06-12", "reason": "National day of mourning"}
WHY = "announced: National day of mourning"
DAY = {"start": "2024-06-12T00:00:00Z", "end": "2024-06-13T00:00:00Z"}
CLOSED = [("00:00", "closed", ""), ("13:30", "closed", WHY), ("20:00", "closed", "")]
VIOLATION = 'slo_gap_violation_rate{interval="1m",tier="T0"}'
SOURCES = Path(__file__).parents[2] / "src"


@pytest.fixture
async def eve(serving: Serving) -> Served:
    """A service with AAPL and BTC-USD, asked for on the night before a session of New York."""
    served = await serving(Clock(float(EVE)), BACKFILL_DISPATCH_RATE_PER_SEC="1000")
    await universe.put(served.parts.database, [AAPL, BITCOIN])
    await swept(served)
    return served


async def announce(served: Served, **fields: str) -> Any:
    got = await served.ask("POST", "/ops/calendar", json={**MOURNING, **fields})
    assert got.status == 201, got.text
    return got.json


def sweeper(served: Served) -> Sweeper:
    return Sweeper(served.parts.database, served.parts.queue, served.parts.router.roster, lambda _: None)


async def due(served: Served) -> set[str]:
    return {job.symbol for job in (await sweeper(served).due(served.clock()))[1]}


async def swept(served: Served) -> None:
    """One sweep at the clock's time, and all its jobs done."""
    for job in (await sweeper(served).due(served.clock()))[1]:
        await served.parts.fetcher.do(job)


async def settled(served: Served, *, scan: bool = True) -> None:
    """Have backfills done, those that a scan finds too, until none is left."""
    for pause in pauses():
        if scan:
            await served.parts.finder.scan()
        await served.parts.database.run("UPDATE backfill_jobs SET next_attempt_at = 'epoch'")
        depths = await ledger.depths(served.parts.database)
        if not any(depth.queued + depth.running for depth in depths.values()):
            return
        await asyncio.sleep(pause)
    pytest.fail("backfills were left undone")


async def stored(served: Served, table: str = "candles_intraday") -> int:
    """Final bars of AAPL on the day."""
    row = await served.parts.database.fetch_one(
        f"SELECT count(*) AS n FROM {table} "  # noqa: S608 - one of two names
        "WHERE symbol = 'AAPL' AND status <> 'partial' AND ts >= '2024-06-12Z' AND ts < '2024-06-13Z'"
    )
    assert row is not None
    return int(row["n"])


async def runs(served: Served, interval: str = "1m") -> list[tuple[str, str, str]]:
    got = await served.get("/stats/coverage/AAPL", interval=interval, **DAY)
    return [(one["start"][11:16], one["state"], one["why"]) for one in got.json["runs"]]


async def metric(served: Served, line: str) -> float:
    found = re.search(rf"^{re.escape(line)} (\S+)$", (await served.get("/metrics")).text, re.MULTILINE)
    assert found is not None, line
    return float(found[1])


async def test_a_closed_day_is_closed_everywhere_and_nothing_of_it_is_missing(eve: Served) -> None:
    eve.clock.now = OPEN + 1800.0
    assert await metric(eve, VIOLATION) == 1.0
    made = await announce(eve)
    assert (made["calendar"], made["closes"], made["revoked_at"]) == ("XNYS", None, None)
    assert made["learned_at"] == "2024-06-12T14:00:00Z"
    assert await metric(eve, VIOLATION) == 0.5, "BTC-USD trades, and was not asked for"
    assert await metric(eve, 'market_open{exchange="XNYS"}') == 0
    assert await due(eve) == {"BTC-USD"}
    assert await runs(eve) == CLOSED
    got = await eve.get("/stats/coverage/AAPL", **DAY)
    assert (got.json["seconds"], got.json["days"]) == ({"closed": 86_400}, [])
    eve.clock.now = CLOSE + 6 * 3600.0
    assert await runs(eve, "1d") == [("00:00", "closed", WHY)]
    await swept(eve)
    await settled(eve)
    assert (await stored(eve), await stored(eve, "candles_daily")) == (0, 0)


async def test_backfills_of_a_day_that_turns_out_closed_end_as_done(eve: Served) -> None:
    eve.simulator.simulator.switchboard.switch_on(Switched("*", Fault.HTTP_500))
    eve.clock.now = CLOSE + 6 * 3600.0
    queued = [
        one
        for interval in (Interval.M1, Interval.D1)
        for one in await eve.parts.finder.series(
            AAPL, interval, Span(CLOSE - CLOSE % 86_400, CLOSE + 14_400), asked_for=Tier.T0
        )
    ]
    assert queued
    await announce(eve)
    await settled(eve, scan=False)
    for one in queued:
        found = await ledger.find(eve.parts.database, one.id)
        assert found is not None
        assert found.status == "done"


async def test_what_is_revoked_brings_the_day_back_and_loses_nothing(eve: Served) -> None:
    await announce(eve)
    eve.clock.now = CLOSE + 6 * 3600.0
    await swept(eve)
    await settled(eve)
    assert await stored(eve) == 0
    (only,) = (await eve.get("/calendar")).json
    got = await eve.ask("DELETE", f"/ops/calendar/{only['id']}")
    assert (got.status, got.json["revoked_at"]) == (200, "2024-06-13T02:00:00Z")
    assert (await eve.get("/calendar")).json == []
    assert (await eve.get("/calendar", all="true")).json == [got.json]
    await swept(eve)
    await settled(eve)
    assert (await stored(eve), await stored(eve, "candles_daily")) == (390, 1)
    assert [state for _, state, _ in await runs(eve)] == ["closed", "filled", "closed"]


async def test_bars_of_a_closed_day_are_not_stored_until_it_is_revoked(eve: Served) -> None:
    made = await announce(eve)
    eve.clock.now = OPEN + 1800.0
    await eve.write(minutes("2024-06-12T13:30:00Z", 20))
    assert await stored(eve) == 0
    row = await eve.parts.database.fetch_one("SELECT count(*) AS n, min(reason) AS why FROM rejected_bars")
    assert row is not None
    assert (row["n"], row["why"]) == (20, "off_grid")
    assert (await eve.ask("DELETE", f"/ops/calendar/{made['id']}")).status == 200
    await eve.write(minutes("2024-06-12T13:30:00Z", 20))
    assert await stored(eve) == 20


async def test_bars_that_were_stored_before_a_day_was_closed_stay(eve: Served) -> None:
    eve.clock.now = OPEN + 1800.0
    await swept(eve)
    before = await stored(eve)
    assert before > 20
    await announce(eve)
    assert await stored(eve) == before
    assert await runs(eve) == CLOSED
    got = await eve.get("/stocks/AAPL/intraday", **DAY)
    assert len(got.json["bars"]) >= before


async def test_after_an_early_close_bars_are_kept_but_not_expected(eve: Served) -> None:
    made = await announce(eve, at="12:00")
    assert made["closes"] == "2024-06-12T16:00:00Z"
    eve.clock.now = NOON + 1800.0
    assert await metric(eve, 'market_open{exchange="XNYS"}') == 0
    await eve.write(minutes("2024-06-12T13:30:00Z", 180))
    assert await stored(eve) == 180
    assert await runs(eve) == [
        ("00:00", "closed", ""),
        ("13:30", "filled", ""),
        ("16:00", "closed", WHY),
        ("20:00", "closed", ""),
    ]
    got = await eve.get("/stocks/AAPL/history", interval="1d", session="regular", **DAY)
    assert [(one["close"], one["status"]) for one in got.json["bars"]] == [(249.0, "final")]


async def test_as_of_a_time_before_the_announcement_the_session_is_the_published_one(eve: Served) -> None:
    eve.clock.now = NOON + 7200.0
    await eve.write(minutes("2024-06-12T13:30:00Z", 240))
    eve.clock.now += 60
    await announce(eve, at="12:00")
    question = {"interval": "1d", "session": "regular", **DAY}

    async def close(**more: str) -> float:
        got = await eve.get("/stocks/AAPL/history", **question, **more)
        return float(got.json["bars"][0]["close"])

    assert await close() == 249.0
    assert await close(as_of=f"{moment(eve.clock.now - 1):%Y-%m-%dT%H:%M:%SZ}") == 339.0
    known = {"as_of": "2024-06-12T18:00:00Z"}, {"as_of": "2024-06-12T18:01:00Z"}
    assert [len((await eve.get("/calendar", **one)).json) for one in known] == [0, 1]
    assert [len((await eve.get("/calendar", exchange=name)).json) for name in ("ARCA", "XLON")] == [1, 0]


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [
        ({"day": "2024-06-15"}, 422, "is no session of XNYS: the nearest are 2024-06-14 and 2024-06-17"),
        ({"day": "June 12"}, 422, "write it as 2025-01-09"),
        ({"at": "16:00"}, 422, "not within the session of XNYS 2024-06-12, 09:30 to 16:00 America/New_York"),
        ({"at": "noon"}, 422, "write 13:00"),
        ({"exchange": "MOON"}, 422, "no calendar for exchange 'MOON'"),
        ({"exchange": "CRYPTO"}, 422, "always open"),
        ({"reason": "  "}, 422, "say why"),
        ({"reason": "x" * 201}, 422, "1 to 200 characters"),
        ({"exchange": "US"}, 409, "XNYS 2024-06-12 has an announcement already"),
    ],
)
async def test_what_cannot_be_announced_says_why(
    eve: Served, fields: dict[str, str], status: int, says: str
) -> None:
    if status == 409:
        await announce(eve)
    got = await eve.ask("POST", "/ops/calendar", json={**MOURNING, **fields})
    assert got.status == status, got.text
    assert says in got.problem["detail"]


@pytest.mark.parametrize("number", [1, 2**70])
async def test_what_was_not_announced_cannot_be_revoked(eve: Served, number: int) -> None:
    got = await eve.ask("DELETE", f"/ops/calendar/{number}")
    assert got.status == 404
    assert "no announcement" in got.problem["detail"]


def command(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, "PYTHONPATH": str(SOURCES), "DATABASE_URL": url}
    return subprocess.run(
        [sys.executable, "-m", "market_data", "calendar", *words],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_another_process_announces_and_a_running_service_follows_also_after_a_restart(
    serving: Serving, postgres_url: str, redis_url: str
) -> None:
    def known() -> bool:
        return hours_of("US", AssetType.EQUITY).regular.session_at(OPEN) is None

    first = await serving(Clock(float(EVE)), Stores(postgres_url, redis_url))
    done = await asyncio.to_thread(command, postgres_url, "close", "US", "2024-06-12", "--reason", "mourning")
    assert done.returncode == 0, done.stderr
    await until(known, f"a look every {LOOK_SECONDS} s finds it")
    assert len(calendar.announced()) == 1
    await first.stop()
    calendar.announce(())
    await serving(Clock(float(EVE)), Stores(postgres_url, redis_url))
    assert known(), "it is known before the first loop has run"
    done = await asyncio.to_thread(command, postgres_url, "revoke", "NYSE", "2024-06-12")
    assert done.returncode == 0, done.stderr
    await until(lambda: not known(), f"a look every {LOOK_SECONDS} s finds it")


async def test_the_auction_of_sydney_is_stored_and_no_minute_beside_it_is_missing(
    serving: Serving, tmp_path: Path
) -> None:
    first = at("2024-06-12T00:00:00Z")  # 10:00 in Sydney
    labels = [*range(first, first + 360 * 60, 60), first + 370 * 60]
    file = tmp_path / "bhp.csv"
    with file.open("w", newline="") as rows:
        table = csv.writer(rows)
        table.writerow(["ts", "Open", "High", "Low", "Close", "Volume"])
        table.writerows([moment(label).isoformat(), 44.0, 44.5, 43.5, 44.0, 1000.0] for label in labels)
    clock = Clock(first + 350 * 60.0)
    served = await serving(clock, recorded={"BHP.AX": file}, GAP_EXTENDED_HOURS="true")
    await universe.put(served.parts.database, [Instrument("BHP.AX", "XASX", AssetType.EQUITY, Tier.T0)])
    for minute in range(350, 480):
        clock.now = first + minute * 60.0 + 20
        await swept(served)
    await settled(served)
    found = await served.parts.database.fetch("SELECT ts FROM candles_intraday WHERE ts >= '2024-06-12Z'")
    assert sorted(int(row["ts"].timestamp()) for row in found) == labels
    got = await served.get("/stats/coverage/BHP.AX", start="2024-06-12T00:00:00Z", end="2024-06-12T07:00:00Z")
    assert got.json["seconds"] == {"filled": 21_600, "closed": 3600}
