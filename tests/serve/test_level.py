"""One series, one price level: minutes stay raw over a split, days have one row for each date."""

import asyncio
import csv
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from market_data.calendar import hours_of
from market_data.collect.sweep import Sweeper
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Adjustment, Bars, Row, VolumeScope
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.market.split import to_raw
from market_data.provider import Reach
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.simulate.tape import Rack
from market_data.simulate.tapes.recorded import RecordedTape
from market_data.store import universe, write
from market_data.store.change import Told
from market_data.stream import Stream

from .conftest import Clock, Served, Serving, at, pauses

pytestmark = pytest.mark.anyio

SPL = Instrument("SPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
THURSDAY, FRIDAY, MONDAY = "2024-06-06", "2024-06-07", "2024-06-10"


def only(*names: str) -> str:
    return ",".join(sorted(set(discover()) - set(names)))


def session(day: str, price: float, volume: float = 1000.0) -> list[Row]:
    first = at(f"{day}T13:30:00Z")
    return [(first + 60 * i, price, price + 1, price - 1, price, volume) for i in range(390)]


def recorded(path: Path, rows: Sequence[Row], split: str = MONDAY) -> Path:
    """As it was traded, with the split in its column."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["ts", "Open", "High", "Low", "Close", "Volume", "Stock Splits"])
        first = at(f"{split}T13:30:00Z")
        for ts, *numbers in rows:
            table.writerow(
                [
                    f"{datetime.fromtimestamp(ts, UTC):%Y-%m-%dT%H:%M:%S+00:00}",
                    *numbers,
                    10 if ts == first else 0,
                ]
            )
    return path


TRADED = [*session(THURSDAY, 1200.0), *session(FRIDAY, 1210.0), *session(MONDAY, 120.0, 9000.0)]


async def sweep(served: Served, now: str) -> None:
    """All that is due at a moment is asked for and written."""
    served.clock.now = float(at(now))
    _, jobs = await Sweeper(
        served.parts.database, served.parts.queue, served.parts.router.roster, served.parts.tell
    ).due(served.clock())
    for job in jobs:
        assert (await served.parts.fetcher.do(job))[0] == "done"


async def queued(served: Served, start: str, end: str) -> None:
    question = {"symbol": "SPL", "interval": "1m", "start": start, "end": end, "priority": "T0"}
    assert (await served.ask("POST", "/ops/backfill", json=question)).status == 202


async def backfill(served: Served, start: str, end: str) -> None:
    await queued(served, start, end)
    await done(served)


async def done(served: Served) -> None:
    for pause in pauses():
        rows = await served.parts.database.fetch(
            "SELECT FROM backfill_jobs WHERE status IN ('queued', 'running')"
        )
        if not rows:
            return
        await asyncio.sleep(pause)
    pytest.fail("backfills were left undone")


async def minutes_of(served: Served, day: str) -> list[tuple[Any, ...]]:
    """The kinds of minutes of a day: close, volume, adjustment, factor, revision, and how many there are."""
    rows = await served.parts.database.fetch(
        "SELECT close, volume, adjustment, factor, revision, count(*) AS n FROM candles_intraday"
        " WHERE (ts AT TIME ZONE 'UTC')::date = $1::text::date GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 4",
        day,
    )
    return [tuple(row) for row in rows]


async def of_yahoo(serving: Serving, tmp_path: Path) -> Served:
    served = await serving(
        Clock(float(at(f"{THURSDAY}T20:30:00Z"))),
        recorded={"SPL": recorded(tmp_path / "spl.csv", TRADED)},
        PROVIDERS_DISABLED=only("yahoo"),
        BACKFILL_DISPATCH_RATE_PER_SEC="100",
    )
    await universe.put(served.parts.database, [SPL])
    return served


async def test_with_yahoo_alone_minutes_are_raw_before_and_after_a_split(
    serving: Serving, tmp_path: Path
) -> None:
    served = await of_yahoo(serving, tmp_path)
    for day in (THURSDAY, FRIDAY, MONDAY):
        await sweep(served, f"{day}T20:30:00Z")
    assert await minutes_of(served, THURSDAY) == [(1200.0, 1000.0, "raw", None, 0, 390)]
    assert await minutes_of(served, FRIDAY) == [(1210.0, 1000.0, "raw", None, 0, 390)], "the overlap too"
    assert await minutes_of(served, MONDAY) == [(120.0, 9000.0, "raw", None, 0, 390)]
    assert await served.parts.database.fetch("SELECT FROM candle_revisions WHERE interval = '1m'") == []


async def test_a_hole_before_the_split_is_filled_with_converted_minutes(
    serving: Serving, tmp_path: Path
) -> None:
    served = await of_yahoo(serving, tmp_path)
    for day in (THURSDAY, FRIDAY, MONDAY):
        await sweep(served, f"{day}T20:30:00Z")
    await served.parts.database.run(
        "DELETE FROM candles_intraday WHERE ts >= '2024-06-07T15:00Z' AND ts < '2024-06-07T16:00Z'"
    )
    await backfill(served, f"{FRIDAY}T13:30:00Z", f"{FRIDAY}T20:00:00Z")
    assert await minutes_of(served, FRIDAY) == [
        (1210.0, 1000.0, "raw", 10.0, 0, 60),
        (1210.0, 1000.0, "raw", None, 0, 330),
    ]
    hours = (
        await served.get(
            "/stocks/SPL/intraday", interval="1h", session="regular", start=f"{FRIDAY}T13:30:00Z"
        )
    ).json
    assert hours["adjustment"] == "raw"
    assert {
        (hour["low"], hour["high"], hour["adjustment"]) for hour in hours["bars"] if hour["ts"] < MONDAY
    } == {(1209.0, 1211.0, "raw")}


async def test_a_symbol_that_is_added_after_its_split_asks_for_its_splits_once(
    serving: Serving, tmp_path: Path
) -> None:
    served = await of_yahoo(serving, tmp_path)
    served.clock.now = float(at(f"{MONDAY}T21:00:00Z"))
    await backfill(served, f"{THURSDAY}T13:30:00Z", f"{FRIDAY}T15:00:00Z")
    await backfill(served, f"{FRIDAY}T15:00:00Z", f"{FRIDAY}T20:00:00Z")
    assert await minutes_of(served, THURSDAY) == [(1200.0, 1000.0, "raw", 10.0, 0, 390)]
    assert await minutes_of(served, FRIDAY) == [(1210.0, 1000.0, "raw", 10.0, 0, 390)]
    days = await served.parts.database.fetch("SELECT count(*) AS n FROM candles_daily")
    assert days[0]["n"] == 0, "days were asked for their splits alone"
    (split,) = await served.parts.database.fetch("SELECT symbol, provider, ratio FROM known_splits")
    assert tuple(split) == ("SPL", "yahoo", 10.0)


async def test_what_has_no_known_level_is_quarantined_until_the_split_is_known(
    serving: Serving, tmp_path: Path
) -> None:
    """The provider adjusts its prices but reports no split: what is stored beside them shows it."""
    served = await of_yahoo(serving, tmp_path)
    await sweep(served, f"{THURSDAY}T20:30:00Z")
    await sweep(served, f"{FRIDAY}T20:30:00Z")
    adjusted = Bars.of(TRADED[:780])
    silent = [*to_raw(adjusted, np.full(len(adjusted), 0.1)).rows(), *TRADED[780:]]
    tape = RecordedTape(
        {"SPL": recorded(tmp_path / "silent.csv", silent, split="2000-01-03")}, ZoneInfo("UTC")
    )
    rack = served.simulator.simulator.tape
    assert isinstance(rack, Rack)
    loud = rack.tapes[0]
    assert isinstance(loud, RecordedTape)
    reported, loud._reels = loud._reels, tape._reels
    await sweep(served, f"{MONDAY}T20:30:00Z")
    assert await minutes_of(served, FRIDAY) == [(1210.0, 1000.0, "raw", None, 0, 390)]
    assert await minutes_of(served, MONDAY) == [(120.0, 9000.0, "raw", None, 0, 390)]

    await served.parts.database.run(
        "DELETE FROM candles_intraday WHERE ts >= '2024-06-07T15:00Z' AND ts < '2024-06-07T16:00Z'"
    )
    await queued(served, f"{FRIDAY}T13:30:00Z", f"{FRIDAY}T20:00:00Z")
    held = "SELECT reason, adjustment, close, evidence FROM quarantined_bars"
    for pause in pauses():
        if kept := await served.parts.database.fetch(held):
            break
        await asyncio.sleep(pause)
    assert {(one["reason"], one["adjustment"], one["close"]) for one in kept} == {("split", "split", 121.0)}
    assert len(kept) == 60
    assert "not reported" in kept[0]["evidence"]
    assert await minutes_of(served, FRIDAY) == [(1210.0, 1000.0, "raw", None, 0, 330)]

    loud._reels = reported  # now it is
    await sweep(served, f"{MONDAY}T22:00:00Z")
    for _ in range(2):  # the first look learns of the split, the next one at the latest converts
        await served.parts.database.run("UPDATE quarantined_bars SET look_at = '2024-06-01Z'")
        await served.parts.finder.scan()
        await done(served)
    assert await minutes_of(served, FRIDAY) == [
        (1210.0, 1000.0, "raw", 10.0, 0, 60),
        (1210.0, 1000.0, "raw", None, 0, 330),
    ]
    assert await served.parts.database.fetch(held) == []


async def days(served: Served, provider: str, adjustment: Adjustment, rows: dict[str, float]) -> None:
    """Daily bars as one provider sent them."""
    bars = Bars.of(
        [(at(f"{day}T00:00:00Z"), close, close, close, close, 10.0) for day, close in rows.items()]
    )
    told = Told(
        "SPL", Interval.D1, provider, adjustment, VolumeScope.UNKNOWN, served.clock(), bars, bars.ts < 0
    )
    await write.keep(served.parts.database, told)


TWO_LEVELS = {
    Adjustment.SPLIT: {"2024-06-06": 120.0, "2024-06-07": 121.0, "2024-06-10": 120.0},
    Adjustment.RAW: {"2024-06-07": 1210.0, "2024-06-10": 120.0, "2024-06-11": 122.0},
}


@pytest.fixture
async def two_levels(serving: Serving) -> Served:
    served = await serving(Clock(float(at("2024-06-12T12:00:00Z"))))
    await universe.put(served.parts.database, [SPL])
    for provider, (adjustment, rows) in zip(("yahoo", "alphavantage"), TWO_LEVELS.items(), strict=True):
        await days(served, provider, adjustment, rows)
    return served


def closes(bars: Sequence[Any]) -> dict[str, float]:
    assert len({bar["ts"] for bar in bars}) == len(bars), "one row for each day"
    return {bar["ts"][:10]: bar["close"] for bar in bars}


async def test_days_are_answered_at_one_level_which_is_named(two_levels: Served) -> None:
    page = (await two_levels.get("/stocks/SPL/history", start="2024-06-03T00:00:00Z")).json
    assert (page["adjustment"], page["missing_days"]) == ("split", 1)
    assert closes(page["bars"]) == TWO_LEVELS[Adjustment.SPLIT]
    assert {one["adjustment"] for one in page["bars"]} == {"split"}


async def test_a_caller_chooses_the_level_among_those_that_are_held(two_levels: Served) -> None:
    page = (await two_levels.get("/stocks/SPL/history", start="2024-06-03T00:00:00Z", adjustment="raw")).json
    assert (page["adjustment"], closes(page["bars"])) == ("raw", TWO_LEVELS[Adjustment.RAW])
    refused = await two_levels.get("/stocks/SPL/history", start="2024-06-03T00:00:00Z", adjustment="all")
    assert refused.status == 422
    assert "use split or raw" in refused.problem["detail"]
    unknown = await two_levels.get("/stocks/SPL/history", adjustment="sum")
    assert unknown.status == 422
    assert "raw, split, all" in unknown.problem["detail"]
    minutes = await two_levels.get("/stocks/SPL/intraday", adjustment="split")
    assert minutes.status == 422
    assert "are raw" in minutes.problem["detail"]


async def test_where_another_level_holds_more_days_it_is_that(two_levels: Served) -> None:
    await days(two_levels, "alphavantage", Adjustment.RAW, {"2024-06-05": 1190.0})
    page = (await two_levels.get("/stocks/SPL/history", start="2024-06-03T00:00:00Z")).json
    assert (page["adjustment"], page["missing_days"], len(page["bars"])) == ("raw", 1, 4)


async def test_all_pages_are_at_the_level_of_the_first(two_levels: Served) -> None:
    first = (await two_levels.get("/stocks/SPL/history", start="2024-06-03T00:00:00Z", limit=2)).json
    await days(two_levels, "alphavantage", Adjustment.RAW, {"2024-06-05": 1190.0, "2024-06-04": 1180.0})
    second = (
        await two_levels.get(
            "/stocks/SPL/history", start="2024-06-03T00:00:00Z", limit=2, cursor=first["next"]
        )
    ).json
    assert (first["adjustment"], second["adjustment"]) == ("split", "split")
    assert closes([*first["bars"], *second["bars"]]) == TWO_LEVELS[Adjustment.SPLIT]


async def test_a_batch_and_the_stream_have_one_row_for_each_day(two_levels: Served) -> None:
    question = {"symbols": ["SPL"], "interval": "1d", "bars": 4}
    batch = (await two_levels.ask("POST", "/stocks/batch", json=question)).json
    assert closes(batch["bars"]["SPL"]) == TWO_LEVELS[Adjustment.SPLIT]
    missed = (await two_levels.get("/ws/replay", since="1-1", symbol="SPL", interval="1d")).json
    assert closes(missed["bars"]) == TWO_LEVELS[Adjustment.SPLIT]


async def test_a_day_is_published_at_the_level_of_its_series_alone(two_levels: Served) -> None:
    span = Span(at("2024-06-03T00:00:00Z"), at("2024-06-12T00:00:00Z"))
    stream = Stream(two_levels.parts.redis)
    ingest = Ingest(
        two_levels.parts.database,
        Publisher(two_levels.parts.database, stream, two_levels.clock),
        lambda _: None,
        two_levels.clock,
    )
    for adjustment, day, close in (
        (Adjustment.SPLIT, "2024-06-11", 122.0),
        (Adjustment.RAW, "2024-06-05", 1200.0),
    ):
        reach = Reach("days", frozenset(AssetType), adjustment=adjustment)
        rows = [(at(f"{day}T00:00:00Z"), close, close, close, close, 10.0)]
        await ingest(
            Delivery(
                "SPL",
                Interval.D1,
                span,
                hours_of("NASDAQ", AssetType.EQUITY),
                "massive",
                reach,
                Bars.of(rows),
                two_levels.clock(),
            )
        )
    published = [one.bar for one in await stream.back(100)]
    assert published
    assert {one.partition(" ")[2] for one in published} == {"split"}
