"""Publications and bars, made to be told apart."""

from market_data.market.bar import BarStatus, KnownBar
from market_data.market.span import moment
from market_data.stream import Publication

OPEN = 1_720_013_400
"""2024-07-03T13:30:00Z."""


def bar(minute: int, revision: int = 0) -> KnownBar:
    """A bar whose close tells its minute and revision."""
    close = 100.0 + minute + revision / 100
    return KnownBar(
        ts=moment(OPEN + 60 * minute),
        open=close,
        high=close,
        low=close,
        close=close,
        volume=1.0,
        provider="yahoo",
        as_of=moment(OPEN + 60 * minute + 61),
        status=BarStatus.CORRECTED if revision else BarStatus.FINAL,
        revision=revision,
        adjustment="raw",
        volume_scope="unknown",
    )


def publication(number: int, symbol: str = "AAPL", *, minute: int = 0, revision: int = 0) -> Publication:
    """The publication at position `number`, whose body tells which one it is."""
    body = f"{symbol} {minute} {revision}".encode()
    return Publication(f"{number}-0", symbol, "1m", OPEN + 60 * minute, revision, body)
