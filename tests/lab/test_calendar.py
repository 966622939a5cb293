"""Days that are not like others: clock changes, half days, auctions, lunch, and announced closures."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from market_data.market.bar import Row

from .conftest import Lab
from .market import MINUTES_ONLY, equity
from .rows import at, minutes, session

pytestmark = pytest.mark.anyio

NEW_YORK = ZoneInfo("America/New_York")


def long_day(day: str, price: float) -> list[Row]:
    """The minutes from 4:00 to 20:00 in New York."""
    first = datetime.fromisoformat(f"{day} 04:00").replace(tzinfo=NEW_YORK)
    return minutes(int(first.timestamp()), 960, price, 10.0, spread=1.0)


@pytest.mark.parametrize(
    ("now", "before", "after"),
    [("2024-03-12 12:00", "2024-03-08", "2024-03-11"), ("2024-11-05 13:00", "2024-11-01", "2024-11-04")],
)
async def test_no_bar_is_lost_where_new_york_changes_its_clocks(
    lab: Lab, now: str, before: str, after: str
) -> None:
    market = await lab(now, only=("alpaca",), **MINUTES_ONLY, GAP_EXTENDED_HOURS="true")
    market.trades("DST", [*long_day(before, 100.0), *long_day(after, 101.0)])
    await market.follows(equity("DST"))
    await market.turn()
    await market.backfill("DST", f"{before} 00:00", f"{after} 23:59")
    await market.settle()
    extended = await market.bars("DST", "1h", start=f"{before} 00:00", session="extended", limit=1000)
    assert sum(one["volume"] for one in extended) == 2 * 960 * 10
    regular = await market.bars("DST", "1h", start=f"{before} 00:00", session="regular", limit=1000)
    assert [one["ts"][11:16] for one in regular] == [
        *(f"{hour}:30" for hour in range(at_open(before), at_open(before) + 7)),
        *(f"{hour}:30" for hour in range(at_open(after), at_open(after) + 7)),
    ]
    days = await market.bars("DST", "1d", start=f"{before} 00:00", session="regular")
    assert [(day["ts"][:10], day["volume"]) for day in days] == [(before, 3900.0), (after, 3900.0)]


def at_open(day: str) -> int:
    """The UTC hour of New York's open."""
    local = datetime.fromisoformat(f"{day} 09:00").replace(tzinfo=NEW_YORK)
    return local.astimezone(UTC).hour


async def test_a_half_day_ends_at_one_and_nothing_is_missing_after_it(lab: Lab) -> None:
    day = "2024-11-29"
    market = await lab(f"{day} 23:30", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    late = [*minutes(f"{day} 18:00", 180, 101.0, 5.0)]
    market.trades("HALF", [*minutes(f"{day} 14:30", 210, 100.0, 1000.0), *late])
    await market.follows(equity("HALF"))
    await market.turn()
    assert await market.states("HALF", f"{day} 00:00", "2024-12-02 00:00") == {"filled"}
    hours = await market.bars("HALF", "1h", start=f"{day} 00:00", session="regular")
    assert [hour["ts"][11:16] for hour in hours] == ["14:30", "15:30", "16:30", "17:30"]
    built = await market.bars("HALF", "1d", start=f"{day} 00:00", session="regular")
    assert [(one["close"], one["volume"], one["status"]) for one in built] == [(100.0, 210_000.0, "final")]


async def test_the_minute_of_the_closing_cross_is_kept(lab: Lab) -> None:
    day = "2024-06-12"
    market = await lab(f"{day} 20:05", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    market.trades("AUC", [*session(day), (at(f"{day} 20:00"), 103.0, 103.0, 103.0, 103.0, 5e6)])
    await market.follows(equity("AUC"))
    await market.turn()
    last = await market.bars("AUC", start=f"{day} 20:00", end=f"{day} 20:01")
    assert [(one["close"], one["volume"]) for one in last] == [(103.0, 5e6)]
    built = await market.bars("AUC", "1d", start=f"{day} 00:00", session="regular")
    assert [(one["close"], one["volume"]) for one in built] == [(100.0, 390_000.0)]


async def test_the_auction_of_sydney_is_kept(lab: Lab) -> None:
    day = "2024-06-12"
    market = await lab(f"{day} 06:30", only=("yahoo",), **MINUTES_ONLY)
    auction = (at(f"{day} 06:10"), 45.0, 45.0, 45.0, 45.0, 5e6)
    market.trades("BHP.AX", [*minutes(f"{day} 00:00", 360, 44.0), auction], exchange="XASX")
    await market.follows(equity("BHP.AX", "XASX"))
    await market.turn()
    kept = await market.stored("BHP.AX", f"{day} 06:00", f"{day} 06:20")
    assert [one["close"] for one in kept.values()] == [45.0]
    assert await market.sql("SELECT * FROM rejected_bars") == []


async def test_nothing_is_lost_around_lunch_in_tokyo(lab: Lab) -> None:
    day = "2025-06-11"
    market = await lab(f"{day} 00:00", only=("yahoo",), **MINUTES_ONLY)
    rows = [*minutes(f"{day} 00:00", 150, 2500.0), *minutes(f"{day} 03:30", 180, 2510.0)]
    market.trades("7203.T", rows, exchange="XTKS")
    await market.follows(equity("7203.T", "XTKS"))
    await market.run_until(f"{day} 07:00", every=300)
    await market.settle()
    assert await market.lost("7203.T", f"{day} 00:00", f"{day} 06:30") == []


async def test_a_closure_that_is_announced_is_no_gap(lab: Lab) -> None:
    day = "2024-06-12"
    market = await lab("2024-06-11 20:10", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    for name in ("ONE", "TWO"):
        market.trades(name, [*session("2024-06-11"), *session("2024-06-13")])
    await market.follows(equity("ONE"), equity("TWO"))
    await market.turn()
    await market.at("2024-06-11 23:00")
    await market.turn()
    await market.command("calendar", "close", "XNYS", day, "--reason", "day of mourning")
    assert "mourning" in await market.command("calendar", "list")
    await market.at(f"{day} 13:30")
    before = market.provider().calls()
    await market.run_until(f"{day} 16:00", every=600)
    assert market.provider().calls() == before
    assert await market.states("ONE", f"{day} 00:00", "2024-06-13 00:00") == set()
    await market.at("2024-06-13 13:31")
    await market.run_until("2024-06-13 14:00", every=120)
    assert await market.lost("ONE", "2024-06-13 13:30", "2024-06-13 13:57") == []


async def test_a_closure_that_nobody_announced_is_provisional_all_day(lab: Lab) -> None:
    day = "2024-06-12"
    market = await lab("2024-06-11 20:10", only=("alpaca", "yahoo"), **MINUTES_ONLY)
    for name in ("ONE", "TWO"):
        market.trades(name, [*session("2024-06-11"), *session("2024-06-13")])
    await market.follows(equity("ONE"), equity("TWO"))
    await market.turn()
    await market.at(f"{day} 13:30")
    await market.run_until("2024-06-13 02:00", every=900)
    runs = (await market.coverage("ONE", f"{day} 13:30", f"{day} 20:00"))["runs"]
    assert {run["state"] for run in runs} <= {"pending", "queued", "vacant"}
    assert "confirmed" not in {run["certainty"] for run in runs}, runs
