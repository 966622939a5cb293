"""WebSocket frames as a server sends them (RFC 6455, section 5.2): whole, unmasked, made once for all."""

import struct
from collections.abc import Iterator

TEXT = 0x81
"""The first byte of a text message in one frame."""
PING = b"\x89\x00"
"""A whole ping frame: whoever lives answers it."""

_LONGEST_7_BITS, _LONGEST_16_BITS = 125, 0xFFFF


def text(payload: bytes) -> bytes:
    """The frame of a text message."""
    return header(len(payload)) + payload


def header(length: int) -> bytes:
    """What stands before a text message of `length` bytes."""
    if length <= _LONGEST_7_BITS:
        return bytes((TEXT, length))
    if length <= _LONGEST_16_BITS:
        return struct.pack("!BBH", TEXT, 126, length)
    return struct.pack("!BBQ", TEXT, 127, length)


def payloads(frames: bytes) -> Iterator[bytes]:
    """The messages of frames that `text` has made, one behind the other."""
    at = 0
    while at < len(frames):
        length, body = frames[at + 1], at + 2
        if length > _LONGEST_7_BITS:
            body += 2 if length == 126 else 8
            length = int.from_bytes(frames[at + 2 : body])
        at = body + length
        yield frames[body:at]
