"""Moments of the tests, written to be read."""

from datetime import datetime

from market_data.market.span import epoch


def at(text: str) -> int:
    """Epoch seconds of `2024-07-03 13:30`, UTC."""
    return epoch(datetime.fromisoformat(text + "+00:00"))
