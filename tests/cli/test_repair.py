"""market-data repair levels: minutes that 0.1.0 labelled `split` become one raw series; nothing is lost."""

from datetime import UTC, datetime

import pytest

from market_data.market.bar import Split
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.span import epoch
from market_data.market.split import Checked
from market_data.store import splits, universe
from market_data.store.connect import Database

from .conftest import Run

pytestmark = pytest.mark.anyio

INSERT = """
    INSERT INTO {table} (symbol, interval, ts, open, high, low, close, volume, provider, as_of, status,
                         revision, adjustment, volume_scope {more})
    SELECT 'SPL', '1m',
           $1::timestamptz + number * interval '1 minute', $2::float8, $2::float8 + 1, $2::float8 - 1,
           $2::float8, $3, 'yahoo', $4, $5, $6, 'split', 'unknown' {value}
    FROM generate_series(0, 4) AS number
"""
ROWS = """
    SELECT close, volume, adjustment, factor, status, revision, count(*) AS n
    FROM candles_intraday GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY min(ts)
"""
SPLIT = Split(epoch(datetime(2024, 6, 10, tzinfo=UTC)), 10.0)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture
async def mixed(database: Database) -> None:
    """What 0.1.0 leaves of a 10:1 split on 2024-06-10 of which it knows nothing."""
    await universe.put(database, [Instrument("SPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
    minutes = INSERT.format(table="candles_intraday", more="", value="")
    kept = INSERT.format(table="candle_revisions", more=", superseded_at", value=", '2024-06-10T14:00Z'")
    friday, monday = day("2024-06-07T20:00:00+00:00"), day("2024-06-10T14:00:00+00:00")
    # learned on Friday: raw in fact
    await database.fetch(minutes, day("2024-06-07T15:00:00+00:00"), 1210.0, 1000.0, friday, "final", 0)
    # "corrected" by the overlap on Monday: the value before is a revision
    await database.fetch(minutes, day("2024-06-07T19:55:00+00:00"), 121.0, 10_000.0, monday, "corrected", 1)
    await database.fetch(kept, day("2024-06-07T19:55:00+00:00"), 1211.0, 1000.0, friday, "final", 0)
    # a hole that was filled on Monday
    await database.fetch(minutes, day("2024-06-07T16:00:00+00:00"), 120.5, 10_000.0, monday, "final", 0)
    # after the split
    await database.fetch(minutes, day("2024-06-10T13:30:00+00:00"), 120.0, 9000.0, monday, "final", 0)


async def known(database: Database) -> None:
    checked = Checked(epoch(day("2024-06-01T00:00:00+00:00")), SPLIT.effective, (SPLIT,))
    await splits.check(database, "SPL", "yahoo", checked, float(SPLIT.effective))


RAW = [
    (1210.0, 1000.0, "raw", None, "final", 0, 5),
    (1205.0, 1000.0, "raw", 10.0, "corrected", 1, 5),
    (1211.0, 1000.0, "raw", None, "corrected", 2, 5),
    (120.0, 9000.0, "raw", None, "final", 0, 5),
]


async def test_minutes_are_relabelled_converted_or_get_their_value_back(
    run: Run, database: Database, mixed: None
) -> None:
    await known(database)
    before = await database.fetch("SELECT * FROM candles_intraday ORDER BY ts")
    (line,) = run("repair", "levels", "--dry-run", "--json").json["series"]
    counts = {name: line[name] for name in ("relabelled", "restored", "converted", "unknown", "queued")}
    assert counts == {"relabelled": 10, "restored": 5, "converted": 5, "unknown": 0, "queued": 0}
    assert await database.fetch("SELECT * FROM candles_intraday ORDER BY ts") == before

    done = run("repair", "levels", "--symbol", "spl", "--json")
    assert done.code == 0, done.err
    (line,) = done.json["series"]
    assert {name: line[name] for name in counts} == counts
    assert [tuple(row) for row in await database.fetch(ROWS)] == RAW
    kept = await database.fetch(
        "SELECT close, revision, adjustment FROM candle_revisions GROUP BY 1, 2, 3 ORDER BY close"
    )
    assert [tuple(row) for row in kept] == [(120.5, 0, "split"), (121.0, 1, "split"), (1211.0, 0, "split")]
    (head,) = await database.fetch("SELECT as_of FROM series_heads WHERE symbol = 'SPL' AND interval = '1m'")
    newest = await database.fetch("SELECT max(as_of) AS as_of FROM candles_intraday")
    assert head["as_of"] == newest[0]["as_of"], "clients of the stream get what has changed"
    again = run("repair", "levels")
    assert (again.code, "nothing to repair" in again.err + again.out) == (0, True)


async def test_where_splits_are_not_known_the_days_that_state_them_are_queued(
    run: Run, database: Database, mixed: None
) -> None:
    before = await database.fetch("SELECT * FROM candles_intraday ORDER BY ts")
    (line,) = run("repair", "levels", "--json").json["series"]
    assert (line["unknown"], line["relabelled"], line["converted"]) == (20, 0, 0)
    assert line["queued"] > 0
    assert await database.fetch("SELECT * FROM candles_intraday ORDER BY ts") == before
    (job,) = await database.fetch(
        "SELECT min(start_ts) AS start, restated_by, interval FROM backfill_jobs GROUP BY 2, 3"
    )
    assert tuple(job) == (day("2024-06-07T00:00:00+00:00"), "yahoo", "1d")
    (line,) = run("repair", "levels", "--json").json["series"]
    assert line["queued"] == 0, "they are queued already"


async def test_until_then_no_built_bar_mixes_levels(run: Run, database: Database, mixed: None) -> None:
    await known(database)
    shown = run(
        *("bars", "SPL", "--interval", "2h", "--session", "regular", "--start", "2024-06-07T13:30:00Z"),
        *("--end", "2024-06-10T20:00:00Z", "--format", "csv"),
    ).out
    lines = [line.split(",") for line in shown.splitlines()[1:]]
    assert [(line[0], line[4], line[5]) for line in lines] == [
        ("2024-06-07T13:30:00Z", "1210.0", "5000.0"),
        ("2024-06-10T13:30:00Z", "120.0", "45000.0"),
    ]


async def test_a_symbol_that_is_not_there_is_said_so(run: Run, database: Database) -> None:
    ran = run("repair", "levels", "--symbol", "NOPE")
    assert ran.code != 0
    assert "not in the universe" in ran.err
