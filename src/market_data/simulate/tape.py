"""The contract of a tape: where the simulator's bars come from. `tapes/` holds the choices."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from market_data.calendar import scheduled_hours
from market_data.market.bar import Bars, Split
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span

_CLASS_SHARE = re.compile(r"([A-Z]+)\.([A-Z])")
_CRYPTO = re.compile(r"[A-Z0-9]+-(USD|USDT|EUR)")
_ETFS = frozenset({"DIA", "EEM", "GLD", "IVV", "IWM", "QQQ", "SLV", "SPY", "TLT", "VOO", "VTI", "XLF", "XLK"})


@dataclass(frozen=True, slots=True)
class Listing:
    """What a tape knows of a symbol before any bar is asked for."""

    symbol: str
    label: str  # how answers name it: `symbol`, unless a fault names another one
    asset_type: AssetType
    hours: MarketHours
    first: int  # epoch seconds from which it has bars
    last: int | None = None  # and until which; None: it goes on for ever
    splits: tuple[Split, ...] = ()  # its bars are as they were traded, on either side

    @property
    def one_session(self) -> bool:
        """Whether there is no early and late trading to leave out: it trades always, or in regular hours."""
        return self.asset_type in {AssetType.CRYPTO, AssetType.INDEX}


class Tape(Protocol):
    """Bars of some symbols at any moment. A tape is pure: the same question has the same answer for ever."""

    def listing(self, symbol: str) -> Listing | None:
        """What is known of `symbol` (as `canonical` spells it); None if this tape does not have it."""

    def bars(self, symbol: str, interval: Interval, span: Span, now: float) -> Bars:
        """The bars labelled within `span` that had begun before `now`, in order.

        The bar that is forming at `now` has the values that it has so far. Minutes include early and late
        trading; daily bars are made of the regular session alone. No bars for a symbol that is not listed.
        """


@dataclass(frozen=True, slots=True)
class Rack:
    """Several tapes as one: a symbol is played from the first tape that lists it."""

    tapes: Sequence[Tape]
    splits: Mapping[str, Sequence[Split]] = field(default_factory=dict)  # beside those that the tapes know

    def listing(self, symbol: str) -> Listing | None:
        """What the first tape that lists `symbol` knows of it."""
        found = next((found for tape in self.tapes if (found := tape.listing(symbol))), None)
        more = self.splits.get(symbol)
        return replace(found, splits=(*found.splits, *more)) if found and more else found

    def bars(self, symbol: str, interval: Interval, span: Span, now: float) -> Bars:
        """The bars of the first tape that lists `symbol`."""
        for tape in self.tapes:
            if tape.listing(symbol):
                return tape.bars(symbol, interval, span, now)
        return Bars.none()


def canonical(symbol: str) -> str:
    """One spelling for what providers spell differently: upper case, class shares with a dash (BRK-B)."""
    upper = symbol.strip().upper()
    share = _CLASS_SHARE.fullmatch(upper)
    return f"{share[1]}-{share[2]}" if share else upper


def asset_type_of(symbol: str) -> AssetType:
    """What a symbol is, told by its spelling: ^ begins an index, -USD ends a crypto pair."""
    if _CRYPTO.fullmatch(symbol):
        return AssetType.CRYPTO
    if symbol.startswith("^"):
        return AssetType.INDEX
    return AssetType.ETF if symbol in _ETFS else AssetType.EQUITY


def trading_hours(asset_type: AssetType) -> MarketHours:
    """When instruments of a kind trade here: as XNYS, an index in regular hours only, crypto always."""
    hours = scheduled_hours("XNYS", asset_type)
    only_regular = MarketHours(hours.regular, hours.regular, hours.regular)
    return only_regular if asset_type is AssetType.INDEX else hours
