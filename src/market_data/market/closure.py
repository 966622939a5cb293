"""A closure or an early close of an exchange, announced while the service runs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from market_data.market.interval import Interval
from market_data.market.span import Span


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """A session that does not take place, or ends early, and when the service learned it."""

    id: int
    calendar: str  # its code, such as XNYS: all US exchanges share that one
    day: date  # of the session, local to the exchange
    closes: datetime | None  # when it closes early; None: it is closed all day
    reason: str
    learned_at: datetime
    revoked_at: datetime | None = None

    def held(self, at: datetime) -> bool:
        """Whether it was known, and not revoked, at `at`."""
        return self.learned_at <= at and (self.revoked_at is None or self.revoked_at > at)

    @property
    def effect(self) -> str:
        """What it does to the session: `closed`, or `closes` with the time."""
        return "closed" if self.closes is None else f"closes {self.closes:%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True, slots=True)
class Shut:
    """The part of a scheduled session in which the exchange is closed by an announcement."""

    span: Span
    day: Span  # 00:00 to 24:00 UTC of the session's date, as for its daily bar
    whole: bool
    reason: str


def reasons(span: Span, interval: Interval, shut: Iterable[Shut]) -> Iterator[tuple[Span, str]]:
    """A closed stretch in pieces, oldest first, each with why it is closed: "" is the usual calendar."""
    at = span.start
    for part in _parts(interval, shut):
        piece = part[0].overlap(Span(at, span.end)) if at < span.end else None
        if piece is None:
            continue
        if piece.start > at:
            yield Span(at, piece.start), ""
        yield piece, part[1]
        at = piece.end
    if at < span.end:
        yield Span(at, span.end), ""


def _parts(interval: Interval, shut: Iterable[Shut]) -> Sequence[tuple[Span, str]]:
    found = [
        (one.day if interval is Interval.D1 else one.span, f"announced: {one.reason}")
        for one in shut
        if one.whole or interval is not Interval.D1
    ]
    return sorted(found)
