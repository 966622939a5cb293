"""market-data export, backup and restore: what is written is what was there."""

from pathlib import Path

import asyncpg
import pandas
import pyarrow
import pytest
from pyarrow import dataset, parquet

from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.store import universe
from market_data.store.connect import Database, open_database

from .conftest import Run

pytestmark = pytest.mark.anyio

KEYS = ["interval", "symbol", "year"]
DAY = """
INSERT INTO candles_daily (symbol, interval, ts, open, high, low, close, volume, provider, as_of, adjustment)
VALUES ('AAPL', '1d', $1::text::timestamptz, 1, 2, 1, 1.5, 7, 'yahoo', '2025-01-04', $2)
"""
TABLES = """
SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname
"""
MINUTES = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider, as_of)
SELECT $1, '1m', $2::text::timestamptz + n * interval '1 minute', n, n + 1, n - 1, n + 0.25, 7, 'yahoo',
       $3::text::timestamptz
FROM generate_series(0, $4::integer - 1) AS n
"""
REVISION = """
INSERT INTO candle_revisions SELECT symbol, interval, ts, open, high, low, 99.5, volume, provider, as_of,
       '2025-02-01', status, revision, adjustment, volume_scope
FROM candles_intraday WHERE symbol = 'AAPL' AND ts = '2025-01-02T14:30:00Z'
"""


@pytest.fixture
async def filled(database: Database) -> Database:
    """Minutes of two symbols in three years, one of them corrected on 2025-02-01."""
    known = [
        Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0),
        Instrument("ETH/USD", "CRYPTO", AssetType.CRYPTO, Tier.T0),
    ]
    await universe.put(database, known)
    for symbol, first, learned, count in (
        ("AAPL", "2023-12-29T20:00:00Z", "2023-12-30", 60),
        ("AAPL", "2025-01-02T14:30:00Z", "2025-01-03", 390),
        ("ETH/USD", "2024-12-31T23:30:00Z", "2025-01-03", 60),
    ):
        await database.run(MINUTES, symbol, first, learned, count)
    await database.run(REVISION)
    await database.run(
        "UPDATE candles_intraday SET close = 1.5, revision = 1, status = 'corrected', as_of = '2025-02-01' "
        "WHERE symbol = 'AAPL' AND ts = '2025-01-02T14:30:00Z'"
    )
    return database


async def test_bars_are_exported_to_partitions_that_are_read_as_one_table(
    run: Run, filled: Database, tmp_path: Path
) -> None:
    ran = run("export", "out", "--json")
    assert (ran.json["files"], ran.json["bars"]) == (4, 510)
    files = sorted(str(one.relative_to(tmp_path / "out")) for one in (tmp_path / "out").rglob("*.*"))
    assert files == [
        "interval=1m/symbol=AAPL/year=2023/bars.parquet",
        "interval=1m/symbol=AAPL/year=2025/bars.parquet",
        "interval=1m/symbol=ETH%2FUSD/year=2024/bars.parquet",
        "interval=1m/symbol=ETH%2FUSD/year=2025/bars.parquet",
    ]
    table = dataset.dataset(tmp_path / "out", partitioning="hive").to_table()
    found = sorted(
        (one["symbol"], one["ts"], one["close"], one["status"], one["year"]) for one in table.to_pylist()
    )
    rows = await filled.fetch("SELECT symbol, ts, close, status FROM candles_intraday ORDER BY symbol, ts")
    assert found == [(*one, one["ts"].year) for one in rows]
    metadata = parquet.read_schema(tmp_path / "out" / files[2]).metadata
    assert (metadata[b"symbol"], metadata[b"interval"]) == (b"ETH/USD", b"1m")


async def test_an_export_can_be_of_what_was_known_then_and_of_built_bars(
    run: Run, filled: Database, tmp_path: Path
) -> None:
    some = ("--symbol", "aapl", "--from-year", "2025", "--json")
    assert run("export", "then", *some, "--as-of", "2025-01-15T00:00:00Z").json["bars"] == 390
    assert run("export", "now", *some, "--interval", "15m", "--session", "regular").json["bars"] == 26
    closes = [
        dataset.dataset(tmp_path / name, partitioning="hive").to_table().to_pylist()[0]["close"]
        for name in ("then", "now")
    ]
    assert closes == [99.5, 14.25]
    assert run("export", "early", *some, "--as-of", "2024-01-15T00:00:00Z").json == {
        **run("export", "early", *some, "--as-of", "2024-01-15T00:00:00Z").json,
        "bars": 0,
        "files": 0,
    }


async def test_minutes_and_days_of_one_folder_are_read_as_one_table(
    run: Run, filled: Database, tmp_path: Path
) -> None:
    minutes = run("export", "out", "--json").json
    days = run("export", "out", "--interval", "1d", "--session", "regular", "--json").json
    assert (days["files"], days["bars"]) == (4, 4)
    files = [one.relative_to(tmp_path / "out") for one in (tmp_path / "out").rglob("*.parquet")]
    assert {[part.partition("=")[0] for part in one.parts[:-1]] == KEYS for one in files} == {True}
    assert len({parquet.read_schema(tmp_path / "out" / one).remove_metadata() for one in files}) == 1

    whole = dataset.dataset(tmp_path / "out", partitioning="hive").to_table()
    assert whole.num_rows == minutes["bars"] + days["bars"]
    frame = pandas.read_parquet(tmp_path / "out")
    assert frame.groupby("interval", observed=True).size().to_dict() == {"1m": 510, "1d": 4}
    assert (frame["year"].astype(int) == frame["ts"].dt.year).all()
    for interval, bars in (("1m", 510), ("1d", 4)):
        some = dataset.dataset(tmp_path / "out" / f"interval={interval}", partitioning="hive").to_table()
        assert some.num_rows == bars


async def test_a_symbol_of_digits_keeps_its_zeros_where_its_type_is_named(
    run: Run, filled: Database, tmp_path: Path
) -> None:
    """As docs/reading.md shows it: readers take it for a number where they guess."""
    await filled.run("UPDATE symbol_universe SET symbol = '0700', exchange = 'HKEX' WHERE symbol = 'AAPL'")
    await filled.run("UPDATE candles_intraday SET symbol = '0700' WHERE symbol = 'AAPL'")
    assert run("export", "out", "--symbol", "0700", "--json").json["bars"] > 0
    kinds = [("interval", pyarrow.string()), ("symbol", pyarrow.string()), ("year", pyarrow.int32())]
    named = dataset.partitioning(pyarrow.schema(kinds), flavor="hive")
    whole = dataset.dataset(tmp_path / "out", partitioning=named).to_table()
    assert set(whole["symbol"].to_pylist()) == {"0700"}


async def test_days_where_an_earlier_version_put_them_are_not_left_beside_the_new_ones(
    run: Run, filled: Database, tmp_path: Path
) -> None:
    old = tmp_path / "out/interval=1d/symbol=AAPL/bars.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    run("export", "out", "--interval", "1d", "--session", "regular")
    assert not old.exists()
    assert (tmp_path / "out/interval=1d/symbol=AAPL/year=2025/bars.parquet").exists()


async def test_days_of_some_years_are_exported(run: Run, filled: Database) -> None:
    words = ("--interval", "1d", "--session", "regular", "--to-year", "2024", "--json")
    ran = run("export", "days", *words)
    assert (ran.json["files"], ran.json["bars"]) == (2, 2)


async def test_all_days_of_a_symbol_are_of_one_level(run: Run, filled: Database, tmp_path: Path) -> None:
    for day, level in (("2023-12-28", "raw"), ("2023-12-29", "raw"), ("2025-01-02", "split")):
        await filled.run(DAY, day, level)
    assert run("export", "out", "--interval", "1d", "--symbol", "AAPL", "--json").json["bars"] == 2
    levels = dataset.dataset(tmp_path / "out", partitioning="hive").to_table()["adjustment"].to_pylist()
    assert set(levels) == {"raw"}


async def test_a_partition_without_bars_is_removed_when_it_is_exported_again(
    run: Run, filled: Database, tmp_path: Path
) -> None:
    run("export", "out")
    await filled.run("DELETE FROM candles_intraday WHERE symbol = 'ETH/USD' AND ts < '2024-12-31T23:40:00Z'")
    run("export", "out")
    file = tmp_path / "out/interval=1m/symbol=ETH%2FUSD/year=2024/bars.parquet"
    assert parquet.read_metadata(file).num_rows == 20
    assert list((tmp_path / "out").rglob(".*")) == []


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["--symbol", "MSFT"], 4, "MSFT: not in the universe"),
        (["--interval", "2s"], 2, "use one of"),
        (["--interval", "1d", "--session", "all"], 2, "regular or extended"),
        (["--as-of", "yesterday"], 2, "as-of"),
    ],
)
async def test_what_cannot_be_exported_is_said(
    run: Run, filled: Database, words: list[str], code: int, named: str
) -> None:
    ran = run("export", "out", *words)
    assert (ran.code, named in ran.err) == (code, True), ran.err


@pytest.fixture
def second_url(empty_postgres_url: str) -> str:
    """An empty database beside the first."""
    return empty_postgres_url


async def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table of ours."""
    connection = await asyncpg.connect(url)
    try:
        return {
            name: sorted(
                (tuple(row) for row in await connection.fetch(f'SELECT * FROM "{name}"')),  # noqa: S608
                key=repr,
            )
            for (name,) in await connection.fetch(TABLES)
        }
    finally:
        await connection.close()


