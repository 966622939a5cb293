"""The messages of one client of /ws/{symbol}, without I/O: snapshot, replay, then each bar as written."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from market_data.market.bar import KnownBar
from market_data.market.span import epoch
from market_data.store.quotes import KnownQuote
from market_data.stream import Publication


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, tag="snapshot", tag_field="type"):
    """The first message: what is known at this moment."""

    symbol: str
    interval: str
    price: float | None  # of the newest quote or bar, whichever is newer; None before the first
    price_ts: datetime | None
    bar: KnownBar | None  # the newest


class Replay(msgspec.Struct, frozen=True, kw_only=True, tag="replay", tag_field="type"):
    """The second message: the newest bars, oldest first."""

    symbol: str
    interval: str
    bars: Sequence[KnownBar]


class ErrorMessage(msgspec.Struct, frozen=True, kw_only=True, tag="error", tag_field="type"):
    """The last message before the server closes."""

    code: str
    detail: str


class Session:
    """What one client has been told, so that it is told nothing twice."""

    def __init__(self, symbol: str, interval: str) -> None:
        self._symbol = symbol
        self._interval = interval
        self._told: dict[int, int] = {}  # the revision, by label

    def opening(self, bars: Sequence[KnownBar], quote: KnownQuote | None) -> list[bytes]:
        """The first two messages. `bars` were read after the client had been subscribed."""
        newest = bars[-1] if bars else None
        price, price_ts = (newest.close, newest.ts) if newest else (None, None)
        if quote is not None and (price_ts is None or quote.ts > price_ts):
            price, price_ts = quote.price, quote.ts
        self._told = {epoch(bar.ts): bar.revision for bar in bars}
        snapshot = Snapshot(
            symbol=self._symbol, interval=self._interval, price=price, price_ts=price_ts, bar=newest
        )
        replay = Replay(symbol=self._symbol, interval=self._interval, bars=bars)
        return [msgspec.json.encode(snapshot), msgspec.json.encode(replay)]

    def live(self, publications: Sequence[Publication]) -> list[bytes]:
        """The messages for what was published, without what the opening has told already.

        Publications come after their bars were written, so that some may wait, or still be on their way,
        whose bars the opening has read; beside them may be some of older bars, which it has not.
        """
        told = self._told
        return [one.body for one in publications if told.get(one.ts, -1) < one.revision]
