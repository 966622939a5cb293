"""A stop: whatever Redis does meanwhile, the replica is listed no more and the stop has an end."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from market_data import replicas
from market_data.hosting import Stores
from market_data.queue import Queue
from market_data.settings import read
from market_data.store.redis import open_redis
from market_data.wiring import service

pytestmark = pytest.mark.anyio

LONGEST_STOP_SECONDS = 12.0


@dataclass
class Proxy:
    """A TCP way to a Valkey that delays what it sends, and breaks a connection that says a word, once."""

    server: str
    delay: float = 0.0
    breaks_on: list[bytes] = field(default_factory=list)
    url: str = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        out_reader, out_writer = await asyncio.open_unix_connection(urlsplit(self.server).path)
        try:
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._pass(reader, out_writer)),
                    asyncio.ensure_future(self._pass(out_reader, writer)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            writer.close()
            out_writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            for word in self.breaks_on:
                if word in piece:
                    self.breaks_on.remove(word)
                    return
            await asyncio.sleep(self.delay)
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def proxied(server: str) -> AsyncIterator[Proxy]:
    proxy = Proxy(server)
    listening = await asyncio.start_server(proxy.take, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()[:2]
    proxy.url = f"redis://{host}:{port}"
    yield proxy
    listening.close()


async def listed(redis_url: str) -> list[bytes]:
    async with open_redis(redis_url) as redis:
        return [one for one in await redis.zrange(replicas.KEY, 0, -1) if isinstance(one, bytes)]


@pytest.mark.parametrize(
    ("delay", "word"),
    [(0.3, b""), (0.0, b"ZREM"), (0.0, b"EVALSHA"), (0.1, b"ZREM")],
    ids=["slow", "refuses to forget it", "refuses a script", "slow, and refuses"],
)
async def test_a_replica_that_stops_is_listed_no_more(
    postgres_url: str, redis_url: str, delay: float, word: bytes
) -> None:
    configuration = read({"LOCAL_SWEEP_ENABLED": "false"}, dotenv=None)
    async with proxied(redis_url) as proxy:
        async with service(configuration, Stores(postgres_url, proxy.url)) as parts:
            await parts.replicas.beat()
            assert len(await listed(redis_url)) == 1
            proxy.delay = delay
            if word:
                proxy.breaks_on.append(word)
            stopped = time.monotonic()
        assert time.monotonic() - stopped < LONGEST_STOP_SECONDS
    assert await listed(redis_url) == []


async def test_a_step_that_fails_keeps_no_other_from_being_done(
    postgres_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Queue) -> None:
        raise KeyError("unforeseen")

    monkeypatch.setattr(Queue, "leave", fails)
    configuration = read({"LOCAL_SWEEP_ENABLED": "false"}, dotenv=None)
    async with service(configuration, Stores(postgres_url, redis_url)) as parts:
        await parts.replicas.beat()
    assert await listed(redis_url) == []
