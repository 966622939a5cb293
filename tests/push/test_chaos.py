"""Replicas and connections are killed at random: in the end each client knows what the database holds."""

import asyncio
import json
import os
import random
import socket
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from market_data.market.span import epoch
from market_data.store import universe
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

from .replica import INSTRUMENTS

pytestmark = pytest.mark.anyio

REPLICAS = 3
EVERY = "*"
PATIENCE_SECONDS = 60.0
"""How long all clients may take to know all once nothing more happens."""

Key = tuple[str, int]
"""Symbol and label of a bar."""


@dataclass
class Watcher:
    """A client that comes back with its position, and notes every hole and repeat that it sees."""

    symbol: str
    ports: list[int]
    chance: random.Random
    lives: float  # seconds that a connection lasts, about
    known: dict[Key, tuple[int, float]] = field(default_factory=dict)
    """Revision and volume."""
    position: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    async def watch(self) -> None:
        """Connect to any replica, again and again, until cancelled."""
        while True:
            port = self.chance.choice(self.ports)
            path = "" if self.symbol == EVERY else f"/{self.symbol}"
            since = "" if self.position is None or not path else f"?since={self.position}"
            try:
                async with connect(f"ws://127.0.0.1:{port}/ws{path}{since}", proxy=None) as client:
                    self.counts["connections"] += 1
                    if not path:
                        await client.send(
                            json.dumps({"type": "subscribe", "symbols": [EVERY], **self._since})
                        )
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self.chance.expovariate(1 / self.lives)):
                            await self._read(client)
                    if self.chance.random() < 0.7:
                        client.transport.abort()
            except (OSError, WebSocketException):
                await asyncio.sleep(0.05)

    @property
    def _since(self) -> dict[str, str]:
        return {} if self.position is None else {"since": self.position}

    async def _read(self, client: ClientConnection) -> None:
        """Read until a message says that some were left out: coming back tells them."""
        while (message := json.loads(await client.recv()))["type"] != "conflated":
            self.take(message)
        self.counts["conflated"] += 1

    def take(self, message: dict[str, Any]) -> None:
        """One message of the stream."""
        match message["type"]:
            case "replay" if message["recovered"]:
                self.counts["came back"] += 1
                for bar in message["bars"]:
                    self._step(bar)
            case "replay":
                self.counts["openings"] += 1
                self.known = {self._key(bar): (bar["revision"], bar["volume"]) for bar in message["bars"]}
            case "subscribed" if self.position is None or self._life(message) != self._life_of(self.position):
                self.counts["openings"] += 1
                self.known = {}
            case "bar":
                self._step(message)
            case "error":
                self.wrong.append(str(message))
            case "snapshot":
                return  # its position counts once its replay has come
        if "position" in message:
            self.position = message["position"]

    def _step(self, bar: dict[str, Any]) -> None:
        """A change of a bar: it has to be the very next one."""
        key, revision = self._key(bar), bar["revision"]
        before = self.known.get(key, (-1, 0.0))[0]
        seen = key in self.known or self.symbol != EVERY  # who follows all is not told what there was
        if seen and revision != before + 1:
            self.wrong.append(f"{'repeat' if revision <= before else 'hole'}: {key} {before} -> {revision}")
        self.known[key] = (revision, bar["volume"])
        self.counts["bars"] += 1

    @staticmethod
    def _key(bar: dict[str, Any]) -> Key:
        return bar["symbol"], epoch_of(bar["ts"])

    @staticmethod
    def _life(message: dict[str, Any]) -> str:
        return str(message["position"]).partition("-")[0]

    @staticmethod
    def _life_of(position: str) -> str:
        return position.partition("-")[0]


def epoch_of(text: str) -> int:
    return epoch(datetime.fromisoformat(text))


