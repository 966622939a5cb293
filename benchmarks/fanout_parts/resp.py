"""As much of the Redis protocol (RESP2) as the benchmark speaks, without I/O, and lean.

A client library, which takes much longer for an entry, would be what is measured.
"""

from collections.abc import Sequence


def command(words: Sequence[bytes]) -> bytes:
    """A command as it is sent."""
    return b"*%d\r\n%b" % (len(words), b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words))


class Leaves:
    """Replies as flat lists: their strings in order, without how they were nested."""

    def __init__(self) -> None:
        self._rest = b""
        self._open = 1  # elements of the reply that are still to come
        self._found: list[bytes] = []

    def feed(self, data: bytes) -> list[list[bytes]]:
        """The replies that `data` completes; RuntimeError where one is an error."""
        data = self._rest + data if self._rest else data
        at, size, found, left = 0, len(data), self._found, self._open
        replies = []
        while at < size and (line_end := data.find(b"\r\n", at)) >= 0:
            kind, after = data[at], line_end + 2
            if kind == 0x24 and data[at + 1] != 0x2D:  # $: a string that is not null
                end = after + int(data[at + 1 : line_end])
                if end + 2 > size:
                    break
                found.append(data[after:end])
                after = end + 2
            elif kind == 0x2A and data[at + 1] != 0x2D:  # *: an array that is not null
                left += int(data[at + 1 : line_end])
            elif kind == 0x2D:
                raise RuntimeError(data[at + 1 : line_end].decode())
            at, left = after, left - 1
            if not left:
                replies.append(found)
                found, left = [], 1
        self._rest, self._found, self._open = data[at:], found, left
        return replies
