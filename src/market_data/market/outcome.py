"""What can become of doubted bars, and what is known when that is decided; see `decide`."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from market_data.market.bar import Adjustment, Bars, Mask, VolumeScope
from market_data.market.doubt import Doubt, Places
from market_data.market.interval import Interval


class Outcome(StrEnum):
    """What becomes of a doubted bar. The last three are not stored."""

    CONFIRMED = "confirmed"  # a second provider sent the same
    ACCEPTED = "accepted"  # the bars around it bear it out, or a split explains it
    REPEATED = "repeated"  # its provider repeated it long enough after it was first received
    CONTRADICTED = "contradicted"  # a second provider sent something else: quarantined until someone decides
    QUARANTINED = "quarantined"  # nothing settles it yet
    REJECTED = "rejected"  # an operator rejected this very value


STORED = frozenset({Outcome.CONFIRMED, Outcome.ACCEPTED, Outcome.REPEATED})


@dataclass(frozen=True, slots=True)
class Evidence:
    """What another provider sent for the same time; it is final before `settled_before` (epoch seconds)."""

    adjustment: Adjustment
    bars: Bars
    provider: str = "another provider"
    volume_scope: VolumeScope = VolumeScope.UNKNOWN
    settled_before: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Bars that share a doubt, by their places, and what becomes of them; `words` says why.

    `witness` is the provider that contradicts them, if one does.
    """

    places: Places
    doubt: Doubt
    outcome: Outcome
    words: str
    witness: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the bars of an answer, to judge them. All masks have shape (n,).

    The bars may include stored ones around and between those received: these are `settled`.
    """

    interval: Interval
    adjustment: Adjustment
    moves_have_volume: bool  # whether a price that moves without volume is strange
    opens_session: Mask  # the first bar after a break of the market
    settled: Mask  # stored with this very value: not doubted again
    waited: Mask  # first received, with this very value, long enough ago
    contradicted: Mask  # this very value was contradicted before
    rejected: Mask  # an operator rejected this very value
    received: Mask  # part of the answer

    @classmethod
    def of(
        cls, bars: Bars, interval: Interval, adjustment: Adjustment, *, moves_have_volume: bool = False
    ) -> "Context":
        """The context of an answer beside which nothing is known."""
        none, all_ = np.zeros(len(bars), np.bool_), np.ones(len(bars), np.bool_)
        return cls(interval, adjustment, moves_have_volume, none, none, none, none, none, all_)
