"""The message that every server sends: a bar as /ws/{symbol} tells it, of one width for all symbols."""

from datetime import UTC, datetime
from typing import NamedTuple

TEMPLATE = (
    '{"type":"bar","ts":"2026-11-23T20:29:00Z","open":187.2512,"high":187.9125,"low":186.8842,'
    '"close":187.4431,"volume":182734.0,"provider":"finnhub","as_of":"<as_of>","status":"partial",'
    '"revision":<sequence>,"adjustment":"raw","volume_scope":"consolidated","symbol":"<symbol>",'
    '"interval":"1m","position":"1790947800000-<sequence>"}'
)
BAR = b'{"type":"bar"'
AS_OF = b'"as_of":"'
REVISION = b'"revision":'
DIGITS = 10
"""Of a sequence number."""
FIRST = 1_000_000_000
"""Sequence numbers, one more with each message of a symbol, begin here: all have as many digits."""
STAMP = 27
"""Characters of a moment: 2026-11-23T20:29:44.123456Z."""

_BODY = TEMPLATE.replace("<as_of>", "%b").replace("<sequence>", "%d").replace("<symbol>", "%b").encode()


class Publication(NamedTuple):
    """One message, on its way to the subscribers of one symbol."""

    number: int  # 1, 2, ... over all that a server is given
    symbol: bytes
    sequence: int
    as_of: bytes  # when it was published
    body: bytes  # the whole message


def symbols(count: int) -> list[str]:
    """Names of equal width."""
    return [f"SYM{number:03d}" for number in range(count)]


def now() -> bytes:
    """This moment, as messages tell it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")[:-6].encode() + b"Z"


def publication(number: int, symbol: bytes, sequence: int) -> Publication:
    """A message that is published now."""
    as_of = now()
    return Publication(number, symbol, sequence, as_of, _BODY % (as_of, sequence, symbol, sequence))


def moment(as_of: bytes) -> float:
    """Epoch seconds of what `now` told."""
    return datetime.fromisoformat(as_of.decode()).timestamp()
