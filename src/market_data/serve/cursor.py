"""The cursor of a page: where the next one begins, sealed to the question that it continues."""

import base64
import binascii
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from market_data.errors import BadQuestion
from market_data.market.span import Span

LONGEST_CURSOR = 128
"""Characters of a cursor."""

_FIELDS = struct.Struct(">Bqqq")
_SEAL_BYTES = 8
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row that a page begins with, and the window of the first page: a default end does not move on."""

    window: Span
    at: int  # epoch seconds at which the row's bar opens
    adjustment: str  # of days, the level of all pages

    def written(self, question: Sequence[str | None]) -> str:
        """As callers are given it; opaque to them."""
        told = _FIELDS.pack(_VERSION, self.window.start, self.window.end, self.at) + self.adjustment.encode()
        return base64.urlsafe_b64encode(_seal(told, question) + told).decode().rstrip("=")


def read_cursor(text: str, question: Sequence[str | None]) -> Cursor:
    """The cursor that was given for a question of the same parts; BadQuestion for any other."""
    try:
        told = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        seal, told = told[:_SEAL_BYTES], told[_SEAL_BYTES:]
        if len(text) <= LONGEST_CURSOR and seal == _seal(told, question):
            version, start, end, at = _FIELDS.unpack_from(told)
            if version == _VERSION:
                return Cursor(Span(start, end), at, told[_FIELDS.size :].decode())
    except (binascii.Error, struct.error, ValueError):
        pass  # told below
    raise BadQuestion(
        "cursor: it was not given for this question: repeat the `next` of the page before as it is, with the "
        "same symbol, interval, session, anchor, start, end and as_of"
    )


def _seal(told: bytes, question: Sequence[str | None]) -> bytes:
    """Tells a mistake, not an attack: a cursor can say nothing that its caller could not."""
    parts = repr((told, *question)).encode()
    return blake2b(parts, digest_size=_SEAL_BYTES).digest()
