"""A replica that also writes: `python -m push.replica PORT UNTIL SEED`, its settings in the environment.

Until UNTIL (epoch seconds) it writes revisions of random minutes of random symbols by the one way in.
"""

import asyncio
import os
import random
import sys
import time

import uvloop

from market_data.calendar import hours_of
from market_data.errors import StoreUnavailable
from market_data.hosting import Stores
from market_data.ingest import Delivery, Ingest
from market_data.market.bar import Bars
from market_data.market.instrument import AssetType, Instrument, Tier
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.provider import Reach
from market_data.publish import Publisher
from market_data.serve.app import build
from market_data.serve.parts import Parts
from market_data.serve.server import answer, listen
from market_data.serve.socket import Sockets
from market_data.settings import read
from market_data.stream import Stream
from market_data.telemetry import lines
from market_data.wiring import service

INSTRUMENTS = [Instrument(f"C{number}-USD", "CRYPTO", AssetType.CRYPTO, Tier.T0) for number in range(20)]
MINUTES = 30
"""Of each symbol: fewer than a client is told when it comes."""
FIRST = 1_760_000_040 // 60 * 60
WRITES_PER_SECOND = 25.0


async def main(port: int, until: float, seed: int) -> None:
    """Serve and write until killed."""
    settings = {"LOCAL_SWEEP_ENABLED": "false", "BACKFILL_MAX_CONCURRENCY_T0": "0", "LOG_LEVEL": "ERROR"}
    lines.set_up("ERROR", "text")
    stores = Stores(os.environ["DATABASE_URL"], os.environ["RLC_REDIS_URL"])
    async with service(read(settings, dotenv=None), stores) as parts:
        writing = asyncio.create_task(write(parts, until, random.Random(seed)))
        await answer(build(parts), Sockets(parts), listen("127.0.0.1", port), parts.loops.finish_work)
        await writing


async def write(parts: Parts, until: float, chance: random.Random) -> None:
    """Write until `until`; what cannot be written or published at a moment is nobody's loss."""
    publisher = Publisher(parts.database, Stream(parts.redis), time.time)
    ingest = Ingest(parts.database, publisher, lambda _: None, time.time)
    while time.time() < until:
        await asyncio.sleep(chance.expovariate(WRITES_PER_SECOND))
        try:
            await ingest(delivery(chance))
        except StoreUnavailable:
            continue


def delivery(chance: random.Random) -> Delivery:
    """A few minutes of a symbol, with volumes that tell one writing from another."""
    instrument = chance.choice(INSTRUMENTS)
    minutes = sorted(chance.sample(range(MINUTES), chance.randint(1, 3)))
    rows = [(FIRST + 60 * one, 5.0, 5.0, 5.0, 5.0, float(chance.randint(1, 10**9))) for one in minutes]
    return Delivery(
        symbol=instrument.symbol,
        interval=Interval.M1,
        span=Span(FIRST, FIRST + 60 * MINUTES),
        hours=hours_of(instrument.exchange, instrument.asset_type),
        provider="yahoo",
        reach=Reach("candles", frozenset(AssetType)),
        bars=Bars.of(rows),
        asked_at=time.time(),
    )


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
