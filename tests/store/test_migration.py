"""The migration, by psql and by the service, once and again; and the statements of the deployment guide."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from market_data.store.connect import describe, migrate, open_database
from market_data.store.schema import known, migrations

from .conftest import Program, schema

FOLDER = Path(__file__).parents[2] / "db" / "migrations"
FILE = FOLDER / "20251008_market_data_core.sql"
TIMESCALE = FOLDER / "20251008_timescale_market_data.sql"
STATEMENTS = """
-- Verify tables
\\dt

-- Example: Load top US stocks
INSERT INTO symbol_universe (symbol, exchange, asset_type, adv_21d, mkt_cap, tier, active) VALUES
  ('AAPL', 'NASDAQ', 'equity', 50000000, 3000000000000, 'T0', true),
  ('GOOGL', 'NASDAQ', 'equity', 25000000, 1800000000000, 'T0', true),
  ('MSFT', 'NASDAQ', 'equity', 30000000, 2800000000000, 'T0', true),
  ('AMZN', 'NASDAQ', 'equity', 40000000, 1500000000000, 'T0', true),
  ('TSLA', 'NASDAQ', 'equity', 100000000, 800000000000, 'T0', true),
  ('SPY', 'NYSE', 'etf', 80000000, 500000000000, 'T0', true),
  ('QQQ', 'NASDAQ', 'etf', 50000000, 200000000000, 'T0', true)
ON CONFLICT (symbol) DO UPDATE SET
  adv_21d = EXCLUDED.adv_21d,
  mkt_cap = EXCLUDED.mkt_cap,
  tier = EXCLUDED.tier;

-- Record universe version
INSERT INTO universe_versions (version_tag, source_meta)
VALUES ('2025w41-manual-top100', '{"source": "manual", "count": 100}'::jsonb);
"""
COUNT = "SELECT COUNT(*) FROM candles_intraday;"
DELETE = """
DELETE FROM candles_intraday
WHERE symbol = 'AAPL'
  AND interval = '1m'
  AND ts BETWEEN '2025-10-08 14:00:00' AND '2025-10-08 14:10:00';
"""
COUNT_DELETED = """
SELECT COUNT(*) FROM candles_intraday
WHERE symbol = 'AAPL'
  AND interval = '1m'
  AND ts BETWEEN '2025-10-08 14:00:00' AND '2025-10-08 14:10:00';
"""
HALF_AN_HOUR = """
INSERT INTO candles_intraday (symbol, interval, ts, open, high, low, close, volume, provider)
SELECT 'AAPL', '1m', minute, 1 + i, 2 + i, 1 + i, 2 + i, 10, 'yahoo'
FROM generate_series(0, 29) AS i, LATERAL (SELECT '2025-10-08 13:50Z'::timestamptz + i * interval '1 minute')
     AS at (minute)
