"""Bars that are kept with a mark: possible, but not believed yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from market_data.market.bar import Row


class Reason(StrEnum):
    """Why a bar is quarantined."""

    JUMP = "jump"  # its close is far from the one before
    SPREAD = "spread"  # its high is far from its low
    VOLUME = "volume"  # its volume is strange beside its prices or the other bars
    SPLIT = "split"  # a split lies after it whose factor is not known yet
    DIFFERS = "differs"  # another provider's bar is stored and has another value: a trace, never served


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A bar to be kept with a mark, and why.

    `contradicted`: another provider sent a different value. `again`: its provider is asked for it again.
    """

    row: Row
    reason: Reason
    evidence: str
    contradicted: bool = False
    again: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """A bar in the quarantine; `decision` is an operator's, None while it is open."""

    id: int
    row: Row
    provider: str
    adjustment: str
    reason: str
    contradicted: bool
    first_received: float  # epoch seconds
    decision: str | None

    @property
    def is_trace(self) -> bool:
        """Whether it only notes that a provider differs from the stored bar."""
        return self.reason == Reason.DIFFERS


@dataclass(frozen=True, slots=True)
class QuarantineChange:
    """What one answer changes in the quarantine of its series."""

    put: Sequence[Quarantined] = ()
    released: Sequence[
        int
    ] = ()  # ids of rows that are settled: their bars are stored, or others in their place
    contradicted: Sequence[tuple[int, str]] = ()  # ids of rows that the answer contradicts, and the evidence

    def __bool__(self) -> bool:
        return bool(self.put or self.released or self.contradicted)


NO_CHANGE = QuarantineChange()
