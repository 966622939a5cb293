"""Decides what an empty answer proves; pure. A vacancy is earned, see docs/completeness.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from market_data.market.span import Span, subtract


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
    """What of the `empty` spans is proven, oldest first, and what nobody can tell yet."""
    cuts = sorted({cut for one in witnesses for cut in (one.proven_before, one.newest or 0) if cut > 0})
    findings: list[Finding] = []
    for span in empty:
        for piece in _cut(span, cuts):
            proving = _independent([one for one in witnesses if one.proven_before >= piece.end])
            if proving:
                newer = any((one.newest or 0) >= piece.end for one in proving)
                findings.append(Finding(piece, tuple(one.provider for one in proving), newer))
    return findings, subtract(empty, [one.span for one in findings])


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
