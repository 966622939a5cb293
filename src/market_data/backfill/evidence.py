"""Decides what an empty answer proves; pure. A vacancy is earned, see docs/completeness.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span, subtract

LAST_SECONDS = 600
"""A feed that has sent a bar so near to the close is taken to have reached it."""
CLOSED_SECONDS = 600
"""Seconds after a close at which the feed's last bars have come."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A provider that was asked for a span and sent no bars there. Times are epoch seconds.

    `settled_before` is the provider's own time when it answered, less its delay: what opens later may still
    come. `newest` is the label of the newest bar that it has ever sent of the symbol (None: it has sent
    none), `newest_nearby` the same of any symbol on the exchange. Witnesses of one `venue` are one witness.
    """

    provider: str
    venue: str
    settled_before: float
    newest: int | None
    newest_nearby: int | None

    @property
    def proven_before(self) -> int:
        """The end of what its silence proves; 0 if it proves nothing.

        It must know the symbol, and must have sent something newer: its feed has moved past the span.
        """
        if self.newest is None:
            return 0
        return int(min(self.settled_before, max(self.newest, self.newest_nearby or 0)))


@dataclass(frozen=True, slots=True)
class Finding:
    """Nothing traded in `span`, as `providers` prove.

    `newer`: one of them has sent a newer bar of the symbol.
    """

    span: Span
    providers: tuple[str, ...]
    newer: bool


def weigh(empty: Sequence[Span], witnesses: Sequence[Witness]) -> tuple[list[Finding], list[Span]]:
    """What of the `empty` spans is proven, oldest first, and what no provider knows yet."""
    cuts = sorted(
        {cut for witness in witnesses for cut in (witness.proven_before, witness.newest or 0) if cut > 0}
    )
    findings: list[Finding] = []
    for span in empty:
        for piece in _cut(span, cuts):
            proving = _independent([witness for witness in witnesses if witness.proven_before >= piece.end])
            if proving:
                newer = any((one.newest or 0) >= piece.end for one in proving)
                findings.append(Finding(piece, tuple(one.provider for one in proving), newer))
    return findings, subtract(empty, [finding.span for finding in findings])


def moved_past(newest: int, interval: Interval, hours: MarketHours, settled: float) -> int | None:
    """Where a feed has come to, by the newest bar that it has sent of any symbol; None without one.

    After the last bar of a session none can be newer: once the provider's time is CLOSED_SECONDS past the
    close, its feed has moved past the whole session.
    """
    if not newest or interval is Interval.D1:
        return newest or None
    session = hours.regular.session_before(newest)
    if session is None or newest + LAST_SECONDS < session.end or settled < session.end + CLOSED_SECONDS:
        return newest
    return max(newest, session.end)


def _cut(span: Span, cuts: Sequence[int]) -> list[Span]:
    inner = [cut for cut in cuts if span.start < cut < span.end]
    edges = [span.start, *inner, span.end]
    return [Span(start, end) for start, end in pairwise(edges)]


def _independent(witnesses: Sequence[Witness]) -> list[Witness]:
    """One witness per venue, the one with the newest bar of the symbol."""
    by_venue: dict[str, Witness] = {}
    for one in sorted(witnesses, key=lambda one: (-(one.newest or 0), one.provider)):
        by_venue.setdefault(one.venue, one)
    return sorted(by_venue.values(), key=lambda one: one.provider)
