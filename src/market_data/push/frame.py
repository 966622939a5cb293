"""WebSocket frames as a server sends them (RFC 6455, section 5.2): whole, unmasked, made once for all."""

import struct

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


def payload(frame: bytes) -> bytes:
    """The message within a frame that `text` has made."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]
