"""Reads the window that a caller asks for: interval, start, end, limit, as_of; each with its bounds."""

from dataclasses import dataclass
from datetime import datetime

from market_data.errors import BadQuestion
from market_data.market.interval import Interval
from market_data.market.span import Span, epoch, moment

LARGEST_LIMIT = 10_000
"""Bars in one answer; the rest is the next page."""
LONGEST_WINDOW_BARS = 600_000
"""Bars that a window could hold at most: 416 days of 1m, more than a life of 1d."""
EARLIEST = 0
"""Epoch seconds: no window begins before 1970."""


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


def read_moment(name: str, text: str) -> int:
    """Epoch seconds of an RFC 3339 time; BadQuestion says what is wrong with it."""
    return epoch(read_datetime(name, text))


def read_datetime(name: str, text: str) -> datetime:
    """An aware datetime from RFC 3339; BadQuestion says what is wrong with it."""
    # a plus sign in a query string arrives as a blank
    try:
        value = datetime.fromisoformat(text.strip().replace(" 0", "+0") if "T" in text else text)
        epoch(value)
    except (ValueError, OverflowError):
        raise BadQuestion(
            f"{name}: {text[:40]!r} is not a time with its zone: write it as 2025-10-08T14:00:00Z"
        ) from None
    return value


def read_window(
    *,
    interval: str,
    start: str | None,
    end: str | None,
    limit: int,
    as_of: str | None,
    default_start: int,
    now: float,
) -> Window:
    """The window of these parameters; without `end` it reaches to now, without `start` from `default_start`.

    Raises BadQuestion for an unknown interval, a time without zone, a window that ends before it starts, one
    that could hold more than LONGEST_WINDOW_BARS, or a limit beyond LARGEST_LIMIT.
    """
    chosen = read_interval(interval)
    until = read_moment("end", end) if end is not None else int(now) + 1
    since = read_moment("start", start) if start is not None else min(default_start, until - 1)
    if since >= until:
        raise BadQuestion(f"start must be before end, but {_text(since)} is not before {_text(until)}")
    if since < EARLIEST:
        raise BadQuestion("start: no window begins before 1970-01-01T00:00:00Z")
    longest = LONGEST_WINDOW_BARS * chosen.seconds
    if until - since > longest:
        raise BadQuestion(
            f"the window is too long: {chosen} windows may cover {longest // 86_400} days at most "
            f"({LONGEST_WINDOW_BARS} bars), this one covers {(until - since) // 86_400}"
        )
    if not 1 <= limit <= LARGEST_LIMIT:
        raise BadQuestion(
            f"limit: {limit} is not between 1 and {LARGEST_LIMIT}; use `next` for further pages"
        )
    known_at = read_datetime("as_of", as_of) if as_of is not None else None
    return Window(chosen, Span(since, until), limit, known_at)


def _text(at: int) -> str:
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")
