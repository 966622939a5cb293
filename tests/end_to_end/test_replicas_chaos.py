"""Three replicas as processes, killed, paused, robbed of their stores: no minute missed, no plan exceeded."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from market_data.backfill.completeness import expected, missing
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span, moment
from market_data.providers import discover
from market_data.simulate import Running, SimulatorConfig, paced, start
from market_data.store import ledger, universe
from market_data.store.connect import Database, migrate, open_database
from market_data.store.embedded import EmbeddedPostgres, EmbeddedValkey

pytestmark = pytest.mark.anyio

REPLICAS = 3
ASKED = ("binance", "coinbase")
"""They need no key, and have crypto, which trades at any hour; their plans bind everybody."""
START_SECONDS = 60.0
"""How long a replica may take to start, on a machine that does much else."""
WITHIN = 2 * 60
"""Seconds after its end by which a minute must be there as final."""
TWICE = 0.01
"""Share of series that may be fetched twice for the same minute."""
TRUTH_SECONDS = 5.0
"""How long readiness may take to tell that the database has gone, or has come back."""
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
    found = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
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
    codes: list[int] = field(default_factory=list)

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
            self.codes.append(await self.process.wait())
            self.url = ""
            await asyncio.sleep(1.0)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


@dataclass
class Field:
    """What a drill is about."""

    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    simulator: Running
    replicas: list[Replica]
    instruments: list[Instrument]
    since: float = field(default_factory=time.time)


@asynccontextmanager
async def running(folder: Path, count: int) -> AsyncIterator[Field]:
    """Replicas over stores of their own and a simulated world; all is stopped when the block ends."""
    postgres, valkey = EmbeddedPostgres(folder / "drill-postgres"), EmbeddedValkey(folder / "drill-valkey")
    await asyncio.to_thread(postgres.__enter__)
    await asyncio.to_thread(valkey.__enter__)
    keeping: list[asyncio.Task[None]] = []
    replicas: list[Replica] = []
    try:
        async with await start(SimulatorConfig(), paced()) as simulator:
            async with open_database(postgres.url, 2) as database:
                await migrate(database)
                await universe.put(database, members(count))
                await database.run("UPDATE symbol_universe SET listed = $1::timestamptz", moment(today()))
            settings = environment(postgres.url, valkey.url, simulator)
            replicas += [Replica(settings, folder / f"drill{number}.log") for number in range(REPLICAS)]
            keeping += [asyncio.create_task(one.keep()) for one in replicas]
            yield Field(postgres, valkey, simulator, replicas, members(count))
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


async def first_collected(field: Field, database: Database) -> None:
    """Wait until every series has all of today: what comes from then on is to be on time."""
    async with asyncio.timeout(START_SECONDS + PATIENCE_SECONDS):
        while True:
            so_far = Span(field.instruments[0].listed or 0, int(time.time()))
            if not await lacking(database, field.instruments, so_far):
                return
            await asyncio.sleep(1.0)


async def punctual(database: Database, instruments: list[Instrument], since: int, until: int) -> str:
    """Assert that each minute that opens in [since, until) was there as final WITHIN its end."""
    rows = await database.fetch(
        """
        SELECT count(*) AS held, max(extract(epoch FROM as_of - ts) - 60) AS latest,
               count(*) FILTER (WHERE as_of - ts > make_interval(secs => $3)) AS late
        FROM (
            SELECT symbol, ts, min(as_of) AS as_of FROM (
                SELECT symbol, ts, as_of, status FROM candles_intraday
                UNION ALL SELECT symbol, ts, as_of, status FROM candle_revisions
            ) AS every WHERE status <> 'partial' AND ts >= $1 AND ts < $2 GROUP BY symbol, ts
        ) AS final
        """,
        moment(since),
        moment(until),
        60 + WITHIN,
    )
    (row,) = rows
    assert row["held"] == len(instruments) * (until - since) // 60
    assert row["late"] == 0, f"{row['late']} of {row['held']} minutes were late"
    return f"{row['held']} minutes, the latest {row['latest']:.0f} s after its end"


def calls(simulator: Running) -> Counter[str]:
    return Counter({name: simulator.calls[name].asked for name in ASKED})


def over_plan(simulator: Running) -> int:
    return sum(simulator.calls[name].over_plan for name in ASKED)


async def kills_and_pauses(folder: Path, *, count: int, seconds: float, apart: float) -> str:
    """One replica is killed and another stands still, again and again."""
    chance, kills = random.Random(5), 0
    async with running(folder, count) as drill, open_database(drill.postgres.url, 2) as database:
        await first_collected(drill, database)
        begin = (int(time.time()) // 60 + 1) * 60
        await asyncio.sleep(begin - time.time())
        asked = calls(drill.simulator)
        while time.time() < begin + seconds:
            killed, paused = chance.sample(drill.replicas, 2)
            killed.signal(signal.SIGKILL)
            paused.signal(signal.SIGSTOP)
            kills += 1
            await asyncio.sleep(apart * 0.6)
            paused.signal(signal.SIGCONT)
            await asyncio.sleep(apart * 0.4)
        asked = calls(drill.simulator) - asked
        end = int(time.time()) // 60 * 60
        await asyncio.sleep(WITHIN)
        told = await punctual(database, drill.instruments, begin, end - 60)
        fetched = count * ((end - begin) // 60)
        twice = sum(asked.values()) / fetched - 1
        assert over_plan(drill.simulator) == 0
        assert twice <= TWICE, f"{sum(asked.values())} calls for {fetched} slots: {dict(asked)}"
    return (
        f"{kills} kills and pauses; {told}; {sum(asked.values())} calls for {fetched} slots "
        f"({twice:+.2%}), none over a plan"
    )


@dataclass
class Truth:
    """Asks each replica whether it is ready, and compares with what is the case."""

    drill: Field
    postgres_since: tuple[bool | None, float] = (True, 0.0)  # whether it runs, and since when
    asked: int = 0
    lies: list[str] = field(default_factory=list)

    async def turn(self, server: EmbeddedPostgres | EmbeddedValkey, runs: bool) -> None:
        """Start or stop one; while PostgreSQL does either, no answer is wrong."""
        of_postgres = server is self.drill.postgres
        if of_postgres:
            self.postgres_since = (None, time.monotonic())
        if runs:
            await asyncio.to_thread(server.__enter__)
        else:
            await asyncio.to_thread(server.__exit__, None, None, None)
        if of_postgres:
            self.postgres_since = (runs, time.monotonic())

    async def watch(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session:
            while True:
                await asyncio.gather(*(self._look(session, one) for one in self.drill.replicas if one.url))
                await asyncio.sleep(1.0)

    async def _look(self, session: aiohttp.ClientSession, one: Replica) -> None:
        before = self.postgres_since
        with suppress(aiohttp.ClientError, TimeoutError):
            async with session.get(f"{one.url}/health/ready") as reply:
                runs, since = self.postgres_since
                self.asked += 1
                unchanged = before == (runs, since) and runs is not None
                settled = unchanged and time.monotonic() - since > TRUTH_SECONDS
                if settled and (reply.status == 200) is not runs:
                    self.lies.append(f"{reply.status} while PostgreSQL {'runs' if runs else 'is out'}")


async def outages(folder: Path, *, count: int, seconds: float, length: float) -> str:
    """Valkey, PostgreSQL, or both are stopped for a while, at random."""
    chance, stopped = random.Random(9), Counter[str]()
    async with running(folder, count) as drill:
        async with open_database(drill.postgres.url, 2) as database:
            await first_collected(drill, database)
        begin = (int(time.time()) // 60 + 1) * 60
        truth = Truth(drill)
        watching = asyncio.create_task(truth.watch())
        while time.time() < begin + seconds:
            what = chance.choice(["valkey", "postgres", "both"])
            stopped[what] += 1
            servers = [drill.valkey] * (what != "postgres") + [drill.postgres] * (what != "valkey")
            for server in servers:
                await truth.turn(server, False)
            await asyncio.sleep(length)
            for server in servers:
                await truth.turn(server, True)
            await asyncio.sleep(chance.uniform(0.3, 1.0) * length)
        watching.cancel()
        end = int(time.time()) // 60 * 60 - 60
        async with open_database(drill.postgres.url, 2) as database:
            waited = await healed(database, drill.instruments, Span(begin, end))
            dead = sum(one.dead for one in (await ledger.depths(database)).values())
        assert truth.lies == []
        assert dead == 0
        assert over_plan(drill.simulator) == 0
        ended = [code for one in drill.replicas for code in one.codes]
    return (
        f"stopped: {dict(stopped)}; {count * (end - begin) // 60} minutes are there, the last {waited:.0f} s "
        f"after the end; {truth.asked} answers about readiness, none wrong; "
        f"replicas that ended, by exit code: {dict(Counter(ended)) or 'none'}"
    )


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


@pytest.mark.chaos
async def test_killed_and_paused_replicas_miss_no_minute(servers_folder: Path) -> None:
    print(await kills_and_pauses(servers_folder, count=300, seconds=600, apart=20))  # noqa: T201


@pytest.mark.chaos
async def test_stores_that_go_out_lose_nothing(servers_folder: Path) -> None:
    print(await outages(servers_folder, count=300, seconds=600, length=60))  # noqa: T201
