"""Makes chunks of gaps: pure. The same work is never planned twice, and near gaps share a chunk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from market_data.market.interval import Interval
from market_data.market.span import Span, merge, subtract
from market_data.store.ledger import Open

BRIDGE_BARS = 60
"""Gaps with at most so many bars between them share a chunk: asking for those bars again costs no call."""
LONGEST_DAYS = 100
"""Bars in one chunk of days: what every provider gives in one answer."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """What a series' gaps amount to: chunks to add, newest first, and waiting ones to widen."""

    new: tuple[Span, ...]
    wider: tuple[tuple[int, Span], ...]


def longest_chunk(interval: Interval, minutes: int) -> int:
    """Seconds that one chunk may cover; `minutes` is BACKFILL_CHUNK_MINUTES."""
    return LONGEST_DAYS * interval.seconds if interval is Interval.D1 else minutes * 60


def chunks(gaps: Iterable[Span], unfinished: Sequence[Open], interval: Interval, longest: int) -> Chunks:
    """The chunks for the gaps that no unfinished backfill covers, each of at most `longest` seconds.

    A gap that is near a waiting backfill widens that one if the whole still fits. What is dead is covered
    too: it has its reason, and only an operator puts it back.
    """
    bridge = BRIDGE_BARS * interval.seconds
    wider: dict[int, Span] = {}
    new: list[Span] = []
    left = subtract(gaps, [one.span for one in unfinished])
    for gap in _bridged(left, bridge, longest):
        near = _near(gap, unfinished, wider, bridge, longest)
        if near is None:
            new.append(gap)
        else:
            number, span = near
            wider[number] = _union(span, gap)
    return Chunks(tuple(sorted(new, reverse=True)), tuple(wider.items()))


def _bridged(gaps: Iterable[Span], bridge: int, longest: int) -> list[Span]:
    """Near gaps together, each result of at most `longest`; counted from the newest end."""
    found: list[Span] = []
    for gap in reversed(merge(gaps)):
        if found and found[-1].start - gap.end <= bridge and found[-1].end - gap.start <= longest:
            found[-1] = _union(found[-1], gap)
            continue
        end = gap.end
        while end - gap.start > longest:
            found.append(Span(end - longest, end))
            end -= longest
        found.append(Span(gap.start, end))
    return found


def _near(
    gap: Span, unfinished: Sequence[Open], wider: dict[int, Span], bridge: int, longest: int
) -> tuple[int, Span] | None:
    """The waiting backfill that the gap can join, with its span as it will be."""
    for one in unfinished:
        span = wider.get(one.id, one.span)
        together = _union(span, gap)
        apart = together.seconds - span.seconds - gap.seconds
        fresh = (
            one.status == "queued" and not one.postponed
        )  # one that was put off would keep a new gap waiting
        if fresh and not one.forced and apart <= bridge and together.seconds <= longest:
            return one.id, span
    return None


def _union(one: Span, other: Span) -> Span:
    return Span(min(one.start, other.start), max(one.end, other.end))
