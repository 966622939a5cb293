"""Recorded minutes, asked for through each provider's protocol, are stored once and value for value."""

import csv
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from market_data.calendar import hours_of
from market_data.collect.fetch import Fetcher
from market_data.collect.quote import Quoter
from market_data.collect.sweep import Sweeper
from market_data.errors import NoProvider
from market_data.gather import Gather
from market_data.ingest import Ingest
from market_data.market.bar import BarStatus, Row
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.queue import Queue
from market_data.settings import InForce, read
from market_data.simulate import Plan, SimulatorConfig, start
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis
from market_data.stream import Stream
from market_data.ticker import Ticker
from market_data.transport import Transport
from market_data.wiring import routing
from stored import window
from vouched import vouched

FUND = Instrument("SPXX", "NYSE", AssetType.ETF, Tier.T0)
COIN = Instrument("SPX-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0)
RECORDED = Path(__file__).parents[3] / "shared" / "data" / "mplfinance" / "SP500_NOV2019_IDay.csv"
"""The S&P 500 minute by minute, 5 to 8 November 2019, the closing minute of three days included."""
FIRST = datetime(2019, 11, 5, 14, 31, 30, tzinfo=UTC)
LAST = datetime(2019, 11, 12, 0, 0, tzinfo=UTC)
STEP = timedelta(minutes=47)

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not RECORDED.exists(), reason="the recorded bars are not part of the project"),
]


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at.timestamp()


@dataclass(frozen=True)
class Collector:
    sweeper: Sweeper
    queue: Queue
    fetcher: Fetcher

    async def collect(self, now: float) -> None:
        """Sweep, and do every job that the sweep has made; one that nobody can serve yet is due again."""
        await self.sweeper.sweep(now)
        while sum((await self.queue.depth()).values()):
            for claimed in await self.queue.claim(10):
                with suppress(NoProvider):
                    await self.fetcher.fetch(claimed.job)
                await self.queue.done(claimed)


@asynccontextmanager
async def collecting(
    provider: str, database: Database, redis_url: str, clock: Clock, file: Path
) -> AsyncIterator[Collector]:
    async with AsyncExitStack() as stack:
        config = SimulatorConfig(
            recorded=dict.fromkeys((FUND.symbol, COIN.symbol), file), plans={provider: Plan.UNLIMITED}
        )
        simulator = await stack.enter_async_context(await start(config, clock))
        prefix = discover()[provider].facts.settings_prefix
        configuration = read(
            {
                f"{prefix}_BASE_URL": simulator.base_urls[provider],
                f"{prefix}_API_KEY": "a-key",
                f"{prefix}_SECRET": "a-secret",
                f"{prefix}_LIMITS": "1000/1",
                "POLICY_BARS_1M": provider,
                "CADENCE_T0": "bars_1m=60",
                "EOD_TIERS": "none",
            },
            dotenv=None,
        )
        redis = open_redis(redis_url)
        stack.push_async_callback(redis.aclose)
        queue = Queue(redis, "replay")
        transport = await stack.enter_async_context(Transport())
        router = routing(
            InForce(configuration), transport, await vouched(redis), tell=lambda _: None, clock=clock
        )
        ingest = Ingest(database, Publisher(database, Stream(redis), clock), lambda _: None, clock)
        fetcher = Fetcher(
            queue=queue,
            gather=Gather(router, ingest, clock),
            quoter=Quoter(
                router=router, database=database, ticker=Ticker(redis), tell=lambda _: None, clock=clock
            ),
            incomplete=_nothing,
            tell=lambda _: None,
            clock=clock,
        )
        yield Collector(Sweeper(database, queue, router.roster, lambda _: None), queue, fetcher)


async def _nothing(*_: object) -> None:
    """No backfills here: what is missing must come by itself."""


def with_volumes(path: Path) -> Path:
    """A copy of the file in which each row has a volume: where bars are made of trades, none has 0."""
    with RECORDED.open(newline="") as lines, path.open("w", newline="") as copy:
        rows = csv.DictReader(lines)
        writer = csv.DictWriter(copy, rows.fieldnames or ())
        writer.writeheader()
        writer.writerows({**row, "Volume": 1000 + number} for number, row in enumerate(rows))
    return path


def recorded(file: Path) -> Iterator[Row]:
    """The rows of a file. Its columns are Date, Open, Close, High, Low, Volume, its times New York's."""
    with file.open(newline="") as lines:
        for row in csv.DictReader(lines):
            local = datetime.strptime(row["Date"], "%m/%d/%Y %H:%M").replace(
                tzinfo=ZoneInfo("America/New_York")
            )
            numbers = (float(row[name]) for name in ("Open", "High", "Low", "Close", "Volume"))
            open_, high, low, close, volume = numbers
            yield int(local.timestamp()), open_, high, low, close, volume


@pytest.mark.parametrize("provider", sorted(discover()))
async def test_recorded_minutes_are_stored_once_and_value_for_value(
    provider: str, database: Database, redis_url: str, tmp_path: Path
) -> None:
    reach = discover()[provider].facts.reach[Capability.BARS_1M]
    instrument = FUND if FUND.asset_type in reach.asset_types else COIN  # the rows are the same
    file = with_volumes(tmp_path / "minutes.csv") if reach.trades_alone else RECORDED
    await universe.put(database, [instrument])
    clock = Clock(FIRST)
    async with collecting(provider, database, redis_url, clock, file) as collector:
        while clock.at < LAST:
            await collector.collect(clock())
            clock.at += STEP
    span = Span.between(FIRST - timedelta(days=1), LAST)
    stored = await window(database, instrument.symbol, Interval.M1, span, limit=10_000, as_of=None)
    expected = list(recorded(file))
    assert len(expected) == 1563
    if not reach.early_and_late:
        regular = hours_of(instrument.exchange, instrument.asset_type).regular
        expected = [row for row in expected if regular.is_open(row[0])]
        assert len(expected) == 1560
    rows = [(int(bar.ts.timestamp()), bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in stored]
    assert rows == expected
    assert {bar.status for bar in stored} == {BarStatus.FINAL}
    assert {bar.provider for bar in stored} == {provider}
