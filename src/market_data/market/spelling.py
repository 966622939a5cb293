"""How instruments are spelled: each has one canonical symbol, whichever of its spellings is written.

Class shares have a dot (BRK.B), pairs a dash (BTC-USD), other exchanges the suffix that Yahoo uses (VOD.L).
"""

import re
from collections.abc import Iterable

EXCHANGE_MARKS = "FLTV"
"""One-letter suffixes that name an exchange (Frankfurt, London, Tokyo, TSX Venture), not a class."""
CURRENCIES = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNH", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR"),
        *("JPY", "KRW", "MXN", "NOK", "NZD", "PLN", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "ZAR"),
    }
)
"""ISO 4217 codes: a pair of two of them is foreign exchange, not crypto."""

_QUOTED_IN = ("USDT", "USDC", "USD", "EUR", "BTC")
_CLASS_SHARE = re.compile(r"([A-Z]{1,5})([-/.])([A-Z])")
_PAIR = re.compile(rf"([A-Z0-9]+)-({'|'.join(_QUOTED_IN)})")
_JOINED_PAIR = re.compile(rf"([A-Z0-9]{{2,12}})({'|'.join(_QUOTED_IN)})")
_SHORTEST_JOINED = 6
"""Characters: US tickers have at most five, so a longer symbol that ends in a currency is a pair."""


def canonical(symbol: str) -> str:
    """The canonical symbol of the instrument that `symbol` (in upper case) spells.

    BRK-B and BRK/B are BRK.B; BTC/USD and BTCUSD are BTC-USD. A letter that with a dot would name an exchange
    keeps its dash: MKC/V is MKC-V, because MKC.V is a symbol of TSX Venture.
    """
    if share := _CLASS_SHARE.fullmatch(symbol):
        stem, separator, mark = share.groups()
        if separator == ".":
            return symbol
        return f"{stem}-{mark}" if mark in EXCHANGE_MARKS else f"{stem}.{mark}"
    pair = _JOINED_PAIR.fullmatch(symbol)
    if pair and len(symbol) >= _SHORTEST_JOINED and pair[1] not in CURRENCIES:
        return f"{pair[1]}-{pair[2]}"
    return symbol.replace("/", "-")


def spellings(symbol: str) -> tuple[str, ...]:
    """Every spelling of an instrument, its canonical one first."""
    first = canonical(symbol)
    others = (
        symbol,
        first.replace(".", "-"),
        first.replace(".", "/"),
        first.replace("-", "/"),
        first.replace("-", ""),
    )
    return tuple(dict.fromkeys([first, *(other for other in others if canonical(other) == first)]))


def held_as(names: Iterable[str]) -> dict[str, str]:
    """By canonical symbol, its spelling among `names`; of several spellings, the canonical one."""
    found: dict[str, str] = {}
    for name in names:
        first = canonical(name)
        if first == name:
            found[first] = name
        else:
            found.setdefault(first, name)
    return found


def class_share(symbol: str) -> tuple[str, str] | None:
    """The stem and the class of a class share with a dot or a dash; None for any other symbol."""
    for separator in ".-":
        stem, _, mark = symbol.rpartition(separator)
        if stem and len(mark) == 1 and not (separator == "." and mark in EXCHANGE_MARKS):
            return stem, mark
    return None


def is_crypto_pair(symbol: str) -> bool:
    """Whether a canonical symbol is a pair of a coin and a currency: BTC-USD is one, EUR-USD is not."""
    pair = _PAIR.fullmatch(symbol)
    return pair is not None and pair[1] not in CURRENCIES
