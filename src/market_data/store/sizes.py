"""How large the tables are, without counting rows."""

from dataclasses import dataclass

from market_data.store.connect import Database, sql

TABLES = (
    "backfill_jobs",
    "calendar_changes",
    "candle_revisions",
    "candles_chunks",
    "candles_daily",
    "candles_intraday",
    "candles_touched",
    "cursor_history",
    "ingestion_cursor",
    "known_splits",
    "provider_delays",
    "quarantined_bars",
    "quotes_l1",
    "rechecks",
    "rejected_bars",
    "retention_set",
    "schema_version",
    "series_heads",
    "split_checks",
    "symbol_renames",
    "symbol_universe",
    "universe_history",
    "universe_versions",
    "vacancies",
)
"""The tables of the service; two of them are there with TimescaleDB only."""


@dataclass(frozen=True, slots=True)
class Size:
    """A table or aggregate: bytes on disk with its indexes, and its rows as PostgreSQL estimates them."""

    table: str
    bytes: float
    rows: float


async def measured(database: Database) -> list[Size]:
    """The size of each table, largest first.

    Raises StoreUnavailable if the database cannot be reached, or while a migration has locked a table.
    """
    async with database.transaction() as connection:
        await connection.execute(sql("sizes_patience"))
        rows = {row["table"]: row for row in await connection.fetch(sql("sizes"), TABLES)}
        if await connection.fetch(sql("retention_known")):
            rows |= {row["table"]: row for row in await connection.fetch(sql("sizes_scaled"))}
    found = [Size(name, row["bytes"], row["rows"]) for name, row in rows.items()]
    return sorted(found, key=lambda one: (-one.bytes, one.table))
