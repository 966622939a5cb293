"""/health, /health/live, /health/ready and /metrics, with all parts there and with some gone."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import TypeVar

import pytest

from frozen import frozen_postgres
from market_data.hosting import Stores
from market_data.providers import discover
from market_data.serve.health import ANSWER_SECONDS
from market_data.store import universe
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

from .conftest import AAPL, PATIENCE_SECONDS, Got, Served, Serving, pauses

pytestmark = pytest.mark.anyio

Server = TypeVar("Server", EmbeddedPostgres, EmbeddedValkey)
SLOW_SECONDS = 4.0
"""How much longer answers may take on a machine that does much else."""


async def test_health_shows_every_part_of_a_service_that_works(served: Served) -> None:
    got = await served.get("/health")
    assert got.status == 200
    assert got.json["status"] == "ok"
    assert got.json["database"]["detail"]["migrated"] is True
    assert got.json["redis"]["ok"]
    assert set(got.json["providers"]["detail"]) == set(discover())
    assert got.json["collector"]["detail"] == {"sweeping": False}


async def test_the_probes_of_kubernetes_answer(served: Served) -> None:
    assert (await served.get("/health/live")).json == {"status": "alive"}
    assert (await served.get("/health/ready")).json == {"status": "ready"}


async def test_health_tells_a_collector_that_sweeps(serving: Serving) -> None:
    served = await serving(LOCAL_SWEEP_ENABLED="true", LOCAL_SWEEP_TICK_SEC="1")
    got = await _when(served, lambda got: "seconds_since_sweep" in got.json["collector"]["detail"])
    assert got.status == 200


async def test_an_empty_universe_is_said_with_what_fills_it(serving: Serving) -> None:
    served = await serving(LOCAL_SWEEP_ENABLED="true", LOCAL_SWEEP_TICK_SEC="0.2")
    got = await _when(served, lambda got: "seconds_since_sweep" in got.json["collector"]["detail"])
    assert (got.status, got.json["collector"]["ok"]) == (200, True), "it can be filled while it runs"
    assert (got.json["status"], got.json["universe"]["ok"]) == ("ok", False)
    said = got.json["universe"]["detail"]["says"]
    assert "the universe is empty: `market-data universe add AAPL --tier T0`" in said

    await universe.put(served.parts.database, [AAPL])
    assert (await served.get("/health")).json["universe"]["ok"] is True


async def test_a_collector_that_has_not_swept_for_three_ticks_is_down(serving: Serving) -> None:
    served = await serving(LOCAL_SWEEP_ENABLED="true", LOCAL_SWEEP_TICK_SEC="3600")
    async with served.parts.database.transaction() as holding:
        await holding.execute(
            "LOCK TABLE symbol_universe IN ACCESS EXCLUSIVE MODE"
        )  # a sweep would hang here
        served.clock.now += 3 * 3600 + 1
        got = await served.get("/health")
    assert (got.status, got.json["status"]) == (503, "down")
    assert not got.json["collector"]["ok"]


async def test_metrics_are_prometheus_text_with_the_names_of_the_contract(served: Served) -> None:
    got = await served.get("/metrics")
    assert got.status == 200
    assert got.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'store_up{store="postgresql"} 1.0',
        'circuit_state{provider="yahoo"} 1.0',
        "ws_clients_gauge 0.0",
    ):
        assert line in got.text
    assert "process_cpu_seconds_total" in got.text


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="md-"))
    yield path
    rmtree(path)


async def test_health_is_degraded_without_redis_503_without_the_database_and_ok_when_they_are_back(
    serving: Serving, folder: Path
) -> None:
    postgres, valkey = EmbeddedPostgres(folder / "p"), EmbeddedValkey(folder / "v")
    await asyncio.gather(asyncio.to_thread(postgres.__enter__), asyncio.to_thread(valkey.__enter__))
    running: list[EmbeddedPostgres | EmbeddedValkey] = [postgres, valkey]
    try:
        served = await serving(stores=Stores(postgres.url, valkey.url))
        for server, name in ((valkey, "redis"), (postgres, "database")):
            await asyncio.to_thread(server.__exit__, None, None, None)
            running.remove(server)
            got = await _when(served, partial(_is_out, name))
            down = server is postgres
            assert (got.status, got.json["status"]) == ((503, "down") if down else (200, "degraded"))
            assert (await served.get("/health/live")).status == 200
            assert (await served.get("/health/ready")).status == (503 if down else 200)
            assert (await served.get("/stats/providers")).status == 200
            store = "redis" if server is valkey else "postgresql"
            assert f'store_up{{store="{store}"}} 0.0' in (await served.get("/metrics")).text
            await asyncio.to_thread(server.__enter__)
            running.append(server)
            await _when(served, lambda got: got.json["status"] == "ok")
    finally:
        for server in running:
            await asyncio.to_thread(server.__exit__, None, None, None)


@asynccontextmanager
async def beside(server: Server) -> AsyncIterator[Server]:
    """A server that is started and stopped beside the event loop."""
    await asyncio.to_thread(server.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


async def test_a_database_that_stands_still_is_out_within_seconds_and_back_when_it_goes_on(
    serving: Serving, folder: Path
) -> None:
    async with (
        beside(EmbeddedPostgres(folder / "p")) as postgres,
        beside(EmbeddedValkey(folder / "v")) as valkey,
    ):
        served = await serving(stores=Stores(postgres.url, valkey.url))
        assert (await served.get("/health/ready")).status == 200
        async with frozen_postgres(folder / "p", postgres.url):
            began = time.monotonic()
            asked = 2 * served.parts.settings.database_pool_size  # more than there are connections to hang
            several = await asyncio.gather(*(served.get("/health/ready") for _ in range(asked)))
            assert time.monotonic() - began < ANSWER_SECONDS + SLOW_SECONDS
            assert {got.status for got in several} == {503}
            assert f"no answer within {ANSWER_SECONDS:g} s" in several[0].problem["detail"]
        await _when(served, lambda got: got.json["status"] == "ok")


def _is_out(name: str, got: Got) -> bool:
    return not got.json[name]["ok"]


async def _when(served: Served, right: Callable[[Got], bool]) -> Got:
    """The answer of /health once it is right."""
    for pause in pauses():
        got = await served.get("/health")
        if right(got):
            return got
        await asyncio.sleep(pause)
    pytest.fail(f"not within {PATIENCE_SECONDS:g} s: {got}")
