"""Makes the messages: at a pace, or as fast as every client receives them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence

import msgspec

from fanout_parts.message import Publication, publication
from fanout_parts.task import Published, Source, say

Send = Callable[[Sequence[Publication]], Awaitable[None]]

STALLED_SECONDS = 10.0
"""No credit for so long: something is broken."""


class Credit:
    """How many rounds all clients have received, as the load tells it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.received = 0

    async def more(self) -> None:
        """Wait until it is told anew; ConnectionError if it never will be."""
        async with asyncio.timeout(STALLED_SECONDS):
            told = await self._reader.read(65536)
        if not told.endswith(b"\n"):  # a socket of this machine does not split lines so short
            raise ConnectionError("the load has gone")
        self.received = int(told.split()[-1])


async def _at_once() -> None:
    """What is sent is done."""


async def obey(send: Send, settle: Callable[[], Awaitable[None]] = _at_once) -> None:
    """Publish each Source that is a line of standard input and answer Published, until its end."""
    asked = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    while line := await asked.readline():
        rounds = await produce(msgspec.json.decode(line, type=Source), send)
        await settle()
        say(Published(rounds))


async def either(*flows: Coroutine[None, None, None]) -> None:
    """Until one of them ends or fails, which ends all."""
    tasks = [asyncio.create_task(flow) for flow in flows]
    done, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    for task in done:
        task.result()


async def produce(source: Source, send: Send) -> int:
    """Publish what `source` says; returns the number of rounds."""
    reader, writer = await asyncio.open_unix_connection(source.credit)
    try:
        if source.window:
            return await _saturated(source, send, Credit(reader))
        return await _paced(source, send)
    finally:
        writer.close()


async def _saturated(source: Source, send: Send, credit: Credit) -> int:
    names = [symbol.encode() for symbol in source.symbols]
    clock = asyncio.get_running_loop().time
    until, done = clock() + source.seconds, 0
    while clock() < until:
        while done >= credit.received + source.window:
            await credit.more()
        before = source.before + done * len(names)
        await send([publication(before + n, name, source.first + done) for n, name in enumerate(names, 1)])
        done += 1
    return done


async def _paced(source: Source, send: Send) -> int:
    names = [symbol.encode() for symbol in source.symbols]
    clock = asyncio.get_running_loop().time
    rounds = round(source.seconds * source.rate / len(names))
    begin = clock()
    for number in range(rounds * len(names)):
        due = begin + number / source.rate
        if (wait := due - clock()) > 0:
            await asyncio.sleep(wait)
        done, which = divmod(number, len(names))
        await send([publication(source.before + number + 1, names[which], source.first + done)])
    return rounds
