"""Gauges of a real service, computed when asked; those of a store that is out are absent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from market_data.errors import StoreUnavailable
from market_data.hosting import Stores
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.providers import discover
from market_data.push.client import Client
from market_data.push.session import Close
from market_data.serve.parts import Parts
from market_data.settings import read
from market_data.store import cursor, sizes, universe
from market_data.store.connect import Database
from market_data.store.embedded import EmbeddedValkey
from market_data.telemetry import sizes as sizes_module
from market_data.telemetry.sizes import Sizes
from market_data.wiring import service

pytestmark = pytest.mark.anyio

NOW = 1_720_364_400
"""2024-07-07T15:00:00Z, a Sunday."""
PROVIDERS = set(discover())

Gauges = dict[str, dict[str, float]]
"""By name and label value ("" without labels)."""


class NoWire:
    """A wire that leads nowhere."""

    def write(self, frames: bytes) -> None: ...

    def ping(self) -> None: ...

    def close(self, code: Close, reason: str) -> None: ...


@asynccontextmanager
async def serving(postgres_url: str, redis_url: str, **settings: str) -> AsyncIterator[Parts]:
    """A service that sweeps nothing and waits for jobs."""
    configuration = read({"LOCAL_SWEEP_ENABLED": "false", **settings}, dotenv=None)
    async with service(configuration, Stores(postgres_url, redis_url), clock=lambda: float(NOW)) as parts:
        yield parts


async def gauges(parts: Parts) -> Gauges:
    text = (await parts.metrics_text()).decode()
    families = text_string_to_metric_families(text)
    return {
        family.name: {",".join(one.labels.values()): one.value for one in family.samples}
        for family in families
        if family.type == "gauge" and not family.name.startswith(("process_", "python_"))
    }


async def test_a_service_at_rest_is_well_on_a_sunday(postgres_url: str, redis_url: str) -> None:
    async with serving(postgres_url, redis_url, WS_REPLAY_MAX_BARS="77") as parts:
        stock = Instrument("AAPL", "NASDAQ", AssetType.EQUITY, Tier.T0)
        await universe.put(parts.database, [stock])
        found = await gauges(parts)
    keyless = {name for name, one in discover().items() if not one.facts.needs_key}
    assert found.pop("provider_health_score").keys() == keyless, "of a DISABLED one nothing is known"
    tables, rows = found.pop("table_bytes"), found.pop("table_rows")
    assert set(sizes.TABLES) - {"candles_chunks", "retention_set"} <= tables.keys() == rows.keys()
    assert min(tables.values()) > 0
    assert found == {
        "backfill_oldest_age_seconds": {"T0": 0.0, "T1": 0.0, "T2": 0.0},
        "backfill_queue_depth": {"T0": 0.0, "T1": 0.0, "T2": 0.0},
        "circuit_state": dict.fromkeys(PROVIDERS, 1.0),
        "clock_offset_seconds": {"": 0.0},
        "quarantined_bars": {"jump": 0.0, "spread": 0.0, "volume": 0.0, "split": 0.0, "differs": 0.0},
        "slo_gap_violation_rate": {"1m,T0": 0.0, "1d,T0": 0.0},
        "fetch_queue_depth": {"T0": 0.0, "T1": 0.0, "T2": 0.0},
        "ingestion_lag_seconds": {"1m": 0.0},
        "market_open": {"XNYS": 0.0},
        "store_up": {"redis": 1.0, "postgresql": 1.0},
        "ws_clients_gauge": {"": 0.0},
        "ws_replay_buffer_bars": {"": 0.0},
    }


async def test_no_table_is_left_out_of_the_sizes(database: Database) -> None:
    made = await database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row["tablename"] for row in made} <= set(sizes.TABLES)


async def test_sizes_are_measured_once_a_minute_and_wait_for_no_migration(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Sizes(database)
    first = await known.now()
    assert first
    await database.run(
        "INSERT INTO symbol_universe SELECT 'S' || i, 'NYSE' FROM generate_series(1, 2000) AS i"
    )
    assert await known.now() is first
    async with database.transaction() as migration:
        await migration.execute("LOCK TABLE symbol_universe IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match="a lock was not available"):
            await sizes.measured(database)
        monkeypatch.setattr(sizes_module, "FRESH_SECONDS", 0.0)
        assert await known.now() is first
    grown = {one.table: one.bytes for one in await known.now()}
    assert grown["symbol_universe"] > {one.table: one.bytes for one in first}["symbol_universe"]


async def test_gauges_follow_what_they_are_made_of(postgres_url: str, redis_url: str) -> None:
    async with serving(postgres_url, redis_url) as parts:
        await universe.put(parts.database, [Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)])
        async with parts.database.transaction() as connection:
            await cursor.advance(
                connection,
                symbol="BTC-USD",
                interval=Interval.M1,
                source="yahoo",
                through=NOW - 120,
                last_bar=NOW - 180,
                asked_at=float(NOW),
            )
        clients = [Client(parts.desk, NoWire()) for _ in range(2)]
        parts.hub.clients.update(clients)
        found = await gauges(parts)
        assert found["ws_clients_gauge"] == {"": 2.0}
        assert found["ingestion_lag_seconds"] == {"1m": 120.0}
        for one in clients:
            one.gone()
        assert (await gauges(parts))["ws_clients_gauge"] == {"": 0.0}


async def test_a_database_that_does_not_answer_takes_only_its_own_gauges_away(
    postgres_url: str, redis_url: str
) -> None:
    async with serving(postgres_url, redis_url) as parts:
        assert (await gauges(parts))["ingestion_lag_seconds"] == {"1m": 0.0}
        other = await asyncpg.connect(postgres_url)
        async with other.transaction():
            await other.execute("LOCK TABLE backfill_jobs IN ACCESS EXCLUSIVE MODE")
            found = await gauges(parts)
        await other.close()
        assert found["store_up"] == {"redis": 1.0, "postgresql": 0.0}
        assert found["ingestion_lag_seconds"] == {}
        assert found["fetch_queue_depth"].keys() == {"T0", "T1", "T2"}
        assert found["circuit_state"].keys() == PROVIDERS
        assert (await gauges(parts))["store_up"] == {"redis": 1.0, "postgresql": 1.0}


async def test_a_redis_that_is_gone_takes_only_its_own_gauges_away(
    postgres_url: str, servers_folder: Path
) -> None:
    server = EmbeddedValkey(servers_folder / "gone")
    await asyncio.to_thread(server.__enter__)
    try:
        async with serving(postgres_url, server.url) as parts:
            assert (await gauges(parts))["store_up"] == {"redis": 1.0, "postgresql": 1.0}
            await asyncio.to_thread(server.__exit__, None, None, None)
            found = await gauges(parts)
            assert found["store_up"] == {"redis": 0.0, "postgresql": 1.0}
            assert found["fetch_queue_depth"] == {}
            assert found["ingestion_lag_seconds"] == {"1m": 0.0}
            await asyncio.to_thread(server.__enter__)
            assert (await gauges(parts))["store_up"] == {"redis": 1.0, "postgresql": 1.0}
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
