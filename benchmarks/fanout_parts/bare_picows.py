"""A bare picows server: every entry of a Redis stream to the subscribers of its symbol.

python -m fanout_parts.bare_picows TASK

Says on which port it listens. Each line that it is given is a Source of messages that it then makes itself;
it answers Published. It ends when its standard input does.
"""

import asyncio
import sys
from collections.abc import Sequence

import msgspec
import uvloop
from picows import WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from fanout_parts.message import Publication
from fanout_parts.resp import Leaves, command
from fanout_parts.source import either, obey
from fanout_parts.task import Bare, Ready, say

READ_COUNT = b"1000"
ENTRY = 5
"""Strings of an entry: its id, then symbol and body with their names."""

Subscribers = dict[bytes, dict[WSTransport, None]]


class Subscriber(WSListener):
    """Listens to one symbol from its connection to its end."""

    def __init__(self, everyone: Subscribers, symbol: bytes) -> None:
        super().__init__()
        self._beside = everyone.setdefault(symbol, {})

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._beside[transport] = None

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._beside.pop(transport, None)


def fan_out(everyone: Subscribers, symbol: bytes, body: bytes) -> None:
    text = WSMsgType.TEXT
    for transport in everyone.get(symbol, ()):
        transport.send(text, body)


async def relay(task: Bare, everyone: Subscribers) -> None:
    """Send what comes on the stream, until cancelled."""
    reader, writer = await asyncio.open_unix_connection(task.redis)
    replies, stream, after = Leaves(), task.stream.encode(), b"0-0"
    while True:
        question = (b"XREAD", b"COUNT", READ_COUNT, b"BLOCK", b"0", b"STREAMS", stream, after)
        writer.write(command(question))
        while not (answers := replies.feed(data := await reader.read(1 << 20))):
            if not data:
                raise ConnectionError("Redis has gone")
        (answer,) = answers
        for at in range(1, len(answer), ENTRY):
            fan_out(everyone, answer[at + 2], answer[at + 4])
        after = answer[-ENTRY]


async def main(task: Bare) -> None:
    everyone: Subscribers = {}

    def subscriber(request: WSUpgradeRequest) -> Subscriber:
        return Subscriber(everyone, request.path.rpartition(b"/")[2])

    async def send(publications: Sequence[Publication]) -> None:
        for one in publications:
            fan_out(everyone, one.symbol, one.body)
        await asyncio.sleep(0)

    server = await ws_create_server(subscriber, "127.0.0.1", 0, backlog=4096)
    say(Ready(server.sockets[0].getsockname()[1]))
    await either(relay(task, everyone), obey(send))


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Bare)))
