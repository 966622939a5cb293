"""Reads the window that a caller asks for: interval, start, end, limit, as_of; each with its bounds."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from market_data.errors import BadQuestion
from market_data.market.interval import Interval, Length
from market_data.market.span import Span, moment

LARGEST_LIMIT = 10_000
"""Bars in one answer; the rest is the next page."""
LONGEST_WINDOW_BARS = 600_000
"""Bars that a window could hold at most: 416 days of 1m, more than a life of 1d."""
EARLIEST = 0
"""Epoch seconds: no time before 1970 is understood."""
LATEST = 4_102_444_800
"""Epoch seconds: no time after 2099 is understood."""

_PLUS_AS_BLANK = re.compile(r"(T\S+) (\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True)
class Window:
    """A window of one series that may be read."""

    interval: Interval
    span: Span
    limit: int
    as_of: datetime | None


def read_interval(text: str) -> Interval:
    """The interval; BadQuestion names those that exist."""
    try:
        return Interval.read(text)
    except ValueError as error:
        raise BadQuestion(f"interval: {error}") from None


def read_length(text: str) -> Length:
    """The length of bars that are stored or built; BadQuestion says which there are."""
    try:
        return Length.read(text)
    except ValueError as error:
        raise BadQuestion(f"interval: {error}") from None


def read_datetime(name: str, text: str) -> datetime:
    """An aware datetime of 1970 to 2099 from RFC 3339; BadQuestion says what is wrong with it."""
    try:
        # a plus sign in a query string arrives as a blank
        value = datetime.fromisoformat(_PLUS_AS_BLANK.sub(r"\1+\2", text.strip()))
    except ValueError:
        value = None
    if value is None or value.tzinfo is None:
        raise BadQuestion(
            f"{name}: {text[:40]!r} is not a time with its zone: write it as 2025-10-08T14:00:00Z"
        )
    if not EARLIEST <= value.timestamp() <= LATEST:
        raise BadQuestion(f"{name}: {text[:40]} is not between {_text(EARLIEST)} and {_text(LATEST)}")
    return value


def read_window(
    *,
    interval: str,
    start: str | None,
    end: str | None,
    limit: int,
    as_of: str | None,
    default_start: Callable[[int], int],
    now: float,
    end_is_inclusive: bool = False,
) -> Window:
    """The window of these parameters; without `end` to now, without `start` from `default_start(end)`.

    Raises BadQuestion for an unknown interval, a time without zone, a window that ends before it starts, one
    that could hold more than LONGEST_WINDOW_BARS, or a limit beyond LARGEST_LIMIT.
    """
    chosen = read_interval(interval)
    span = read_span(
        chosen,
        start=start,
        end=end,
        default_start=default_start,
        now=now,
        end_is_inclusive=end_is_inclusive,
    )
    check_limit(limit)
    return Window(chosen, span, limit, read_as_of(as_of))


class Lasting(Protocol):
    """A length of bars; it is told by its spelling."""

    @property
    def seconds(self) -> int:
        """Its seconds."""
        ...


def read_span(
    length: Lasting,
    *,
    start: str | None,
    end: str | None,
    default_start: Callable[[int], int],
    now: float,
    end_is_inclusive: bool = False,
) -> Span:
    """The span of a window of bars of this length; BadQuestion where it cannot be, or is too long."""
    until = _ceiling("end", end) if end is not None else int(now) + 1
    until += end_is_inclusive  # a bar that opens at it belongs to the window
    since = _ceiling("start", start) if start is not None else max(EARLIEST, default_start(until))
    if since >= until:
        raise BadQuestion(f"start must be before end, but {_text(since)} is not before {_text(until)}")
    longest = LONGEST_WINDOW_BARS * length.seconds
    if until - since > longest:
        raise BadQuestion(
            f"the window is too long: {length} windows may cover {longest // 86_400} days at most "
            f"({LONGEST_WINDOW_BARS} bars), this one covers {(until - since) // 86_400}"
        )
    return Span(since, until)


def check_limit(limit: int) -> None:
    """BadQuestion for a limit beyond LARGEST_LIMIT."""
    if not 1 <= limit <= LARGEST_LIMIT:
        raise BadQuestion(
            f"limit: {limit} is not between 1 and {LARGEST_LIMIT}; use `next` for further pages"
        )


def read_as_of(text: str | None) -> datetime | None:
    """The moment of `as_of`, if it is given; BadQuestion where it is none."""
    return read_datetime("as_of", text) if text is not None else None


def _ceiling(name: str, text: str) -> int:
    """Whole epoch seconds, rounded up: bars open on whole ones, so that either bound means the same."""
    return math.ceil(read_datetime(name, text).timestamp())


def _text(at: int) -> str:
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")
