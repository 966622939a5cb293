"""Half-open stretches of time, in whole epoch seconds UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime


def epoch(moment: datetime) -> int:
    """Epoch seconds of an aware datetime; ValueError if it is naive."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone: add one, for example 'Z'")
    return int(moment.timestamp())


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
    left = merge(spans)
    for hole in merge(holes):
        left = [piece for span in left for piece in _without(span, hole)]
    return left


def _without(span: Span, hole: Span) -> list[Span]:
    if span.overlap(hole) is None:
        return [span]
    pieces = ((span.start, hole.start), (hole.end, span.end))
    return [Span(start, end) for start, end in pieces if start < end]
