"""Fans quotes out: each is framed once, and handed to whoever takes it; nobody waits for anybody."""

from collections.abc import Mapping
from typing import Protocol

from market_data.push import frame
from market_data.ticker import Ticker

EVERYTHING = "*"
"""Instead of a symbol: all of them."""


class Reader(Protocol):
    """A client as it takes quotes."""

    def quote(self, told: bytes) -> None:
        """The frame of a quote: never waits; who reads slowly lets it go, for the next overtakes it."""


class Quotes:
    """Who follows the quotes of which symbols, in this process."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker
        self._readers: dict[str, dict[Reader, None]] = {}

    async def run(self) -> None:
        """Hand on what is told, until cancelled; StoreUnavailable when Redis cannot be reached."""
        async for told in self._ticker.follow():
            self.hand(told)

    def hand(self, told: Mapping[bytes, bytes]) -> None:
        """Hand quotes on: by symbol their JSON."""
        every = self._readers.get(EVERYTHING, {})
        for name, body in told.items():
            readers = self._readers.get(name.decode(), {})
            if readers or every:
                framed = frame.text(body)
                for one in (readers | every) if every else tuple(readers):
                    one.quote(framed)

    def follow(self, symbol: str, reader: Reader) -> None:
        """Hand every quote of a symbol, or of EVERYTHING, to `reader`."""
        self._readers.setdefault(symbol, {})[reader] = None

    def leave(self, symbol: str, reader: Reader) -> None:
        """No quote of it any more."""
        readers = self._readers.get(symbol, {})
        readers.pop(reader, None)
        if not readers:
            self._readers.pop(symbol, None)
