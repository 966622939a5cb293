"""One provider alone, its simulator, and sweeps that happen when the test says so."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from market_data.collect.fetch import Fetcher
from market_data.collect.quote import Quoter
from market_data.collect.sweep import Sweeper
from market_data.errors import NoProvider, ProviderAnswer
from market_data.events import Event
from market_data.gather import Gather
from market_data.ingest import Ingest
from market_data.market.bar import Row
from market_data.market.capability import Capability
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Query
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.queue import Queue
from market_data.route.roster import Roster
from market_data.settings import InForce, read
from market_data.simulate import Plan, Running, SimulatorConfig, start
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis
from market_data.stream import Stream
from market_data.ticker import Ticker
from market_data.transport import Transport
from market_data.wiring import routing
from vouched import vouched

CALL_SECONDS = 3
"""How long a provider may take to answer."""

Clock = Callable[[], float]


@dataclass
class Hand:
    """A clock that is turned by hand."""

    now: float

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Collector:
    """The collector of one provider: `cycle` sweeps and does all the jobs."""

    database: Database
    simulator: Running
    sweeper: Sweeper
    queue: Queue
    fetcher: Fetcher
    roster: Roster
    probe: Query
    clock: Hand
    events: list[Event] = field(default_factory=list)

    async def cycle(self) -> list[ProviderAnswer]:
        """Sweep and do every job; returns what the provider said to those that it could not serve."""
        said: list[ProviderAnswer] = []
        await self.sweeper.sweep(self.clock())
        while sum((await self.queue.depth()).values()):
            for claimed in await self.queue.claim(10):
                try:
                    await self.fetcher.fetch(claimed.job)
                except NoProvider as nobody:
                    said += nobody.answers
                await self.queue.done(claimed)
        return said

    def resting_until(self) -> float:
        """When nobody rests any more who was asked for it; now, if nobody does."""
        cordons = (one.cordon(self.probe, self.clock()) for one in self.roster.standings.values())
        return max((one.until for one in cordons if one is not None), default=self.clock())

    async def stored(self, symbol: str) -> list[Row]:
        """Every final bar of a symbol in the table."""
        rows = await self.database.fetch(
            "SELECT extract(epoch FROM ts)::bigint AS ts, open, high, low, close, volume "
            "FROM candles_intraday WHERE symbol = $1 AND interval = '1m' AND status <> 'partial' ORDER BY ts",
            symbol,
        )
        return [tuple(row.values()) for row in rows]

    async def rejected(self) -> set[str]:
        """The reasons for which bars were not believed."""
        return {row["reason"] for row in await self.database.fetch("SELECT reason FROM rejected_bars")}

    def truth(self, symbol: str, span: Span) -> Mapping[int, Row]:
        """The bars that the market really had, by label, as far as they are over."""
        bars = self.simulator.simulator.tape.bars(symbol, Interval.M1, span, self.clock())
        return {row[0]: row for row in bars.rows() if row[0] + Interval.M1.seconds <= self.clock()}


async def _nothing(*_: object) -> None:
    """No backfills here: the next cycle is the cure."""


@asynccontextmanager
async def collecting(
    provider: str, instrument: Instrument, database: Database, redis_url: str, now: float
) -> AsyncIterator[Collector]:
    """The collector of `provider` alone; what is asked of it waits for nothing but the wire."""
    clock = Hand(now)
    async with AsyncExitStack() as stack:
        config = SimulatorConfig(plans={provider: Plan.UNLIMITED})
        simulator = await stack.enter_async_context(await start(config, clock))
        prefix = discover()[provider].facts.settings_prefix
        configuration = read(
            {
                "POLICY_BARS_1M": provider,
                "CADENCE_T0": "bars_1m=60",
                "EOD_TIERS": "none",
                "CALL_TIMEOUT_SEC": str(CALL_SECONDS),
                f"{prefix}_BASE_URL": simulator.base_urls[provider],
                f"{prefix}_API_KEY": "hunter2",
                f"{prefix}_SECRET": "a-secret",
                f"{prefix}_LIMITS": "1000/1",
                "PROVIDERS_DISABLED": ",".join(one for one in discover() if one != provider),
            },
            dotenv=None,
        )
        redis = open_redis(redis_url)
        stack.push_async_callback(redis.aclose)
        queue = Queue(redis, "test")
        await universe.put(database, [instrument])
        transport = await stack.enter_async_context(Transport())
        events = list[Event]()
        router = routing(
            InForce(configuration),
            transport,
            await vouched(redis),
            tell=events.append,
            clock=clock,
            sleep=clock.sleep,
        )
        ingest = Ingest(database, Publisher(database, Stream(redis), clock), events.append, clock)
        yield Collector(
            database=database,
            simulator=simulator,
            sweeper=Sweeper(database, queue, router.roster, events.append),
            queue=queue,
            fetcher=Fetcher(
                queue=queue,
                gather=Gather(router, ingest, clock),
                quoter=Quoter(
                    router=router, database=database, ticker=Ticker(redis), tell=events.append, clock=clock
                ),
                incomplete=_nothing,
                tell=events.append,
                clock=clock,
            ),
            roster=router.roster,
            probe=router.roster.probe(Capability.BARS_1M, instrument.asset_type),
            clock=clock,
            events=events,
        )
