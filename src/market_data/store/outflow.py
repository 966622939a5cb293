"""What COPY sends, in blocks as they are taken: who is slow, or gone, holds neither memory nor connection.

The connection is read by a task of its own, so that it is given back whatever becomes of the one who takes.
"""

import asyncio
from collections.abc import AsyncGenerator

from anyio import create_memory_object_stream
from anyio.streams.memory import MemoryObjectSendStream

from market_data.errors import StoreUnavailable
from market_data.loops import shared
from market_data.store.connect import Database

BLOCK_BYTES = 256 * 1024
"""Bytes of a block, about 2,000 bars."""
BLOCKS_WAITING = 2
"""Blocks that wait for who takes them; then the database waits."""
TAKER_SECONDS = 30.0
"""How long a block may wait to be taken before the connection is given back."""


async def blocks(database: Database, query: str, *values: object) -> AsyncGenerator[bytes, None]:
    """The bytes of a binary COPY of `query`; at most BLOCKS_WAITING + 2 blocks of them are held.

    Raises StoreUnavailable where the database cannot be reached or its taker is too slow.
    """
    into, out = create_memory_object_stream[bytes](BLOCKS_WAITING)
    filling = shared(_fill(database, query, values, into))
    filling.add_done_callback(lambda _: into.close())
    try:
        with out:
            async for block in out:
                yield block
        await filling
    finally:
        filling.cancel()


async def _fill(
    database: Database, query: str, values: tuple[object, ...], into: MemoryObjectSendStream[bytes]
) -> None:
    block = bytearray()

    async def send() -> None:
        try:
            async with asyncio.timeout(TAKER_SECONDS):
                await into.send(bytes(block))
        except TimeoutError:
            raise StoreUnavailable(f"nothing was taken for {TAKER_SECONDS:g} s: ask again") from None
        block.clear()

    async def keep(piece: bytes) -> None:
        block.extend(piece)
        if len(block) >= BLOCK_BYTES:
            await send()

    await database.streamed(keep, query, *values)
    await send()
