"""The wire protocol, without I/O: what clients may say, and what they are told. See docs/websocket.md."""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Literal

import msgspec

from market_data.push.ring import Message
from market_data.store.quotes import KnownQuote
from market_data.stream import Position, Series

REPLAY_BARS = 500
"""Bars in one replay message; what is longer comes in several."""
SNAPSHOT_BARS = 2
"""The newest bars in a snapshot: the newest final one and the running one, as a rule."""
MOST_SYMBOLS = 1000
"""Symbols in one message of a client."""


class Close(IntEnum):
    """Close codes; below 4000 they are those of RFC 6455 and its registry."""

    RESTART = 1012  # the service stops: come back at once, with the last position
    TRY_AGAIN = 1013  # a store cannot be reached: come back later
    BAD_QUESTION = 4400  # it cannot be understood: do not come back the same way
    UNKNOWN_SYMBOL = 4404  # do not come back
    IDLE = 4408  # nothing was subscribed, or no ping answered: come back when there is something to follow
    SLOW = 4409  # it does not read as fast as bars come: come back, with the last position
    TOO_MANY = 4429  # too many clients or messages: come back later


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, tag="subscribe", tag_field="type"):
    """Follow symbols; `*` is every symbol. With `since`, what came after that position is told first."""

    symbols: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_SYMBOLS)]
    interval: str = "1m"
    since: str | None = None
    quotes: bool = True  # their quotes too, as they come


class Unsubscribe(msgspec.Struct, frozen=True, kw_only=True, tag="unsubscribe", tag_field="type"):
    """Follow symbols no longer."""

    symbols: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_SYMBOLS)]
    interval: str = "1m"


Command = Subscribe | Unsubscribe
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot", tag_field="type"):
    """A series as it stands at `position`.

    `recovered` is false where a position was asked for that is not kept: forget what you knew of the series.
    """

    symbol: str
    interval: str
    position: str
    recovered: bool | None
    price: float | None  # of the newest quote or bar, whichever is newer; None before the first
    price_ts: datetime | None
    bars: list[msgspec.Raw]  # the newest SNAPSHOT_BARS, oldest first


class Replay(msgspec.Struct, frozen=True, kw_only=True, tag="replay", tag_field="type"):
    """Bars up to `position`: after a snapshot the newest ones as they stand, oldest first; with `recovered`
    true all that came after `since`, in that order, revisions included, each with its position.

    With `more` true another replay follows. `symbol` is `*` where several were asked for.
    """

    symbol: str
    interval: str
    position: str
    recovered: bool | None
    since: str | None
    more: bool
    bars: list[msgspec.Raw]


class Subscribed(msgspec.Struct, frozen=True, kw_only=True, tag="subscribed", tag_field="type"):
    """The symbols that are followed now beside those from before; what they are told first has been told."""

    symbols: list[str]
    interval: str
    position: str


class Unsubscribed(msgspec.Struct, frozen=True, kw_only=True, tag="unsubscribed", tag_field="type"):
    """Nothing more comes of these symbols."""

    symbols: list[str]
    interval: str


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat", tag_field="type"):
    """The client has all of its bars up to `position`. Unless `recoverable`, none can come at present."""

    position: str
    recoverable: bool


class Conflated(msgspec.Struct, frozen=True, kw_only=True, tag="conflated", tag_field="type"):
    """The client was slow: `left_out` messages that newer ones had overtaken were left out, all of them after
    `since`; `GET /ws/replay` tells them.
    """

    since: str
    left_out: int


class ErrorMessage(msgspec.Struct, frozen=True, kw_only=True, tag="error", tag_field="type"):
    """What was wrong and what would be right; the last message where the server closes."""

    code: str
    detail: str


encode = msgspec.json.encode


def read(text: bytes) -> Command:
    """What a client says; ValueError with what would be right."""
    try:
        return _commands.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f'{error}: write {{"type":"subscribe","symbols":["AAPL"],"interval":"1m"}}, or "unsubscribe"'
        ) from None


class _Newest(msgspec.Struct):
    ts: datetime
    close: float


_newest = msgspec.json.Decoder(_Newest).decode


def opening(
    series: Series,
    bodies: Sequence[bytes],
    quote: KnownQuote | None,
    position: Position,
    *,
    recovered: bool | None,
) -> list[bytes]:
    """A snapshot and the newest bars as they stand."""
    price = price_ts = None
    if bodies:
        newest = _newest(bodies[-1])
        price, price_ts = newest.close, newest.ts
    if quote is not None and (price_ts is None or quote.ts > price_ts):
        price, price_ts = quote.price, quote.ts
    snapshot = Snapshot(
        symbol=series.symbol,
        interval=series.interval,
        position=str(position),
        recovered=recovered,
        price=price,
        price_ts=price_ts,
        bars=[msgspec.Raw(one) for one in bodies[-SNAPSHOT_BARS:]],
    )
    replay = Replay(
        symbol=series.symbol,
        interval=series.interval,
        position=str(position),
        recovered=recovered,
        since=None,
        more=False,
        bars=[msgspec.Raw(one) for one in bodies],
    )
    return [encode(snapshot), encode(replay)]


def missed(
    symbol: str,
    interval: str,
    messages: Sequence[Message],
    since: Position,
    position: Position,
    *,
    more: bool,
) -> bytes:
    """What a client that comes back has missed, though it may be nothing."""
    replay = Replay(
        symbol=symbol,
        interval=interval,
        position=str(position),
        recovered=True,
        since=str(since),
        more=more,
        bars=[msgspec.Raw(one.payload) for one in messages],
    )
    return encode(replay)


STREAMED: tuple[Literal["1m"], Literal["1d"]] = ("1m", "1d")
"""The intervals whose bars are published: those that are collected."""


def interval_of(text: str) -> str:
    """An interval that is streamed; ValueError with those that are."""
    if text not in STREAMED:
        raise ValueError(
            f"{text[:20]!r} is not streamed: 1m and 1d are; GET /stocks/{{symbol}}/intraday has the others"
        )
    return text
