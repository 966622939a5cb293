"""Publications and bars, made to be told apart."""

from market_data.market.bar import BarStatus, KnownBar
from market_data.market.span import moment
from market_data.push.ring import Message
from market_data.stream import Position, Publication, Series, encode, key, stamp

OPEN = 1_720_013_400
"""2024-07-03T13:30:00Z."""
LIFE = 1_720_000_000_000


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
        as_of=moment(OPEN + 60 * minute + 61 + revision),
        status=BarStatus.CORRECTED if revision else BarStatus.FINAL,
        revision=revision,
        adjustment="raw",
        volume_scope="unknown",
    )


def publication(number: int, symbol: str = "AAPL", *, minute: int = 0, revision: int = 0) -> Publication:
    """The publication with a number of one life."""
    series, one = Series(symbol, "1m"), bar(minute, revision)
    position = Position(LIFE, number)
    return Publication(
        position, series, key(series, one), stamp(one.as_of), OPEN * 1000.0, encode(series, one)
    )


def message(number: int, symbol: str = "AAPL", *, minute: int = 0, revision: int = 0) -> Message:
    """The same as clients get it."""
    return Message.of(publication(number, symbol, minute=minute, revision=revision))
