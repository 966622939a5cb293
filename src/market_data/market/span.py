"""Half-open stretches of time, in whole epoch seconds UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def epoch(moment: datetime) -> int:
    """Whole epoch seconds of an aware datetime, rounded down; ValueError if it is naive."""
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: add one, for example 'Z'")
    return (moment - _EPOCH) // timedelta(seconds=1)


def moment(at: float) -> datetime:
    """The aware UTC datetime of epoch seconds."""
    return datetime.fromtimestamp(at, UTC)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """`start <= t < end` in epoch seconds; never empty."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise ValueError(f"a span must end after it starts: {self.start} >= {self.end}")

    @classmethod
    def between(cls, start: datetime, end: datetime) -> "Span":
        """The span of two aware datetimes; ValueError if one is naive or the order is wrong."""
        return cls(epoch(start), epoch(end))

    @property
    def seconds(self) -> int:
        """Length in seconds."""
        return self.end - self.start

    def __contains__(self, at: float) -> bool:
        return self.start <= at < self.end

    def __str__(self) -> str:
        return f"[{moment(self.start):%Y-%m-%dT%H:%M:%SZ}, {moment(self.end):%Y-%m-%dT%H:%M:%SZ})"

    def overlap(self, other: "Span") -> "Span | None":
        """What both cover, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def split(self, longest: int) -> "list[Span]":
        """This span in pieces of at most `longest` seconds, oldest first."""
        if longest <= 0:
            raise ValueError(f"pieces must be longer than 0 s, not {longest}")
        return [Span(at, min(at + longest, self.end)) for at in range(self.start, self.end, longest)]


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same time as `spans`, as the fewest disjoint spans in order; adjoining ones are joined."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """The time of `spans` that no hole covers, as disjoint spans in order."""
    left: list[Span] = []
    closed = merge(holes)
    at = 0  # the first hole that may reach into this span or a later one: one walk through both lists
    for span in merge(spans):
        start = span.start
        while at < len(closed) and closed[at].start < span.end:
            if start < closed[at].start:
                left.append(Span(start, closed[at].start))
            start = max(start, closed[at].end)
            if start > span.end:
                break
            at += 1
        if start < span.end:
            left.append(Span(start, span.end))
    return left


def common(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """The time that both cover, as disjoint spans in order."""
    whole = list(one)
    return subtract(whole, subtract(whole, other))
