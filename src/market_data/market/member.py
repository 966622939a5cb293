"""A member of the universe: an instrument with what its tier is computed from; how two universes differ."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date

from market_data.market.instrument import AssetType, Tier


@dataclass(frozen=True, slots=True)
class Member:
    """One row of the universe, whole."""

    symbol: str
    exchange: str
    asset_type: AssetType
    tier: Tier
    adv_21d: float | None = None  # average daily volume of 21 sessions, in units of the instrument
    mkt_cap: float | None = None  # in its currency
    pinned: bool = False  # its tier was chosen by hand
    active: bool = True
    listed: date | None = None  # its first day of trading
    delisted: date | None = None  # its last


FIELDS = tuple(one.name for one in fields(Member))


@dataclass(frozen=True, slots=True)
class Changed:
    """A member that is in both universes: the old and the new value of each field that differs."""

    symbol: str
    fields: Mapping[str, tuple[object, object]]


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns one universe into another, each in order of symbol."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Changed, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(before: Iterable[Member], after: Iterable[Member]) -> Difference:
    """What turns `before` into `after`."""
    old, new = {one.symbol: one for one in before}, {one.symbol: one for one in after}
    both = sorted(old.keys() & new.keys())
    return Difference(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(_changed(old[name], new[name]) for name in both if old[name] != new[name]),
    )


def _changed(old: Member, new: Member) -> Changed:
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in FIELDS}
    return Changed(old.symbol, {name: pair for name, pair in pairs.items() if pair[0] != pair[1]})


def content_hash(members: Iterable[Member]) -> str:
    """SHA-256, in hex, of the members as lines of JSON in order of symbol: equal universes, equal hashes."""
    lines = (
        json.dumps(asdict(one), sort_keys=True, default=str)
        for one in sorted(members, key=lambda one: one.symbol)
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
