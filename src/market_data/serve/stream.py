"""The stream without WebSocket: Server-Sent Events at /sse/{symbol}, and what was missed at /ws/replay."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Annotated, TypeVar

import msgspec
from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream

from market_data.errors import BadQuestion, StoreUnavailable
from market_data.push import frame
from market_data.push.client import Client
from market_data.push.session import Close, Subscribe, interval_of
from market_data.serve.parts import Given, Parts
from market_data.serve.problem import can_fail
from market_data.serve.question import Symbol
from market_data.stream import Position, Series

T = TypeVar("T")

WAITING_BYTES = 64 * 1024
"""Bytes that wait for a client before its messages wait in its outbox."""
RETRY_MS = 1000
"""How long a browser waits before it comes back."""
LARGEST_REPLAY = 10_000
"""Bars in one answer of /ws/replay."""

StreamedInterval = Annotated[
    str, QueryParameter(description="Length of a bar, as collected.", schema_extra={"enum": ["1m", "1d"]})
]
Since = Annotated[
    str,
    QueryParameter(
        description="The last position that is known, as it was told.",
        examples=[Example(value="1790947800000-42")],
    ),
]


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """What came after `since`, up to `position`, in that order, revisions included; each with its position.

    With `more`, ask again with `position`. Not `recovered`: `since` is not kept any more, forget what you
    knew; then `bars` are the newest ones of the symbol as they stand at `position`, or none without a symbol.
    """

    recovered: bool
    since: str
    position: str
    more: bool
    bars: list[msgspec.Raw]


@get(
    "/ws/replay",
    summary="What a client of the stream missed",
    responses=can_fail(404, 422, 503),
)
async def replay(
    parts: Given,
    since: Since,
    *,
    symbol: Annotated[str | None, QueryParameter(description="A symbol; without it, all of them.")] = None,
    interval: StreamedInterval = "1m",
    limit: Annotated[int, QueryParameter(description="Bars in this answer.", ge=1, le=LARGEST_REPLAY)] = 1000,
) -> Missed:
    """The bars after a position, of one symbol or of all, as the WebSocket would have told them."""
    chosen, after = _checked(interval_of, interval), _checked(Position.read, since)
    name = None if symbol is None else (await parts.find(symbol)).symbol
    messages = await parts.hub.missed(after, chosen, None if name is None else [name])
    if messages is None:
        state = [] if name is None else await parts.hub.state(Series(name, chosen))
        bars, through, more = [msgspec.Raw(one) for one in state], parts.hub.position, False
    else:
        more = len(messages) > limit
        through = messages[limit - 1].position if more else parts.hub.position
        bars = [msgspec.Raw(one.payload) for one in messages[:limit]]
    return Missed(recovered=messages is not None, since=since, position=str(through), more=more, bars=bars)


@get(
    "/sse/{symbol:str}",
    summary="The stream as Server-Sent Events",
    media_type="text/event-stream",
    responses={
        200: ResponseSpec(
            str,
            description="Events named like the messages of the WebSocket.",
            media_type="text/event-stream",
        ),
        **can_fail(404, 422, 503),
    },
)
async def events(
    parts: Given,
    symbol: Symbol,
    *,
    interval: StreamedInterval = "1m",
    since: Annotated[str | None, QueryParameter(description="The last position that is known.")] = None,
    quotes: Annotated[bool, QueryParameter(description="Whether quotes are told too.")] = True,
    last_event_id: Annotated[
        str | None, HeaderParameter(name="Last-Event-ID", description="The same, as browsers tell it.")
    ] = None,
) -> Stream:
    """What /ws/{symbol} tells, to those who cannot speak WebSocket; an event's id is its position."""
    _checked(interval_of, interval)
    after = last_event_id or since
    if after:
        _checked(Position.read, after)
    instrument = await parts.find(symbol)
    if len(parts.hub.clients) >= parts.settings.ws_max_clients:
        raise StoreUnavailable(f"this replica serves {parts.settings.ws_max_clients} clients at most")
    first = Subscribe(symbols=[instrument.symbol], interval=interval, since=after or None, quotes=quotes)
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return Stream(_told(parts, first), media_type="text/event-stream", headers=headers)


router = Router("/", route_handlers=[replay, events], tags=["stream"])


class _Wire:
    """Events that wait to be sent."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.bytes = 0
        self.filled = asyncio.Event()
        self.closed = False
        self.client: Client | None = None

    def write(self, frames: bytes) -> None:
        """Turn the frames of messages into events."""
        events = [_event(one) for one in frame.payloads(frames)]
        self.waiting.extend(events)
        self.bytes += sum(map(len, events))
        self.filled.set()
        if self.bytes > WAITING_BYTES and self.client is not None and self.client.flowing:
            self.client.pause()

    def ping(self) -> None:
        """There is nothing to answer with: that it reads is its sign of life."""

    def close(self, code: Close, reason: str) -> None:  # noqa: ARG002 - the client has been told by a message
        """Nothing more comes."""
        self.closed = True
        self.filled.set()

    def take(self) -> bytes:
        """All that waits."""
        taken = b"".join(self.waiting)
        self.waiting.clear()
        self.bytes = 0
        self.filled.clear()
        return taken


async def _told(parts: Parts, first: Subscribe) -> AsyncIterator[bytes]:
    """The events of one client until it leaves, or is sent away."""
    wire = _Wire()
    client = wire.client = Client(parts.desk, wire)
    parts.hub.clients.add(client)
    running = parts.following.start(client.run(first), client)
    try:
        yield b"retry: %d\n\n" % RETRY_MS
        while not wire.closed or wire.waiting:
            await wire.filled.wait()
            client.heard()  # it takes what it is sent
            yield wire.take()
            if not client.flowing:
                client.resume()
    finally:
        running.cancel()
        client.gone()


class _Head(msgspec.Struct):
    type: str
    position: str | None = None


_head = msgspec.json.Decoder(_Head).decode


def _event(payload: bytes) -> bytes:
    """The event of a message. A snapshot has no id: it is not all, its replay comes behind it."""
    head = _head(payload)
    has_id = head.position is not None and head.type not in ("snapshot", "subscribed")
    position = f"id: {head.position}\n".encode() if has_id else b""
    return b"%bevent: %b\ndata: %b\n\n" % (position, head.type.encode(), payload)


def _checked(read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise BadQuestion(str(error)) from None
