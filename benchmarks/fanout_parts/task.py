"""What is asked of the processes: JSON on their command lines and standard inputs, and what they answer."""

import sys

import msgspec


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be published: one message of each symbol is a round, rounds are complete.

    Either as fast as it is received, with at most `window` rounds that some client has not received yet, or
    `rate` messages a second. `credit` is the Unix socket on which the load tells how many rounds all clients
    have received: a line of digits each time.
    """

    symbols: list[str]
    first: int  # sequence number
    before: int  # messages that this server has been given before
    seconds: float
    credit: str
    window: int = 0
    rate: float = 0.0
    template: str = ""  # for who makes messages elsewhere than in message.py


class Publisher(msgspec.Struct, frozen=True, kw_only=True):
    """Messages into Redis: `command`, a "module:function", tells the Redis command of a publication."""

    redis: str  # path of its Unix socket
    command: str


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """A bare server: sends what is on a stream, and what it is asked for as a Source, to subscribers."""

    redis: str
    stream: str


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Clients: as many of each symbol, `clients` in all."""

    port: int
    clients: int
    symbols: list[str]
    first: int  # the sequence number that each one must see first
    credit: str
    opening: str  # a client is subscribed once a message has begun with this; "": once it is connected
    warm_up: float  # seconds after the first bar that are not counted
    window: int  # that of the source; 0: latencies are what is looked for


class Ready(msgspec.Struct, frozen=True):
    """A server listens there; anything else, whose port is 0, is ready for what it is to do."""

    port: int


class Published(msgspec.Struct, frozen=True):
    """A source has finished: how many messages of each symbol there were."""

    rounds: int


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """What the load saw. Latencies in ms, 0 where none were taken."""

    delivered: int  # in all
    per_second: float
    bytes: float  # of a message, on average
    missing: int  # messages that were published and did not come, of all clients
    repeated: int
    p50: float
    p99: float
    most: float


def say(answer: Ready | Published | Received) -> None:
    """Answer the process that asked."""
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()
