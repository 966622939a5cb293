"""Bars for scenarios: minutes, sessions and days, and the times to speak of them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from market_data.market.bar import Row

MINUTE = 60
SESSION_MINUTES = 390


def at(text: str) -> int:
    """Epoch seconds of `2024-06-12 13:30` (UTC)."""
    return int(datetime.fromisoformat(text.replace("Z", "")).replace(tzinfo=UTC).timestamp())


def utc(seconds: float) -> str:
    """The text of epoch seconds, as the API spells times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clock_time(seconds: float) -> str:
    """Hours and minutes of epoch seconds, UTC."""
    return utc(seconds)[11:16]


def minutes(
    first: str | int,
    count: int,
    price: float = 100.0,
    volume: float = 1000.0,
    *,
    step: float = 0.0,
    spread: float = 0.5,
) -> list[Row]:
    """Consecutive 1m bars from `first`; each price is `step` above the one before."""
    start = at(first) if isinstance(first, str) else first
    rows: list[Row] = []
    for number in range(count):
        level = round(price + step * number, 6)
        high, low = round(level + spread, 6), round(level - spread, 6)
        rows.append((start + MINUTE * number, level, high, low, level, volume))
    return rows


def chained(first: str, closes: Sequence[float], volume: float = 5000.0) -> list[Row]:
    """Consecutive 1m bars with these closes; each opens where the one before closed."""
    rows: list[Row] = []
    before = closes[0]
    for number, close in enumerate(closes):
        high, low = max(before, close), min(before, close)
        rows.append((at(first) + MINUTE * number, before, high, low, close, volume))
        before = close
    return rows


def session(day: str, price: float = 100.0, volume: float = 1000.0, **shape: float) -> list[Row]:
    """The 390 regular minutes of a summer day in New York."""
    return minutes(f"{day} 13:30", SESSION_MINUTES, price, volume, **shape)


def sessions(days: Iterable[str], price: float = 100.0, **shape: float) -> list[Row]:
    """The regular minutes of several summer days."""
    return [row for day in days for row in session(day, price, **shape)]


def days(closes: Iterable[tuple[str, float]], volume: float = 5e7) -> list[Row]:
    """Daily bars with these closes; each opens at the close before, and is 2 % wider than both."""
    rows: list[Row] = []
    before: float | None = None
    for day, close in closes:
        opened = close if before is None else before
        high, low = max(opened, close) * 1.02, min(opened, close) * 0.98
        rows.append((at(f"{day} 00:00"), opened, high, low, close, volume))
        before = close
    return rows