"""
TABLES = {
    "symbol_universe",
    "universe_versions",
    "candles_intraday",
    "candles_daily",
    "candle_revisions",
    "rejected_bars",
    "vacancies",
    "quotes_l1",
    "ingestion_cursor",
    "backfill_jobs",
    "series_heads",
    "cursor_history",
    "universe_history",
    "symbol_renames",
    "candles_touched",
    "schema_version",
    "provider_delays",
    "rechecks",
    "quarantined_bars",
    "known_splits",
    "calendar_changes",
    "split_checks",
}
STEPS = [str(one) for one in known() if one.part == "core"]


def _apply(program: Program, way: str, url: str) -> None:
    if way == "psql":
        program("psql", url, "--quiet", "-v", "ON_ERROR_STOP=1", "-f", str(FILE))
    else:
        asyncio.run(_migrate(url))


async def _migrate(url: str) -> list[str]:
    """The steps that were applied."""
    async with open_database(url, 1) as database:
        return [str(one) for one in await migrate(database)]


def _run(url: str, *statements: str) -> None:
    async def run() -> None:
        async with open_database(url, 1) as database:
            for statement in statements:
                await database.run(statement)

    asyncio.run(run())


@pytest.mark.parametrize("ways", [("psql",), ("psql", "psql"), ("psql", "migrate"), ("migrate", "psql")])
def test_every_way_to_apply_it_once_or_again_gives_the_same_schema(
    program: Program, empty_postgres_url: str, postgres_url: str, ways: Sequence[str]
) -> None:
    for way in ways:
        _apply(program, way, empty_postgres_url)
    made = schema(program, empty_postgres_url)
    assert made == schema(program, postgres_url)
    assert {line.split(".")[1].split(" ")[0] for line in made if line.startswith("CREATE TABLE")} == TABLES


@pytest.mark.parametrize("way", ["psql", "migrate"])
def test_applied_again_it_leaves_the_rows_alone(program: Program, postgres_url: str, way: str) -> None:
    _run(postgres_url, HALF_AN_HOUR, "INSERT INTO symbol_universe VALUES ('AAPL', 'NASDAQ')")
    before = program("pg_dump", "--data-only", "--restrict-key=same", postgres_url)
    _apply(program, way, postgres_url)
    assert program("pg_dump", "--data-only", "--restrict-key=same", postgres_url) == before
    assert before.count("yahoo") == 30


def test_four_at_once_all_succeed(program: Program, empty_postgres_url: str, postgres_url: str) -> None:
    async def four() -> None:
        await asyncio.gather(*(_migrate(empty_postgres_url) for _ in range(4)))

    asyncio.run(four())
    assert schema(program, empty_postgres_url) == schema(program, postgres_url)


def test_each_step_is_applied_once_and_leaves_its_row(program: Program, empty_postgres_url: str) -> None:
    assert STEPS
    assert asyncio.run(_migrate(empty_postgres_url)) == STEPS
    rows = "SELECT part || ' ' || version || ' ' || xmin FROM schema_version ORDER BY applied_at, version"
    first = program("psql", empty_postgres_url, "-At", "-c", rows)
    assert [line.rpartition(" ")[0] for line in first.splitlines()] == STEPS
    assert asyncio.run(_migrate(empty_postgres_url)) == []
    _apply(program, "psql", empty_postgres_url)
    assert program("psql", empty_postgres_url, "-At", "-c", rows) == first


def test_a_database_says_whether_it_is_migrated(empty_postgres_url: str) -> None:
    async def state() -> tuple[object, object, object]:
        async with open_database(empty_postgres_url, 1) as database:
            found = await describe(database)
            assert str(found["postgresql"])[:2].isdigit()
            return found["timescaledb"], found["migrated"], found["schema"]

    assert asyncio.run(state()) == (None, False, "")
    asyncio.run(_migrate(empty_postgres_url))
    assert asyncio.run(state()) == (None, True, STEPS[-1])


def test_the_files_that_users_apply_are_those_that_the_service_applies() -> None:
    assert migrations() == [FILE, TIMESCALE] == sorted(FOLDER.iterdir())


def test_the_migration_of_timescaledb_says_what_is_missing_and_leaves_the_core(
    program: Program, empty_postgres_url: str, postgres_url: str
) -> None:
    with pytest.raises(
        AssertionError, match=r"(?s)this database has no TimescaleDB.*CREATE EXTENSION timescaledb"
    ):
        program("psql", empty_postgres_url, "-v", "ON_ERROR_STOP=1", "-f", str(TIMESCALE))
    assert schema(program, empty_postgres_url) == schema(program, postgres_url)


def test_the_statements_of_the_guide_populate_the_universe(program: Program, postgres_url: str) -> None:
    said = program("psql", postgres_url, "-v", "ON_ERROR_STOP=1", said=STATEMENTS)
    assert all(table in said for table in TABLES)
    assert said.splitlines()[-2:] == ["INSERT 0 7", "INSERT 0 1"]
    universe = "SELECT symbol, exchange, asset_type, tier, active FROM symbol_universe WHERE symbol = 'SPY'"
    assert program("psql", postgres_url, "-At", "-c", universe) == "SPY|NYSE|etf|T0|t\n"


def test_the_statements_of_the_guide_delete_a_window_and_count(program: Program, postgres_url: str) -> None:
    _run(postgres_url, HALF_AN_HOUR)
    counts = [
        program("psql", postgres_url, "-At", "-c", statement).strip()
        for statement in (COUNT, COUNT_DELETED, DELETE, COUNT, COUNT_DELETED)
    ]
    assert counts == ["30", "11", "DELETE 11", "19", "0"]


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            "candles_5m",
            [f"13:5{m}|{1 + m}|{6 + m}|{1 + m}|{6 + m}|50" for m in (0, 5)]
            + [f"14:{m:02}|{11 + m}|{16 + m}|{11 + m}|{16 + m}|50" for m in (0, 5, 10, 15)],
        ),
        ("candles_1h", ["13:00|1|11|1|11|100", "14:00|11|31|11|31|200"]),
    ],
)
def test_the_views_build_longer_bars_from_minutes(
    program: Program, postgres_url: str, view: str, expected: list[str]
) -> None:
    _run(postgres_url, HALF_AN_HOUR)
    said = """
        SELECT to_char(ts AT TIME ZONE 'UTC', 'HH24:MI'), open, high, low, close, volume
        FROM :view WHERE symbol = 'AAPL' ORDER BY ts;
    """
    assert program("psql", postgres_url, "-At", "-v", f"view={view}", said=said).split() == expected


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO symbol_universe (symbol, exchange, tier) VALUES ('AAPL', 'NASDAQ', 'T9')",
        "INSERT INTO symbol_universe (symbol, exchange, asset_type) VALUES ('AAPL', 'NASDAQ', 'bond')",
        "INSERT INTO candles_daily VALUES ('AAPL', '1m', now(), 1, 1, 1, 1, 1, 'yahoo')",
        "INSERT INTO candles_intraday VALUES ('AAPL', '1d', now(), 1, 1, 1, 1, 1, 'yahoo')",
        "INSERT INTO backfill_jobs VALUES (1, 'AAPL', '1m', now(), now(), 'T0')",
    ],
)
def test_a_row_that_cannot_be_is_refused(postgres_url: str, statement: str) -> None:
    with pytest.raises(Exception, match="violates check constraint"):
        _run(postgres_url, statement)
