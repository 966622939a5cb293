"""Bad bars among good ones, over the whole way in: none is stored, all are kept, no good one is lost."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

import pytest

from market_data.events import BarsDoubted, Event
from market_data.gather import Gather
from market_data.ingest import Ingest
from market_data.market.bar import Bars
from market_data.market.capability import Capability
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.span import Span, epoch
from market_data.provider import Answer, Page, Provider, Query, Response
from market_data.providers import discover
from market_data.publish import Publisher
from market_data.route.account import accounts
from market_data.route.call import Caller
from market_data.route.roster import Roster
from market_data.route.router import Router
from market_data.settings import InForce, read
from market_data.simulate import Plan, SimulatorConfig, start
from market_data.store import universe
from market_data.store.connect import Database
from market_data.store.redis import open_redis
from market_data.stream import Stream
from market_data.transport import Transport
from vouched import vouched

from .bad_bars import WAYS, Spoiler
from .collector import Hand

pytestmark = pytest.mark.anyio

SHARE = 0.01
NOW = epoch(datetime(2024, 7, 1, 12, tzinfo=UTC))
DAY = 86_400


@dataclass(frozen=True)
class Market:
    """Who tells a series, who could be asked beside, and how much is asked for at once."""

    instrument: Instrument
    provider: str
    witness: str
    seconds: int


COIN = Market(Instrument("BTC-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0), "binance", "coinbase", 60_000)
STOCKS = [
    Market(Instrument(symbol, "NASDAQ", AssetType.EQUITY, Tier.T0), "massive", "alpaca", DAY)
    for symbol in ("AAPL", "MSFT", "NVDA", "TSLA")
]


@dataclass(frozen=True)
class Way:
    """The whole way in, of a provider whose rows are spoilt, and of one that can be asked beside."""

    gather: Gather
    clock: Hand
    events: list[Event]


@asynccontextmanager
async def way(
    market: Market, spoiler: Spoiler, database: Database, redis_url: str, *, witness: bool
) -> AsyncIterator[Way]:
    clock, events, asked = Hand(float(NOW)), list[Event](), [market.provider, market.witness][: 1 + witness]
    async with AsyncExitStack() as stack:
        config = SimulatorConfig(plans=dict.fromkeys(asked, Plan.UNLIMITED))
        simulator = await stack.enter_async_context(await start(config, clock))
        found = discover()
        environment = {
            "POLICY_BARS_1M": market.provider,
            "PROVIDERS_DISABLED": ",".join(name for name in found if name not in asked),
        }
        for name in asked:
            prefix = found[name].facts.settings_prefix
            environment[f"{prefix}_BASE_URL"] = simulator.base_urls[name]
            environment |= {f"{prefix}_API_KEY": "k", f"{prefix}_SECRET": "s", f"{prefix}_LIMITS": "100000/1"}
        providers = {**found, market.provider: _spoilt(found[market.provider], spoiler)}
        configuration = read(environment, dotenv=None)
        redis = open_redis(redis_url)
        stack.push_async_callback(redis.aclose)
        transport = await stack.enter_async_context(Transport())
        roster = Roster(providers, accounts(configuration, providers), InForce(configuration), clock)
        caller = Caller(roster, transport, await vouched(redis), tell=events.append, clock=clock)
        await universe.put(database, [market.instrument])
        ingest = Ingest(database, Publisher(database, Stream(redis), clock), events.append, clock)
        yield Way(Gather(Router(roster, caller, clock, clock.sleep), ingest, clock), clock, events)


def _spoilt(provider: Provider, spoiler: Spoiler) -> Provider:
    def parse(query: Query, response: Response) -> Answer | Page:
        told = provider.parse(query, response)
        return spoiler(told) if isinstance(told, Bars) else told

    return replace(provider, parse=parse)


async def told(market: Market, there: Way, start: int, end: int) -> None:
    """All of a span asked for, piece after piece, a minute apart."""
    kind = market.instrument.asset_type
    for at in range(start, end, market.seconds):
        span = Span(at, min(at + market.seconds, end))
        there.clock.now += 60
        query = Query(Capability.BARS_1M, market.instrument.symbol, kind, span, there.clock())
        await there.gather.bars(query, market.instrument.exchange, 30.0, rows=5000)


async def stored(database: Database, symbol: str) -> set[int]:
    rows = await database.fetch(
        "SELECT extract(epoch FROM ts)::bigint AS ts FROM candles_intraday WHERE symbol = $1", symbol
    )
    return {row["ts"] for row in rows}


async def rejected(database: Database, symbol: str) -> Mapping[int, set[str]]:
    rows = await database.fetch(
        "SELECT extract(epoch FROM ts)::bigint AS ts, reason FROM rejected_bars WHERE symbol = $1", symbol
    )
    found: dict[int, set[str]] = {}
    for row in rows:
        found.setdefault(row["ts"], set()).add(row["reason"])
    return found


async def check(
    market: Market, days: int, database: Database, redis_url: str, *, witness: bool
) -> Counter[str]:
    """Tell so many days and compare; returns the figures, of ways that went wrong by their names."""
    symbol, figures = market.instrument.symbol, Counter[str]()
    spoiler = Spoiler(Random(f"{symbol} {witness}"), SHARE, {}, set())
    async with way(market, spoiler, database, redis_url, witness=witness) as there:
        await told(market, there, NOW - (days + 1) * DAY, NOW - DAY)
        for event in there.events:
            if isinstance(event, BarsDoubted):
                figures[f"doubted: {event.doubt} {event.outcome}"] += event.bars
    kept, apart = await stored(database, symbol), await rejected(database, symbol)
    figures["bars"], figures["bad"] = len(spoiler.bad) + len(spoiler.good), len(spoiler.bad)
    figures["good bars stored"] = len(kept & spoiler.good)
    figures["good bars rejected"] = len(spoiler.good & set(apart)) + len(spoiler.good - kept)
    for label, (what, told_at) in spoiler.bad.items():
        figures["bad bars rejected with a reason"] += told_at in apart
        if label in kept or told_at in kept:
            figures["bad bars stored"] += 1
            figures[f"stored: {what}"] += 1
        if told_at not in apart:
            figures[f"not kept apart: {what}"] += 1
    return figures


@pytest.mark.parametrize("market", [COIN, STOCKS[0]], ids=["crypto", "stock"])
async def test_no_bad_bar_is_stored_all_are_kept_apart_and_no_good_one_is_lost(
    market: Market, database: Database, redis_url: str
) -> None:
    figures = await check(market, 20, database, redis_url, witness=True)
    assert figures["bars"] > 7_000
    assert figures["bad"] > 50
    assert figures["good bars rejected"] == 0
    assert figures["bad bars stored"] == 0, figures
    assert figures["bad bars rejected with a reason"] == figures["bad"], figures


async def test_where_nobody_can_be_asked_no_good_bar_is_lost_either(
    database: Database, redis_url: str
) -> None:
    figures = await check(COIN, 20, database, redis_url, witness=False)
    assert figures["good bars rejected"] == 0
    allowed = {"no volume, though it moved", "a volume with many noughts too many", "one price far off"}
    assert {name.removeprefix("stored: ") for name in figures if name.startswith("stored: ")} <= allowed


def test_the_ways_are_many() -> None:
    assert len(WAYS) >= 16


@pytest.mark.soak
async def test_over_a_million_bars(database: Database, redis_url: str) -> None:
    figures = Counter[str]()
    for market, days in ((COIN, 365), *((one, 700) for one in STOCKS)):
        found = await check(market, days, database, redis_url, witness=True)
        print(market.instrument.symbol, dict(found))  # noqa: T201 - the figures are what it is for
        figures += found
    print(dict(figures))  # noqa: T201 - the figures are what it is for
    assert figures["bars"] > 1_000_000
    assert figures["good bars rejected"] == 0
    assert figures["bad bars stored"] == 0
    assert figures["bad bars rejected with a reason"] == figures["bad"]
