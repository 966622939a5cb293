"""The service itself, as the benchmark runs it: `market-data serve` with a database of its own."""

import asyncio
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.resources import files
from pathlib import Path

import msgspec
from redis import Redis

from fanout_parts.message import Publication
from fanout_parts.processes import stop
from fanout_parts.task import Source
from market_data import __version__
from market_data.stream import HEADS, KEPT, LIFE, STREAM

_SCRIPT = files("market_data").joinpath("publish.lua").read_bytes()
_SHA = hashlib.sha1(_SCRIPT, usedforsecurity=False).hexdigest().encode()
_FIRST = b"redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])\n" + _SCRIPT
"""A publisher's first message of a symbol: it does not know what the one before it has published."""
_KEYS = (b"3", STREAM.encode(), HEADS.encode(), LIFE.encode())
_BAR = b"001790947800"
_heads: dict[bytes, int] = {}


class Service:
    """Its own process, without collection: what it streams comes from the publisher."""

    name = "service"
    command = "fanout_parts.service:words"
    opening = '{"type":"replay"'
    version = ""
    port = 0

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._pid = 0

    def absent(self, *, own_source: bool) -> str:
        return "it makes no messages itself" if own_source else ""

    async def start(self, redis: Path, symbols: Sequence[str]) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fan-"))
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATA_DIR": folder,
            "RLC_REDIS_URL": f"unix://{redis}",
            "LOCAL_SWEEP_ENABLED": "false",
            "LOG_LEVEL": "ERROR",
            "WS_MAX_CLIENTS": "10000",
        }
        with Redis(unix_socket_path=str(redis)) as client:
            client.script_load(_SCRIPT)
        await self._done(environment, "universe", "add", *symbols, "--tier", "T2")
        process = await self._begun(environment, "serve", "--port", "0", "--json")
        self._stack.push_async_callback(stop, process)
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError("the service ended before it answered; what it said is above")
        self.port = int(msgspec.json.decode(line)["url"].rpartition(":")[2])
        self.version = f"market-data {__version__}"
        self._pid = process.pid

    async def stop(self) -> None:
        await self._stack.aclose()

    @property
    def pids(self) -> Sequence[int]:
        return (self._pid,)

    async def produce(self, source: Source) -> int:
        raise NotImplementedError("it makes no messages itself")

    async def _done(self, environment: dict[str, str], *words: str) -> None:
        process = await self._begun(environment, *words)
        if await process.wait():
            raise RuntimeError(f"market-data {words[0]} failed; what it said is above")

    async def _begun(self, environment: dict[str, str], *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "market_data", *words),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )


def words(one: Publication) -> Sequence[bytes]:
    """The Redis command that publishes a message the way the service does: its position is added there."""
    series, head = one.symbol + b" 1m", one.number
    before = _heads.get(one.symbol)
    _heads[one.symbol] = head
    script = (b"EVAL", _FIRST) if before is None else (b"EVALSHA", _SHA)
    body = one.body.partition(b',"position"')[0] + b"}"
    state = (b"%d" % KEPT, series, b"%d" % (before or 0), b"%d" % head, b"%.3f" % (time.time() * 1000), b"1")
    return (*script, *_KEYS, *state, _BAR, b"%d" % head, body)
