"""Bad bars among good ones, over the whole way in: none is served unmarked, no good one is lost."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random

import pytest

from market_data.events import BarsDoubted, Event
from market_data.gather import Gather
from market_data.ingest import Ingest
from market_data.market.bar import Bars, Row
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
from market_data.store import quarantine, universe
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


async def asked_again(market: Market, there: Way, database: Database) -> None:
    """What is due to be asked for again, asked for, as the service does."""
    kind, exchange = market.instrument.asset_type, market.instrument.exchange
    for one in await quarantine.due(database, there.clock(), 1000):
        query = Query(Capability.BARS_1M, one.symbol, kind, one.span, there.clock())
        await there.gather.bars(query, exchange, 30.0, rows=5000)


async def stored(database: Database, symbol: str) -> dict[int, Row]:
    """By label, the bars that are served unmarked."""
    rows = await database.fetch(
        "SELECT extract(epoch FROM ts)::bigint, open, high, low, close, volume FROM candles_intraday "
        "WHERE symbol = $1",
        symbol,
    )
    return {row[0]: tuple(row) for row in rows}


async def apart(database: Database, symbol: str) -> set[int]:
    """The labels of bars that are kept apart: rejected, or in quarantine."""
    rows = await database.fetch(
        "SELECT extract(epoch FROM ts)::bigint AS ts FROM rejected_bars WHERE symbol = $1 UNION ALL "
        "SELECT extract(epoch FROM ts)::bigint FROM quarantined_bars "
        "WHERE symbol = $1 AND reason <> 'differs'",
        symbol,
    )
    return {row["ts"] for row in rows}


HOURS = (0.0, 0.3, 1.1, 6.1, 24.1)
"""When it is looked what became of the bars: after the bars, and after each time they are asked for again."""


async def check(
    market: Market, days: int, database: Database, redis_url: str, *, witness: bool, corrects: bool = False
) -> Counter[str]:
    """Send so many days and compare; returns the figures, of ways that went wrong by their names."""
    symbol, figures = market.instrument.symbol, Counter[str]()
    spoiler = Spoiler(Random(f"{symbol} {witness}"), SHARE, {}, set(), corrects)
    async with way(market, spoiler, database, redis_url, witness=witness) as there:
        await told(market, there, NOW - (days + 1) * DAY, NOW - DAY)
        asked, labels = there.clock(), await apart(database, symbol)
        for hours in HOURS:
            there.clock.now = asked + hours * 3600
            if hours:
                await asked_again(market, there, database)
            kept = await stored(database, symbol)
            wrong = [name for label, (name, row) in spoiler.bad.items() if kept.get(row[0]) == row]
            figures[f"bad bars served unmarked after {hours:g} h"] = len(wrong)
            figures[f"good bars not served unmarked after {hours:g} h"] = len(spoiler.good - kept.keys())
        for event in there.events:
            if isinstance(event, BarsDoubted):
                figures[f"doubted: {event.doubt} {event.outcome}"] += event.bars
    figures["bars"], figures["bad"] = len(spoiler.bad) + len(spoiler.good), len(spoiler.bad)
    figures["bad bars kept apart at first"] = sum(row[0] in labels for _, row in spoiler.bad.values())
    figures += Counter(f"served unmarked: {name}" for name in wrong)
    return figures


@pytest.mark.parametrize("market", [COIN, STOCKS[0]], ids=["crypto", "stock"])
async def test_with_a_second_provider_no_bad_bar_is_ever_served_unmarked_and_every_good_one_is(
    market: Market, database: Database, redis_url: str
) -> None:
    figures = await check(market, 20, database, redis_url, witness=True)
    assert figures["bars"] > 7_000
    assert figures["bad"] > 50
    for hours in HOURS:
        assert figures[f"bad bars served unmarked after {hours:g} h"] == 0, figures
        assert figures[f"good bars not served unmarked after {hours:g} h"] == 0, figures
    assert figures["bad bars kept apart at first"] == figures["bad"], figures


async def test_where_one_provider_alone_corrects_its_bad_bars_none_was_ever_served_unmarked(
    database: Database, redis_url: str
) -> None:
    figures = await check(COIN, 20, database, redis_url, witness=False, corrects=True)
    for hours in HOURS:
        assert figures[f"bad bars served unmarked after {hours:g} h"] == 0, figures
        assert figures[f"good bars not served unmarked after {hours:g} h"] == 0, figures


async def test_where_one_provider_alone_repeats_a_value_it_is_believed_in_the_end(
    database: Database, redis_url: str
) -> None:
    figures = await check(COIN, 20, database, redis_url, witness=False)
    assert figures["bad bars served unmarked after 0 h"] == 0, figures
    assert figures["good bars not served unmarked after 0 h"] == 0, figures
    assert figures["bad bars served unmarked after 0.3 h"] > 0, figures
    assert figures["doubted: jump repeated"] > 0


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
    assert figures[f"bad bars served unmarked after {HOURS[-1]:g} h"] == 0
    assert figures[f"good bars not served unmarked after {HOURS[-1]:g} h"] == 0
    assert figures["bad bars kept apart at first"] == figures["bad"]
