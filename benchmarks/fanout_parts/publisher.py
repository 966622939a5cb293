"""The publisher's process: messages into Redis, the same way for every server.

python -m fanout_parts.publisher TASK

Each line that it is given is a Source of messages; it answers Published.
It ends when its standard input does.
"""

import asyncio
import importlib
import sys
from collections.abc import Callable, Sequence

import msgspec
import uvloop

from fanout_parts.message import Publication
from fanout_parts.resp import Leaves, command
from fanout_parts.source import either, obey
from fanout_parts.task import Publisher, Ready, say

KEPT = b"50000"
"""Entries that a stream keeps, about: more than are ever in flight."""

Command = Callable[[Publication], Sequence[bytes]]


def bare(stream: bytes) -> Command:
    """How bare servers get a publication: as an entry (symbol, body)."""

    def words(one: Publication) -> Sequence[bytes]:
        return (b"XADD", stream, b"MAXLEN", b"~", KEPT, b"*", b"symbol", one.symbol, b"body", one.body)

    return words


picows = bare(b"fanout:picows")
ws = bare(b"fanout:ws")


async def main(task: Publisher) -> None:
    module, _, name = task.command.partition(":")
    words: Command = getattr(importlib.import_module(module), name)
    reader, writer = await asyncio.open_unix_connection(task.redis)
    replies = Replies(reader)

    async def send(publications: Sequence[Publication]) -> None:
        replies.due += len(publications)
        writer.write(b"".join([command(words(one)) for one in publications]))
        await writer.drain()

    say(Ready(0))
    await either(replies.heed(), obey(send, replies.all_there))


class Replies:
    """What Redis says: one reply a command."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._come = asyncio.Event()
        self.due = 0

    async def heed(self) -> None:
        """Read them; RuntimeError at the first error."""
        replies = Leaves()
        while data := await self._reader.read(1 << 16):
            self.due -= len(replies.feed(data))
            self._come.set()
        raise ConnectionError("Redis has gone")

    async def all_there(self) -> None:
        """Wait for the last: Redis forgets what it has not done yet for who has gone."""
        while self.due:
            self._come.clear()
            await self._come.wait()


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Publisher)))
