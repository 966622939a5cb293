"""The newest bars of one series as the stream stands: what a client is told when it comes."""

from collections.abc import Iterable


class Newest:
    """The JSON of the newest `most` bars, by their keys."""

    def __init__(self, most: int, bars: Iterable[tuple[str, bytes]] = ()) -> None:
        self._most = most
        self._bars: dict[str, bytes] = {}
        for bar, body in bars:
            self.put(bar, body)

    def put(self, bar: str, body: bytes) -> bool:
        """A bar is new or has changed; one older than those that are held is not held either.

        False, and nothing is put, for a day of another price level than those that are held.
        """
        newest = next(reversed(self._bars), "")
        if newest.partition(" ")[2] != bar.partition(" ")[2] and newest:
            return False
        known = bar in self._bars
        self._bars[bar] = body
        if not known and bar < newest:  # a late one: rare
            self._bars = dict(sorted(self._bars.items()))
        if len(self._bars) > self._most:
            del self._bars[next(iter(self._bars))]
        return True

    def bodies(self) -> list[bytes]:
        """The bars, oldest first."""
        return list(self._bars.values())
