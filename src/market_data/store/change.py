"""What is told of a series, and what a write of it changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from market_data.market.bar import Adjustment, Bars, BarStatus, KnownBar, Mask, Times, VolumeScope
from market_data.market.interval import Interval
from market_data.market.quality import Rejected
from market_data.market.quarantined import NO_CHANGE, QuarantineChange
from market_data.market.span import moment
from market_data.store import touched
from market_data.store.cursor import Mark


@dataclass(frozen=True, slots=True)
class Told:
    """Judged bars of one series from one provider; `partial` marks those not final yet, shape (n,)."""

    symbol: str
    interval: Interval
    provider: str
    adjustment: Adjustment
    volume_scope: VolumeScope
    as_of: float  # epoch seconds at which they were told
    bars: Bars
    partial: Mask
    rejected: tuple[Rejected, ...] = ()
    quarantine: QuarantineChange = NO_CHANGE  # what it changes there
    mark: Mark | None = None  # where it moves the cursor
    restates: bool = False  # its values replace those of others too: the provider tells its history anew
    asked_at: float | None = None  # when they were asked for; None: nothing known is newer
    factor: float | None = None  # what the provider's prices were multiplied by; None: they are as sent
    keeps_partials: bool = False  # whether a partial bar that is replaced stays as a revision

    def take(self, which: Mask) -> "Told":
        """The same, of the bars that a mask chooses; it moves no cursor."""
        return replace(self, bars=self.bars.take(which), partial=self.partial[which], mark=None)

    @property
    def moves(self) -> tuple[datetime | None, datetime | None, datetime | None]:
        """The mark's `through`, `last_bar` and `asked_at`; None where there is none."""
        if self.mark is None:
            return None, None, None
        last_bar = None if self.mark.last_bar is None else moment(self.mark.last_bar)
        return moment(self.mark.through), last_bar, moment(self.mark.asked_at)

    @property
    def asked(self) -> datetime | None:
        """When they were asked for; a final bar that was learned later is not corrected by them."""
        return None if self.asked_at is None else moment(self.asked_at)

    def late(self, which: Mask | NDArray[np.intp] | slice = slice(None)) -> Times:
        """When those of the bars open that no scheduled refresh may see: longer ones are built of them."""
        if self.interval is not Interval.M1:
            return self.bars.ts[:0]
        return touched.late(self.bars.ts[which], self.as_of)


@dataclass(frozen=True)
class Change:
    """What one write changed of a series: the bars of `told` that are new or changed, as they now stand.

    `as_of` is when it was learned, `before` the `as_of` of the change before it (EPOCH: there is none). No
    two changes of a series have the same.
    """

    told: Told
    places: NDArray[np.intp]  # which of `told`, oldest first, shape (n,)
    statuses: Sequence[str]  # of each
    revisions: Sequence[int]
    before: datetime
    as_of: datetime

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def bars(self) -> list[KnownBar]:
        """The bars, oldest first; made only where somebody asks, since a backfill has thousands."""
        columns = [column.tolist() for column in self.told.bars.columns()]
        ts, opens, highs, lows, closes, volumes = columns
        return [
            KnownBar(
                ts=moment(ts[i]),
                open=opens[i],
                high=highs[i],
                low=lows[i],
                close=closes[i],
                volume=volumes[i],
                provider=self.told.provider,
                as_of=self.as_of,
                status=BarStatus(status),
                revision=revision,
                adjustment=self.told.adjustment.value,
                volume_scope=self.told.volume_scope.value,
            )
            for i, status, revision in zip(self.places.tolist(), self.statuses, self.revisions, strict=True)
        ]