async def test_a_backup_is_restored_into_a_second_database(
    run: Run, filled: Database, postgres_url: str, second_url: str, tmp_path: Path
) -> None:
    ran = run("backup", "all.dump", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["bytes"] == (tmp_path / "all.dump").stat().st_size > 1000
    ran = run("restore", "all.dump", "--json", DATABASE_URL=second_url)
    assert ran.code == 0, ran.err
    assert ran.json["rows"] == {"symbols": 2, "minutes": 510, "days": 0, "revisions": 1, "backfills": 0}
    assert await contents(second_url) == await contents(postgres_url)
    async with open_database(second_url, 1) as restored:  # it works: keys, defaults, triggers, identities
        await universe.put(restored, [Instrument("MSFT", "NASDAQ", AssetType.EQUITY, Tier.T1)])
        rows = await restored.fetch("SELECT symbol FROM universe_history ORDER BY symbol")
        assert [one["symbol"] for one in rows] == ["AAPL", "ETH/USD", "MSFT"]
        with pytest.raises(asyncpg.UniqueViolationError):
            await restored.run(MINUTES, "AAPL", "2025-01-02T14:30:00Z", "2025-01-03", 1)


async def test_a_file_that_is_there_is_not_overwritten_by_a_backup_unless_forced(
    run: Run, filled: Database, tmp_path: Path
) -> None:
    (tmp_path / "all.dump").write_text("the only copy")
    ran = run("backup", "all.dump")
    assert (ran.code, "--force" in ran.err) == (2, True)
    assert (tmp_path / "all.dump").read_text() == "the only copy"

    ran = run("backup", "all.dump", "--force", DATABASE_URL="postgresql://user@127.0.0.1:1/nothing")
    assert (ran.code, (tmp_path / "all.dump").read_text()) == (1, "the only copy")
    assert run("backup", "all.dump", "--force").code == 0
    assert (tmp_path / "all.dump").read_bytes().startswith(b"PGDMP")


async def test_a_database_that_has_tables_is_not_restored_into(run: Run, filled: Database) -> None:
    assert run("backup", "all.dump").code == 0
    ran = run("restore", "all.dump")
    assert (ran.code, "restore into an empty one" in ran.err) == (2, True)


async def test_a_file_that_is_no_backup_is_refused(run: Run, second_url: str, tmp_path: Path) -> None:
    (tmp_path / "wrong.dump").write_text("hello")
    ran = run("restore", "wrong.dump", DATABASE_URL=second_url)
    assert (ran.code, "is no backup" in ran.err) == (2, True)
    assert run("restore", "missing.dump", DATABASE_URL=second_url).code == 4


def test_a_backup_that_fails_leaves_nothing_and_tells_no_password(run: Run, tmp_path: Path) -> None:
    ran = run("backup", "x.dump", DATABASE_URL="postgresql://user:hunter2@127.0.0.1:1/nothing")
    assert ran.code == 1
    assert "hunter2" not in ran.err
    assert run("backup", "no/such/folder.dump").code == 2
    assert list(tmp_path.iterdir()) == []