def free_ports(count: int) -> list[int]:
    """Ports that nobody has at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return found


@dataclass
class Killer:
    """Keeps replicas running, and kills them."""

    environment: dict[str, str]
    until: float
    chance: random.Random
    running: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    kills: int = 0

    async def start(self, port: int) -> None:
        self.running[port] = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "push.replica",
                str(port),
                str(self.until),
                str(self.chance.random())[2:9],
            ),
            env=self.environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self, port: int) -> None:
        process = self.running.pop(port)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        self.kills += 1

    async def rage(self, apart: float) -> None:
        """Kill one after another, until `until`."""
        while time.time() < self.until:
            await asyncio.sleep(self.chance.uniform(0.5, 1.5) * apart)
            port = self.chance.choice(list(self.running))
            await self.kill(port)
            await self.start(port)


async def chaos(folder: Path, *, clients: int, seconds: float, apart: float, wipes: int) -> str:
    """Let clients watch while replicas write and are killed; returns what has been counted."""
    postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
    chance = random.Random(3)
    postgres.__enter__()
    valkey.__enter__()
    killer = None
    try:
        async with open_database(postgres.url, 2) as database:
            await migrate(database)
            await universe.put(database, INSTRUMENTS)
            tests = str(Path(__file__).parents[1])
            environment = {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]),
                "DATABASE_URL": postgres.url,
                "RLC_REDIS_URL": valkey.url,
            }
            killer = Killer(environment, time.time() + seconds, chance)
            ports = free_ports(REPLICAS)
            for port in ports:
                await killer.start(port)
            symbols = [one.symbol for one in INSTRUMENTS]
            watchers = [
                Watcher(
                    EVERY if number % 20 == 19 else chance.choice(symbols),
                    ports,
                    random.Random(number),
                    lives=seconds / 8,
                )
                for number in range(clients)
            ]
            watching = [asyncio.create_task(one.watch()) for one in watchers]
            wiping = asyncio.create_task(wipe(valkey.url, wipes, seconds))
            await killer.rage(apart)
            await wiping
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while not await everyone_knows_all(database, watchers):  # noqa: ASYNC110 - it tells nobody
                        await asyncio.sleep(0.5)
            except TimeoutError:
                pytest.fail(await differences(database, watchers))
            finally:
                for one in watching:
                    one.cancel()
                await asyncio.wait(watching)
            assert [one for watcher in watchers for one in watcher.wrong] == []
            return await counted(database, watchers, killer)
    finally:
        if killer is not None:
            for port in list(killer.running):
                await killer.kill(port)
        await asyncio.to_thread(valkey.__exit__, None, None, None)
        await asyncio.to_thread(postgres.__exit__, None, None, None)


async def wipe(url: str, times: int, seconds: float) -> None:
    """Make Valkey forget everything, some times."""
    for _ in range(times):
        await asyncio.sleep(seconds / (times + 1))
        with Redis.from_url(url) as redis:
            redis.flushall()


async def truth(database: Database) -> dict[Key, tuple[int, float]]:
    rows = await database.fetch("SELECT symbol, ts, revision, volume FROM candles_intraday")
    return {(row["symbol"], epoch(row["ts"])): (row["revision"], row["volume"]) for row in rows}


def differs(watcher: Watcher, held: dict[Key, tuple[int, float]]) -> set[Key]:
    """The bars of which the client does not know what the database holds."""
    if watcher.symbol == EVERY:  # it knows what has changed since it came
        return {key for key, value in watcher.known.items() if held.get(key) != value}
    mine = {key: value for key, value in held.items() if key[0] == watcher.symbol}
    return {key for key in mine.keys() | watcher.known.keys() if mine.get(key) != watcher.known.get(key)}


async def everyone_knows_all(database: Database, watchers: list[Watcher]) -> bool:
    held = await truth(database)
    return not any(differs(one, held) for one in watchers)


async def differences(database: Database, watchers: list[Watcher]) -> str:
    held = await truth(database)
    found = [f"{one.symbol}: {len(differs(one, held))} bars, {one.wrong[:3]}" for one in watchers]
    return "; ".join(text for text, one in zip(found, watchers, strict=True) if differs(one, held))


async def counted(database: Database, watchers: list[Watcher], killer: Killer) -> str:
    counts = sum((one.counts for one in watchers), Counter[str]())
    (row,) = await database.fetch("SELECT count(*) + sum(revision) AS changes FROM candles_intraday")
    text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return (
        f"{row['changes']} changes, {killer.kills} kills, {len(watchers)} clients: {text}; no hole, no repeat"
    )


async def test_kills_for_seconds_leave_no_hole_and_no_repeat(servers_folder: Path) -> None:
    counts = await chaos(servers_folder / "stream", clients=20, seconds=10, apart=2.5, wipes=1)
    assert "no hole" in counts


@pytest.mark.chaos
async def test_kills_for_five_minutes_leave_no_hole_and_no_repeat(servers_folder: Path) -> None:
    print(await chaos(servers_folder / "stream", clients=200, seconds=300, apart=4, wipes=3))  # noqa: T201
