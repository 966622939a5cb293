"""The service while the database is read-only, refuses its password, withholds locks or is stopped."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import asyncpg
import pytest

from market_data.hosting import Stores
from market_data.market.instrument import Instrument
from market_data.store import universe
from own_postgres import OwnPostgres, own_postgres

from .conftest import AAPL, BITCOIN, NOW, Clock, Got, Served, Serving, at, minutes, pauses

pytestmark = pytest.mark.anyio

PASSWORD = "first-of-its-passwords"  # noqa: S105 - what must not leak
OUT_SECONDS = 6.0
"""How long the database refuses: several sweeps, and several tries of each job."""


@pytest.fixture
def own() -> Iterator[OwnPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="md-"))
    try:
        with own_postgres(folder, PASSWORD) as running:
            yield running
    finally:
        rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True)
async def _futures_that_the_driver_forgets(anyio_backend: str) -> AsyncIterator[None]:
    """Of a lost connection the driver may leave a future unread; for anyio that is a failure of the test."""
    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), asyncpg.PostgresConnectionError) and usual is not None:
            usual(loop, context)

    loop.set_exception_handler(handle)
    yield
    loop.set_exception_handler(usual)


async def collecting(own: OwnPostgres, redis_url: str, serving: Serving) -> Served:
    """A service that collects quotes and minutes of several symbols, whose clock runs."""
    served = await serving(
        Clock(at(NOW), pace=1.0),
        Stores(own.url(PASSWORD), redis_url),
        LOCAL_SWEEP_ENABLED="true",
        LOCAL_SWEEP_TICK_SEC="1",
        GAP_SCAN_SEC="1",
        CADENCE_T0="bars_1m=1,quotes_l1=1",
        BACKFILL_DISPATCH_RATE_PER_SEC="50",
    )
    more = [Instrument(one, "NASDAQ", AAPL.asset_type, AAPL.tier) for one in ("MSFT", "NVDA", "AMZN")]
    await universe.put(served.parts.database, [AAPL, BITCOIN, *more])
    await served.write(minutes("2024-07-03T14:30:00Z", 25))
    await _health(served, "ok")
    return served


async def _health(served: Served, status: str) -> Got:
    for pause in pauses():
        got = await served.get("/health")
        if got.json["status"] == status:
            return got
        await asyncio.sleep(pause)
    pytest.fail(f"never {status}: {got.text}")


async def nothing_is_lost(own: OwnPostgres, served: Served) -> None:
    """It is well again, what is due is done, and nothing became a dead letter."""
    await _health(served, "ok")
    assert (await served.get("/health/ready")).status == 200
    since = served.clock()
    for pause in pauses():
        quotes = await served.parts.database.fetch(
            "SELECT symbol FROM quotes_l1 WHERE as_of > to_timestamp($1)", since
        )
        if {"AAPL", "BTC-USD"} <= {row["symbol"] for row in quotes}:
            break
        await asyncio.sleep(pause)
    else:
        pytest.fail("no quote was written any more")
    assert await served.parts.queue.dead(100) == []
    row = await served.parts.database.fetch_one("SELECT count(*) FROM backfill_jobs WHERE status = 'dead'")
    assert row is not None
    assert row["count"] == 0


async def test_nothing_is_lost_while_the_database_is_read_only(
    own: OwnPostgres, redis_url: str, serving: Serving
) -> None:
    served = await collecting(own, redis_url, serving)
    await own.read_only(True)
    got = await _health(served, "down")
    assert got.status == 503
    assert "is read-only" in got.json["database"]["detail"]["error"]
    assert got.json["database"]["detail"]["writable"] is False
    ready = await served.get("/health/ready")
    assert (ready.status, ready.headers["retry-after"]) == (503, "5")
    assert "is read-only" in ready.problem["detail"]
    await asyncio.sleep(OUT_SECONDS)
    for path in ("/stocks/AAPL/price", "/stocks/AAPL/intraday", "/universe"):
        assert (await served.get(path)).status == 200, path
    await own.read_only(False)
    await nothing_is_lost(own, served)


async def test_a_price_of_which_nothing_is_stored_says_when_to_ask_again(
    own: OwnPostgres, redis_url: str, serving: Serving
) -> None:
    served = await serving(stores=Stores(own.url(PASSWORD), redis_url))
    await universe.put(served.parts.database, [AAPL])
    await own.read_only(True)
    got = await served.get("/stocks/AAPL/price")
    assert (got.status, got.headers["retry-after"]) == (503, "5")
    assert "is read-only" in got.problem["detail"]
    await own.read_only(False)
    assert (await served.get("/stocks/AAPL/price")).status == 200


async def test_nothing_is_lost_while_the_password_is_another(
    own: OwnPostgres, redis_url: str, serving: Serving
) -> None:
    served = await collecting(own, redis_url, serving)
    await own.password("second-of-its-passwords")
    await own.cut()
    got = await _health(served, "down")
    for pause in pauses():  # the first may still say that a connection was lost
        if "refuses the user or the password" in got.json["database"]["detail"]["error"]:
            break
        await asyncio.sleep(pause)
        got = await served.get("/health")
    else:
        pytest.fail(got.text)
    got = await served.get("/stocks/AAPL/price")
    assert (got.status, got.headers["retry-after"]) == (503, "5")
    await asyncio.sleep(OUT_SECONDS)
    await own.password(PASSWORD)
    await nothing_is_lost(own, served)


async def test_nothing_is_lost_while_locks_are_not_to_be_had(
    own: OwnPostgres, redis_url: str, serving: Serving
) -> None:
    await own.does("ALTER DATABASE postgres SET lock_timeout = '50ms'")
    served = await collecting(own, redis_url, serving)
    async with served.parts.database.transaction() as holding:
        await holding.execute("SET LOCAL lock_timeout = 0")
        await holding.execute("LOCK TABLE quotes_l1, candles_intraday, backfill_jobs IN EXCLUSIVE MODE")
        await asyncio.sleep(OUT_SECONDS)
    await nothing_is_lost(own, served)


async def test_nothing_is_lost_while_the_server_is_stopped(
    own: OwnPostgres, redis_url: str, serving: Serving
) -> None:
    served = await collecting(own, redis_url, serving)
    await asyncio.to_thread(own.server.__exit__, None, None, None)
    got = await _health(served, "down")
    assert got.json["database"]["detail"]["error"].startswith("DATABASE_URL: ")
    await asyncio.sleep(OUT_SECONDS)
    assert (await served.get("/stocks/AAPL/price")).status == 503
    await asyncio.to_thread(own.server.__enter__)
    await nothing_is_lost(own, served)


async def test_a_backfill_that_an_outage_interrupts_is_handed_back_and_that_is_no_attempt(
    own: OwnPostgres, redis_url: str, serving: Serving
) -> None:
    await own.does("ALTER DATABASE postgres SET lock_timeout = '50ms'")
    served = await serving(stores=Stores(own.url(PASSWORD), redis_url))
    await universe.put(served.parts.database, [AAPL])
    asked = {
        "symbol": "AAPL",
        "interval": "1m",
        "start": "2024-07-03T14:00:00Z",
        "end": "2024-07-03T14:10:00Z",
    }
    async with served.parts.database.transaction() as holding:
        await holding.execute("SET LOCAL lock_timeout = 0")
        await holding.execute("LOCK TABLE vacancies IN EXCLUSIVE MODE")  # it can be read, not written
        assert (await served.ask("POST", "/ops/backfill", json=asked)).status == 202
        interrupted = await _backfill(served, "queued", "lock was not available")
        assert interrupted["attempts"] == 0
        assert interrupted["postponed"] >= 1
    await _backfill(served, "done", "")


async def _backfill(served: Served, status: str, error: str) -> dict[str, Any]:
    """The only backfill, once it has this status and says so."""
    for pause in pauses():
        row = await served.parts.database.fetch_one("SELECT * FROM backfill_jobs")
        if row is not None and row["status"] == status and error in (row["last_error"] or ""):
            return dict(row)
        await asyncio.sleep(pause)
    pytest.fail(f"never {status}: {row and dict(row)}")
