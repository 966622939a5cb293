"""What a caller says of one member: some fields of it, each checked."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

from market_data.calendar import hours_of
from market_data.market.foreign import why_not_us
from market_data.market.instrument import AssetType, Tier, read_symbol
from market_data.market.member import FIELDS, Member
from market_data.market.spelling import is_crypto_pair

WHERE_UNKNOWN = "US"
"""The exchange of a stock where none is said."""
HOME = "XNYS"
"""The calendar of all US exchanges."""
FIRST_DAY, LAST_DAY = date(1700, 1, 1), date(2999, 12, 31)
"""Between which a day of listing has to be: no exchange is older."""
_YES = frozenset({"true", "t", "yes", "y", "1"})
_NO = frozenset({"false", "f", "no", "n", "0"})
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of a member that were given; what was not stays as it is, or takes its default."""

    symbol: str
    given: Mapping[str, object]
    written: str = ""  # the symbol as it was spelled, in upper case

    def check(self) -> None:
        """ValueError if it could be no member, whatever is known of it."""
        made = self._made(None)
        if "exchange" in self.given:
            _check_home(made)

    def applied(self, known: Member | None) -> Member:
        """The member that comes of it; ValueError if its exchange has no calendar or cannot be right."""
        made = self._made(known)
        if known is None or not self.given.keys().isdisjoint({"exchange", "asset_type"}):
            _check_home(made)
        return made

    def _made(self, known: Member | None) -> Member:
        if known is not None:
            made = replace(known, **self.given)  # type: ignore[arg-type]  # each field was read as its type
        else:
            kind = self.given.get("asset_type", kind_of(self.symbol))
            first = {"exchange": WHERE_UNKNOWN, "asset_type": kind, "tier": Tier.T2}
            made = Member(**{**first, **self.given, "symbol": self.symbol})  # type: ignore[arg-type]
        if made.asset_type is AssetType.CRYPTO:
            made = replace(made, exchange="CRYPTO")
        if made.active or known is None or "exchange" in self.given:  # else a row written by SQL could not go
            hours_of(made.exchange, made.asset_type)
        if made.listed and made.delisted and made.delisted < made.listed:
            raise ValueError(f"delisted {made.delisted} is before listed {made.listed}")
        return made


def _check_home(made: Member) -> None:
    """ValueError for a symbol that is none of the US where its exchange is said to be."""
    at_home = hours_of(made.exchange, made.asset_type).regular.name == HOME
    if at_home and (wrong := why_not_us(made.symbol)):
        raise ValueError(wrong)


def draft(row: Mapping[str, object]) -> Draft:
    """What a row says; blank fields and None say nothing. ValueError tells the first mistake."""
    if unknown := row.keys() - set(FIELDS):
        raise ValueError(f"unknown: {', '.join(sorted(map(str, unknown)))}; known are {', '.join(FIELDS)}")
    said = {name: value for name, value in row.items() if value is not None and str(value).strip()}
    if "symbol" not in said:
        raise ValueError("symbol is missing")
    given = {name: _READERS[name](name, value) for name, value in said.items()}
    written = str(said["symbol"]).strip().upper()
    return Draft(str(given.pop("symbol")), MappingProxyType(given), written)


def kind_of(symbol: str) -> AssetType:
    """What a symbol is, told by its spelling: ^ begins an index, -USD ends a crypto pair."""
    if is_crypto_pair(symbol):
        return AssetType.CRYPTO
    return AssetType.INDEX if symbol.startswith("^") else AssetType.EQUITY


def _symbol(_: str, value: object) -> str:
    return read_symbol(str(value))


def _text(_: str, value: object) -> str:
    return str(value).strip().upper()


def _tier(name: str, value: object) -> Tier:
    return _choice(Tier, str(value).strip().upper(), name)


def _kind(name: str, value: object) -> AssetType:
    return _choice(AssetType, str(value).strip().lower(), name)


def _choice(choices: type[_Choice], text: str, name: str) -> _Choice:
    try:
        return choices(text)
    except ValueError:
        raise ValueError(f"{name} {text!r:.40} is not one of {', '.join(choices)}") from None


def _amount(name: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= 0) or isinstance(value, bool):
        raise ValueError(f"{name} {str(value)!r:.40} is no number of zero or more")
    return number


def _flag(name: str, value: object) -> bool:
    text = str(value).strip().lower()
    if text not in _YES | _NO:
        raise ValueError(f"{name} {text!r:.40} is neither true nor false")
    return text in _YES


def _day(name: str, value: object) -> date:
    try:
        day = date.fromisoformat(str(value).strip()[:10])
    except ValueError:
        raise ValueError(f"{name} {str(value)!r:.40} is no date: write 2025-10-08") from None
    if not FIRST_DAY <= day <= LAST_DAY:  # the driver writes the first and the last day there are as infinite
        raise ValueError(f"{name} {day} is not between {FIRST_DAY} and {LAST_DAY}")
    return day


_READERS: Mapping[str, Callable[[str, object], object]] = {
    "symbol": _symbol,
    "exchange": _text,
    "asset_type": _kind,
    "tier": _tier,
    "adv_21d": _amount,
    "mkt_cap": _amount,
    "pinned": _flag,
    "active": _flag,
    "listed": _day,
    "delisted": _day,
}
