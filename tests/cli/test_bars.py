"""market-data bars and migrate: reading what is stored, making what it is stored in."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as arrow
import pytest
from pyarrow import parquet

from market_data.calendar import hours_of
from market_data.market.bar import Adjustment, Bars, KnownBar, VolumeScope
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import epoch
from market_data.store import universe, write
from market_data.store.change import Told
from market_data.store.connect import Database

from .conftest import Run

pytestmark = pytest.mark.anyio

OPEN = epoch(datetime(2024, 7, 3, 13, 30, tzinfo=UTC))


@pytest.fixture
async def filled(database: Database) -> None:
    """Thirty minutes of AAPL that close at 100, 101, 102 …"""
    hours_of("US", AssetType.EQUITY)
    await universe.put(database, [Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)])
    told = Bars.of((OPEN + 60 * i, 100.0, 200.0, 50.0, 100.0 + i, 10.0) for i in range(30))
    async with database.transaction() as connection:
        await write.write(
            connection,
            Told(
                "AAPL",
                Interval.M1,
                "yahoo",
                Adjustment.RAW,
                VolumeScope.UNKNOWN,
                OPEN + 3600,
                told,
                told.ts < 0,
            ),
        )


async def test_the_newest_bars_are_shown_as_a_table(run: Run, filled: None) -> None:
    shown = run("bars", "aapl", "--limit", "2")
    assert shown.code == 0
    assert "2024-07-03 13:59" in shown.out
    assert "13:57" not in shown.out
    assert "yahoo" in shown.out


async def test_the_table_shows_every_digit(run: Run, database: Database) -> None:
    await universe.put(database, [Instrument("SHIB-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)])
    coin = Bars.of([(OPEN, 1.23456e-05, 612345.6875, 9.87654e-06, 1.23456e-05, 98765432109.25)])
    told = Told(
        "SHIB-USD", Interval.M1, "yahoo", Adjustment.RAW, VolumeScope.UNKNOWN, OPEN + 3600, coin, coin.ts < 0
    )
    async with database.transaction() as connection:
        await write.write(connection, told)
    shown = run("bars", "SHIB-USD").out
    for number in ("0.0000123456", "612,345.6875", "0.00000987654", "98,765,432,109.25"):
        assert number in shown


async def test_bars_are_given_as_json(run: Run, filled: None) -> None:
    assert [bar["close"] for bar in run("bars", "AAPL", "--limit", "3", "--json").json] == [
        127.0,
        128.0,
        129.0,
    ]


async def test_bars_are_given_as_csv(run: Run, filled: None) -> None:
    rows = list(csv.DictReader(io.StringIO(run("bars", "AAPL", "--limit", "30", "--csv").out)))
    assert [float(row["close"]) for row in rows] == [100.0 + i for i in range(30)]
    assert rows[0]["ts"] == "2024-07-03T13:30:00Z"


async def test_a_window_is_shown_from_its_start_and_the_next_start_is_told(run: Run, filled: None) -> None:
    shown = run("bars", "AAPL", "--start", "2024-07-03T13:32:00Z", "--limit", "2", "--json")
    assert [bar["close"] for bar in shown.json] == [102.0, 103.0]
    assert "--start 2024-07-03T13:34:00Z" in shown.err


async def test_without_a_start_the_newest_before_the_end_are_shown(run: Run, filled: None) -> None:
    shown = run("bars", "AAPL", "--end", "2024-07-03T13:35:00Z", "--limit", "2", "--json")
    assert [bar["close"] for bar in shown.json] == [103.0, 104.0]


async def test_what_was_known_before_anything_was_is_nothing(run: Run, filled: None) -> None:
    before = run("bars", "AAPL", "--as-of", "2024-07-03T13:31:00Z", "--json")
    after = run("bars", "AAPL", "--as-of", "2024-07-03T15:00:00Z", "--limit", "1", "--json")
    assert before.json == []
    assert [bar["close"] for bar in after.json] == [129.0]


async def test_a_symbol_that_was_never_collected_is_exit_code_4(run: Run, filled: None) -> None:
    shown = run("bars", "MSFT", "--json")
    assert (shown.code, shown.out) == (4, "")


async def test_a_symbol_without_bars_is_said_to_have_none(run: Run, filled: None) -> None:
    shown = run("bars", "AAPL", "--interval", "1d")
    assert (shown.code, shown.out) == (0, "")
    assert "no 1d bars of AAPL" in shown.err


def test_the_tables_can_be_made_twice(run: Run, empty_postgres_url: str) -> None:
    first = run("migrate", "--json", DATABASE_URL=empty_postgres_url)
    second = run("migrate", DATABASE_URL=empty_postgres_url)
    assert first.json["database"]["migrated"] is True
    assert (second.code, second.out) == (0, "")
    assert "ready" in second.err


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://user:hunter2@127.0.0.1:1/nothing", 1),
        ("nonsense://hunter2", 3),
    ],
)
def test_a_database_that_cannot_be_had_is_told_without_its_password(run: Run, url: str, code: int) -> None:
    ran = run("universe", "list", DATABASE_URL=url)
    assert ran.code == code
    assert "hunter2" not in ran.err
    assert "Traceback" not in ran.err


def test_settings_that_cannot_be_used_are_all_named_and_exit_code_3(run: Run) -> None:
    ran = run("universe", "list", LOG_LEVEL="LOUD", PORT="many")
    assert ran.code == 3
    assert "LOG_LEVEL" in ran.err
    assert "PORT" in ran.err


def test_data_that_were_never_made_are_not_made_by_looking_for_them(run: Run, tmp_path: object) -> None:
    for words in (["bars", "AAPL"], ["universe", "list"], ["universe", "list", "--demo"]):
        ran = run(*words, DATABASE_URL="", DATA_DIR="here")
        assert ran.code == 4
        assert "market-data" in ran.err


def _rows(kind: str, content: bytes) -> list[KnownBar]:
    match kind:
        case "json":
            return msgspec.convert(json.loads(content)["bars"], list[KnownBar])
        case "csv":
            found = csv.DictReader(io.StringIO(content.decode(), ""))
            return [msgspec.convert(one, KnownBar, strict=False) for one in found]
        case "ndjson":
            return [msgspec.json.decode(line, type=KnownBar) for line in content.splitlines()]
        case "arrow":
            return msgspec.convert(arrow.ipc.open_stream(content).read_all().to_pylist(), list[KnownBar])
    return msgspec.convert(parquet.read_table(io.BytesIO(content)).to_pylist(), list[KnownBar])


@pytest.mark.parametrize("kind", ["json", "csv", "ndjson", "arrow", "parquet"])
async def test_bars_are_written_in_every_format_of_the_api(
    run: Run, filled: None, tmp_path: Path, kind: str
) -> None:
    window = ("--start", "2024-07-03T13:30:00Z", "--end", "2024-07-03T13:55:00Z")
    ran = run("bars", "AAPL", *window, "--format", kind, "--output", f"bars.{kind}")
    assert (ran.code, ran.out) == (0, "")
    assert "25 bars written" in ran.err
    found = _rows(kind, (tmp_path / f"bars.{kind}").read_bytes())
    assert [bar.close for bar in found] == [100.0 + i for i in range(25)]


async def test_bars_of_other_lengths_are_built(run: Run, filled: None) -> None:
    newest = run("bars", "AAPL", "--interval", "7m", "--limit", "2", "--json").json
    assert [(bar["ts"], bar["close"], bar["status"]) for bar in newest] == [
        ("2024-07-03T13:51:00Z", 127.0, "final"),
        ("2024-07-03T13:58:00Z", 129.0, "partial"),
    ]
    day = run("bars", "AAPL", "--interval", "1d", "--session", "regular", "--json").json
    assert [(bar["ts"], bar["volume"]) for bar in day] == [("2024-07-03T00:00:00Z", 300.0)]


async def test_only_bars_of_the_session_are_shown(run: Run, filled: None) -> None:
    window = ("--start", "2024-07-03T13:00:00Z", "--end", "2024-07-03T13:32:00Z", "--session", "regular")
    assert [bar["close"] for bar in run("bars", "AAPL", *window, "--json").json] == [100.0, 101.0]


async def test_days_of_all_hours_are_wrong_use(run: Run, filled: None) -> None:
    ran = run("bars", "AAPL", "--interval", "1d", "--session", "all")
    assert (ran.code, "regular or extended" in ran.err) == (2, True)


async def test_a_file_that_cannot_be_written_is_said(run: Run, filled: None) -> None:
    ran = run("bars", "AAPL", "--format", "csv", "--output", "no/folder/bars.csv")
    assert (ran.code, "there is no folder no/folder" in ran.err) == (2, True)
