"""What clients receive: headers of frames, and of bars the sequence number, which must be the next one."""

import socket
import struct
import time

from fanout_parts.message import AS_OF, BAR, DIGITS, REVISION, STAMP, moment

BUFFER = 1 << 20
"""Bytes that are read at once; no message may be longer."""
TEXT_16 = 0x817E
"""First two bytes (RFC 6455 section 5.2) of a text in one frame whose length is in the next two."""
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
_HEAD = struct.Struct(">HH").unpack_from


class Client:
    """One connection, and what it has seen."""

    __slots__ = ("next", "opened", "rest", "socket")

    def __init__(self, connection: socket.socket, first: int, *, opened: bool) -> None:
        self.socket = connection
        self.rest = b""  # of what was read, what is no whole frame yet
        self.next = first  # the sequence number that must come
        self.opened = opened


class Tally:
    """Counts what all clients receive."""

    def __init__(self, opening: bytes, *, timed: bool) -> None:
        self._opening = opening
        self._timed = timed
        self._buffer = bytearray(BUFFER + 16)  # a header is read without looking whether all of it is there
        self._view = memoryview(self._buffer)[:BUFFER]
        self._digits_at = 0  # of the sequence number, from a message's begin: learned, mostly the same
        self.delivered = 0
        self.bytes = 0
        self.missing = 0
        self.repeated = 0
        self.opened = 0
        self.latencies: list[float] = []  # seconds

    def read(self, client: Client) -> None:
        """Take what has come for a client; ConnectionError when that is its end."""
        size = self._receive(client)
        arrived = time.time() if self._timed else 0.0
        buffer, digits_at, at = self._buffer, self._digits_at, 0
        while size - at >= 2:
            head, length = _HEAD(buffer, at)
            body = at + 4
            if head != TEXT_16:
                body, length = self._header(at)
            after = body + length
            if after > size:
                break
            if buffer.startswith(BAR, body):
                digits = body + digits_at
                if buffer[digits : digits + DIGITS] == b"%d" % client.next:
                    client.next += 1
                else:
                    self._unexpected(client, body, after)
                    digits_at = self._digits_at
                self.delivered += 1
                self.bytes += length
                if arrived:
                    self._time(body, after, arrived)
            else:
                self._aside(client, buffer[at], body, after)
            at = after
        client.rest = bytes(buffer[at:size])

    def _receive(self, client: Client) -> int:
        """How many bytes are in the buffer now: those that were left, and those that have come."""
        rest = client.rest
        if rest:
            self._buffer[: len(rest)] = rest
            come = client.socket.recv_into(self._view[len(rest) :])
        else:
            come = client.socket.recv_into(self._view)
        if not come:
            raise ConnectionError("a client was cut off")
        return len(rest) + come

    def _header(self, at: int) -> tuple[int, int]:
        """Where the payload begins and its length, for frames that are not the usual one."""
        length = self._buffer[at + 1]
        if length == 126:
            return at + 4, int.from_bytes(self._buffer[at + 2 : at + 4])
        if length == 127:
            return at + 10, int.from_bytes(self._buffer[at + 2 : at + 10])
        return at + 2, length

    def _unexpected(self, client: Client, body: int, after: int) -> None:
        """A bar whose sequence number is not there, or not the next one."""
        found = self._buffer.find(REVISION, body, after)
        if found < 0:
            raise ConnectionError(f"a bar without {REVISION.decode()}")
        digits = found + len(REVISION)
        self._digits_at = digits - body
        sequence = int(self._buffer[digits : digits + DIGITS])
        if sequence < client.next:
            self.repeated += 1
            return
        self.missing += sequence - client.next
        client.next = sequence + 1

    def _time(self, body: int, after: int, arrived: float) -> None:
        found = self._buffer.find(AS_OF, body, after) + len(AS_OF)
        self.latencies.append(arrived - moment(bytes(self._buffer[found : found + STAMP])))

    def _aside(self, client: Client, kind: int, body: int, after: int) -> None:
        """What is no bar: the opening, heartbeats, pings."""
        if kind == CLOSE:
            raise ConnectionError(f"a client was sent away: {bytes(self._buffer[body:after])!r}")
        if kind == PING:  # answered with a mask of zeros
            payload = self._buffer[body:after]
            client.socket.sendall(bytes((PONG, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
        elif kind == TEXT and not client.opened and self._buffer.startswith(self._opening, body):
            client.opened = True
            self.opened += 1
