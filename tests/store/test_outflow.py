"""A stream of a query: bounded, whoever takes it and however slowly; its connection comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from market_data.errors import StoreUnavailable
from market_data.store import outflow
from market_data.store.connect import Database, open_database
from market_data.store.outflow import BLOCK_BYTES, BLOCKS_WAITING, blocks
from waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

ROWS = "SELECT generate_series(1, 20000), repeat('x', 980)"
"""20 MB."""
WIDTH = 1000
ENDLESS = "SELECT generate_series(1, 1000000), repeat('x', 980)"
"""More than anybody waits for, made as it is sent."""
WAITS = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'ClientWrite'"


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[Database]:
    """Two connections, of which one may stream."""
    async with open_database(postgres_url, 2) as database:
        yield database


async def _idle(database: Database) -> None:
    """Wait until another stream may begin, and see that every connection is of use."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert [block async for block in blocks(database, "SELECT 1")]
        async with database.connection() as one, database.connection() as other:
            assert [await each.fetchval("SELECT 7") for each in (one, other)] == [7, 7]


async def test_a_stream_gives_all_that_the_query_gives(pair: Database) -> None:
    sizes = [len(block) async for block in blocks(pair, ROWS)]
    assert sum(sizes) > 20_000 * WIDTH * 0.99
    assert max(sizes) < 2 * BLOCK_BYTES
    await _idle(pair)


async def test_values_are_parameters(pair: Database) -> None:
    found = b"".join([block async for block in blocks(pair, "SELECT $1::text", "it's; $2 -- x")])
    assert b"it's; $2 -- x" in found


async def test_no_more_is_read_than_waits_to_be_taken(pair: Database) -> None:
    async with aclosing(blocks(pair, ENDLESS)) as found:
        await anext(found)
        seen = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while seen < 3:  # one that went on reading would have it wait for moments only
                seen = seen + 1 if await pair.fetch(WAITS) else 0
                await asyncio.sleep(0.1)
    await _idle(pair)


async def test_one_that_leaves_gives_the_connection_back(pair: Database) -> None:
    async with aclosing(blocks(pair, ENDLESS)) as found:
        await anext(found)
    await _idle(pair)


async def test_one_that_is_cancelled_gives_the_connection_back(pair: Database) -> None:
    begun = asyncio.Event()

    async def take() -> None:
        async for _ in blocks(pair, ENDLESS):
            begun.set()

    taking = asyncio.create_task(take())
    await begun.wait()
    taking.cancel()
    await asyncio.wait({taking})
    assert taking.cancelled()
    await _idle(pair)


async def test_one_that_takes_nothing_is_left(pair: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outflow, "TAKER_SECONDS", 0.2)
    async with aclosing(blocks(pair, ENDLESS)) as found:
        await anext(found)
        await _idle(pair)  # though it is still held
        for _ in range(BLOCKS_WAITING):
            await anext(found)
        with pytest.raises(StoreUnavailable, match="nothing was taken"):
            await anext(found)


async def test_one_that_leaves_at_any_moment_leaves_no_answers_behind(pair: Database) -> None:
    for number in range(40):
        async with aclosing(blocks(pair, ENDLESS)) as found:
            for _ in range(number % 5):
                await anext(found)
            await asyncio.sleep(number % 7 / 1000)
        await _idle(pair)


async def test_a_page_that_is_given_up_leaves_no_answers_behind(pair: Database) -> None:
    async def keep(_: bytes) -> None:
        await asyncio.sleep(0)

    for number in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001 * number):
                await pair.copied(keep, ENDLESS)
        await _idle(pair)


async def test_a_query_that_fails_says_so(pair: Database) -> None:
    with pytest.raises(StoreUnavailable):
        async for _ in blocks(pair, "SELECT pg_terminate_backend(pg_backend_pid())"):
            pass
    await _idle(pair)


async def test_streams_leave_half_of_the_connections_to_others(
    pair: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("market_data.store.connect.CONNECT_SECONDS", 0.3)
    async with aclosing(blocks(pair, ENDLESS)) as one, aclosing(blocks(pair, ENDLESS)) as other:
        await anext(one)
        assert (await pair.fetch("SELECT 1 AS one"))[0]["one"] == 1
        with pytest.raises(StoreUnavailable, match="1 streams are under way"):
            await anext(other)
    await _idle(pair)
