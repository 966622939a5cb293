"""What is traded: an instrument, its kind and its tier."""

import re
from dataclasses import dataclass
from enum import StrEnum

from market_data.market.spelling import canonical

_SYMBOL = re.compile(r"[A-Z0-9^][A-Z0-9.\-=^/]{0,31}")


class Tier(StrEnum):
    """How fresh an instrument is kept: T0 the freshest."""

    T0 = "T0"
    T1 = "T1"
    T2 = "T2"


class AssetType(StrEnum):
    """What kind of thing an instrument is; it decides the calendar and which providers can serve it."""

    EQUITY = "equity"
    ETF = "etf"
    INDEX = "index"
    CRYPTO = "crypto"


def read_symbol(text: str) -> str:
    """The canonical symbol of what is spelled `text` in either case; ValueError if it cannot be one."""
    symbol = text.strip().upper()
    if not (text.isascii() and _SYMBOL.fullmatch(symbol)):  # the upper case of ß is SS
        raise ValueError(
            f"{text[:40]!r} is not a symbol: write 1 to 32 of A-Z, 0-9 and . - = ^ /, as in AAPL or BTC-USD"
        )
    return canonical(symbol)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row of the universe."""

    symbol: str
    exchange: str
    asset_type: AssetType
    tier: Tier
    active: bool = True
    listed: int | None = None  # 00:00 UTC of its first day of trading, epoch seconds; None: not known
    delisted: int | None = None  # 00:00 UTC of the day after its last
