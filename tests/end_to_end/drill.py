"""Replicas of the service as processes over stores of their own, and what is to be true of them."""

import asyncio
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from market_data.backfill.completeness import expected, missing
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.providers import discover
from market_data.simulate import Running, SimulatorConfig, start
from market_data.store import universe
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey
from own_postgres import ask_for_password

REPLICAS = 3
ROLE = "service"
ASKED = ("binance", "coinbase")
"""They need no key, and have crypto, which trades at any hour; their plans bind everybody."""
START_SECONDS = 60.0
"""How long a replica may take to start, on a machine that does much else."""
TRUTH_SECONDS = 5.0
"""How long readiness may take to show that the database has gone, or has come back."""
ANSWER_SECONDS = 10.0
"""How long a replica may take to say whether it is ready."""
PATIENCE_SECONDS = 180.0
"""How long everything may take to be healed once nothing is disturbed any more."""


def members(count: int) -> list[Instrument]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = [f"Z{a}{b}-USD" for a in letters for b in letters][:count]
    return [Instrument(name, "CRYPTO", AssetType.CRYPTO, Tier.T0, listed=today()) for name in names]


def today() -> int:
    """Since when they are listed: no history is missing, and each call that is counted is about now."""
    return int(time.time()) // 86_400 * 86_400


def environment(database: str, redis: str, simulator: Running) -> dict[str, str]:
    """The settings of a replica; DRILL_SOURCES names the packages of another build than this one."""
    found = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("DRILL_SOURCES") or os.environ.get("PYTHONPATH", ""),
        "PORT": "0",
        "DATABASE_URL": database,
        "RLC_REDIS_URL": redis,
        "LOCAL_SWEEP_TICK_SEC": "5",
        "CADENCE_T0": "bars_1m=60",
        "POLICY_BARS_1M": ",".join(ASKED),
        "GAP_SCAN_SEC": "20",
        "BACKFILL_DISPATCH_RATE_PER_SEC": "50",
        "PROVIDERS_DISABLED": ",".join(one for one in discover() if one not in ASKED),
    }
    for name in ASKED:
        found[f"{discover()[name].facts.settings_prefix}_BASE_URL"] = simulator.base_urls[name]
    return found


@dataclass
class Replica:
    """One replica as a process; it is started again whenever it has ended."""

    environment: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    url: str = ""
    ends: list[str] = field(default_factory=list)
    """Of each life the exit code and the last words."""

    async def start(self) -> None:
        self.url = ""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "market_data", "serve", "--json"),
                env=self.environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )

    async def announced(self) -> bool:
        """Whether it has started; it ends with an error where it cannot."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), START_SECONDS)
        if line:
            self.url = line.decode().split('"')[3]
        return bool(line)

    async def keep(self) -> None:
        """Start it, again and again, as Kubernetes does."""
        while True:
            await self.start()
            assert self.process is not None
            await self.announced()
            code = await self.process.wait()
            self.url = ""
            self.ends.append(f"{code}: {self._last_words()}")
            await asyncio.sleep(1.0)

    def _last_words(self) -> str:
        """The last line of the log; numbers differ from life to life and are left out."""
        lines = self.log.read_text(errors="replace").splitlines()
        return re.sub(r"\d+", "N", lines[-1].strip()) if lines else "nothing was said"

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


@dataclass
class World:
    """The clock of the simulated world: that of this machine, and as much ahead of it as is said here."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Field:
    """What a drill is about."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    simulator: Running
    replicas: list[Replica]
    instruments: list[Instrument]
    world: World
    folder: Path
    data: Path  # of PostgreSQL
    since: float = field(default_factory=time.time)

    @property
    def symbol(self) -> str:
        """One of those that are collected."""
        return self.instruments[0].symbol


@asynccontextmanager
async def running(folder: Path, count: int, disk: Path | None = None) -> AsyncIterator[Field]:
    """Replicas over stores of their own and a simulated world; all is stopped when the block ends.

    PostgreSQL's data are on `disk`, or in `folder` too.
    """
    data = (disk or folder) / "drill-postgres"
    postgres, valkey = EmbeddedPostgres(data), EmbeddedValkey(folder / "drill-valkey")
    await asyncio.to_thread(postgres.__enter__)
    await asyncio.to_thread(valkey.__enter__)
    keeping: list[asyncio.Task[None]] = []
    replicas: list[Replica] = []
    world = World()
    try:
        async with await start(SimulatorConfig(), world) as simulator:
            async with open_database(postgres.url, 2) as database:
                await migrate(database)
                await universe.put(database, members(count))
                await database.run("UPDATE symbol_universe SET listed = $1::timestamptz", moment(today()))
            url = await login(data, postgres.url, "the-first-password")
            settings = environment(url, valkey.url, simulator)
            replicas += [Replica(settings, folder / f"drill{number}.log") for number in range(REPLICAS)]
            keeping += [asyncio.create_task(one.keep()) for one in replicas]
            yield Field(postgres, valkey, simulator, replicas, members(count), world, folder, data)
    finally:
        for task in keeping:
            task.cancel()
        for one in replicas:
            one.signal(signal.SIGCONT)
            one.signal(signal.SIGTERM)
        for one in replicas:
            if one.process is not None:
                try:
                    await asyncio.wait_for(one.process.wait(), 30)
                except TimeoutError:
                    one.process.kill()
        await asyncio.to_thread(valkey.__exit__, None, None, None)
        await asyncio.to_thread(postgres.__exit__, None, None, None)


async def login(data: Path, url: str, password: str) -> str:
    """The URL of a role of the service's own, which needs its password, at the PostgreSQL in `data`."""
    await ask_for_password(data, url, ROLE, password)
    return url.replace("postgres@", f"{ROLE}:{password}@")


