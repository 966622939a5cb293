"""Minutes as they trade, and the deliveries that the service writes of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from market_data.market.bar import Adjustment, Bars, VolumeScope
from market_data.market.interval import Interval
from market_data.store.change import Told

MINUTES = 390
"""Minutes of a session."""
OPEN = timedelta(hours=14, minutes=30)
"""When a session opens, UTC."""


@dataclass
class Tape:
    """Minutes of one symbol: cents, whole shares, more of them after the open and before the close."""

    random: np.random.Generator
    price: float

    def session(self, at: int) -> Bars:
        """The bars of the session that opens at `at` (epoch seconds)."""
        walk = self.random.normal(0, 4e-4, MINUTES * 6).cumsum().reshape(MINUTES, 6)
        prices = np.round(self.price * np.exp(walk), 2)
        self.price = float(prices[-1, -1])
        busy = 1 + 2 * np.abs(np.linspace(-1, 1, MINUTES)) ** 3
        volume = np.round(self.random.lognormal(7, 1, MINUTES) * busy)
        ts = at + 60 * np.arange(MINUTES, dtype=np.int64)
        return Bars(ts, prices[:, 0], prices.max(axis=1), prices.min(axis=1), prices[:, -1], volume)


def tapes(symbols: int) -> dict[str, Tape]:
    """A tape a symbol, the same in each run."""
    return {
        f"S{number:05}": Tape(np.random.default_rng(number), 20.0 + number % 300) for number in range(symbols)
    }


def sessions(count: int) -> list[int]:
    """When the newest `count` sessions that are over opened (epoch seconds), oldest first; no weekends."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = (midnight - timedelta(days=back) for back in range(1, count * 2 + 7))
    return sorted(int((day + OPEN).timestamp()) for day in days if day.weekday() < 5)[-count:]


def told(symbol: str, bars: Bars, as_of: float) -> Told:
    """Bars as they are written, told at `as_of`."""
    return Told(
        symbol=symbol,
        interval=Interval.M1,
        provider="alpaca",
        adjustment=Adjustment.RAW,
        volume_scope=VolumeScope.CONSOLIDATED,
        as_of=as_of,
        bars=bars,
        partial=np.zeros(len(bars), np.bool_),
    )