async def first_collected(field: Field, database: Database) -> None:
    """Wait until every series has all of today: what comes from then on is to be on time."""
    async with asyncio.timeout(START_SECONDS + PATIENCE_SECONDS):
        while True:
            so_far = Span(field.instruments[0].listed or 0, int(time.time()))
            if not await lacking(database, field.instruments, so_far):
                return
            await asyncio.sleep(1.0)


def calls(simulator: Running) -> Counter[str]:
    return Counter({name: simulator.calls[name].asked for name in ASKED})


def over_plan(simulator: Running) -> int:
    return sum(simulator.calls[name].over_plan for name in ASKED)


@dataclass
class Truth:
    """Asks each replica whether it is ready, and compares with what is the case."""

    drill: Field
    expected: tuple[bool | None, float] = (True, 0.0)  # whether they should be ready, and since when
    asked: int = 0
    lies: list[str] = field(default_factory=list)
    turned: float | None = None  # when all had first answered as expected

    def expect(self, ready: bool | None) -> None:
        """From now on they should be ready, or not; None: no answer is wrong."""
        self.expected, self.turned = (ready, time.monotonic()), None

    async def turn(self, server: EmbeddedPostgres | EmbeddedValkey, runs: bool) -> None:
        """Start or stop one; while PostgreSQL does either, no answer is wrong."""
        of_postgres = server is self.drill.postgres
        if of_postgres:
            self.expect(None)
        if runs:
            await asyncio.to_thread(server.__enter__)
        else:
            await asyncio.to_thread(server.__exit__, None, None, None)
        if of_postgres:
            self.expect(runs)

    async def watch(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ANSWER_SECONDS)) as session:
            while True:
                before = self.expected
                right = await asyncio.gather(
                    *(self._look(session, one) for one in self.drill.replicas if one.url)
                )
                if right and all(right) and self.turned is None and before == self.expected:
                    self.turned = time.monotonic()
                await asyncio.sleep(1.0)

    async def _look(self, session: aiohttp.ClientSession, one: Replica) -> bool:
        """Whether the answer is what is expected; an end of the replica is no answer."""
        before = self.expected
        try:
            async with session.get(f"{one.url}/health/ready") as reply:
                told = reply.status
        except aiohttp.ClientError:
            return False
        except TimeoutError:
            told = 0
        ready, since = self.expected
        self.asked += 1
        right = ready is None or (told != 0 and (told == 200) is ready)
        if not right and before == (ready, since) and time.monotonic() - since > TRUTH_SECONDS:
            self.lies.append(f"{told or 'nothing'} where {'200' if ready else 'another'} is right")
        return right


async def lacking(database: Database, instruments: list[Instrument], span: Span) -> dict[str, list[Span]]:
    now = time.time()
    places = [(one.symbol, part) for one in instruments for part in expected(one, Interval.M1, span, now)]
    return await missing(database, Interval.M1, places, now)


async def healed(database: Database, instruments: list[Instrument], span: Span) -> float:
    """Wait until nothing of `span` is missing; returns the seconds that it took."""
    began = time.monotonic()
    while True:
        left = await lacking(database, instruments, span)
        if not left:
            return time.monotonic() - began
        assert time.monotonic() - began < PATIENCE_SECONDS, f"{len(left)} series have gaps: {list(left)[:5]}"
        await asyncio.sleep(1.0)
