"""What a caller asks of one series, read from the parameters that its calls share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, TypeVar

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from market_data.calendar import hours_of
from market_data.errors import BadQuestion
from market_data.formats import Format, Heading
from market_data.market.anchor import Anchor, check_anchor
from market_data.market.bar import Adjustment
from market_data.market.instrument import Instrument
from market_data.market.interval import Interval, Length
from market_data.market.known import KnownBars
from market_data.market.session import Hours
from market_data.market.span import Span, moment
from market_data.serve.cursor import Cursor, read_cursor
from market_data.serve.question import (
    AnchorAt,
    AsOf,
    End,
    Form,
    Level,
    Limit,
    Next,
    Quarantined,
    Session,
    Start,
)
from market_data.serve.window import check_limit, read_as_of, read_length, read_span
from market_data.store.read import Question

Kind = TypeVar("Kind", bound=StrEnum)


class Include(StrEnum):
    """Whether doubted bars are among those of an answer."""

    EXCLUDE = "exclude"
    INCLUDE = "include"


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters as they were given."""

    start: str | None
    end: str | None
    limit: int | Literal["all"] | None
    as_of: str | None
    hours: Hours | None = None
    cursor: str | None = None
    form: Format | None = None
    anchor: Anchor = Anchor.SESSION
    adjustment: Adjustment | None = None
    quarantined: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """A question that can be read, and the window of its first page."""

    question: Question
    window: Span
    sealed: tuple[str | None, ...]  # what a cursor continues
    missing_days: int = 0  # of the window, those stored at other levels only

    @property
    def heading(self) -> Heading:
        """What is said once of all its bars."""
        return Heading(
            self.question.symbol,
            str(self.question.length),
            moment(self.window.start),
            moment(self.window.end),
            self.question.adjustment or Adjustment.RAW.value,
            self.missing_days,
        )

    def page(self, limit: int) -> Question:
        """The question for a page and the bar after it."""
        return replace(self.question, limit=limit + 1)

    def following(self, bars: KnownBars, limit: int) -> str | None:
        """The cursor of the page after one of `limit` bars; None where it was the last."""
        if len(bars) <= limit:
            return None
        (bar,) = bars.take(slice(limit, limit + 1)).rows()
        return Cursor(self.window, int(bar.ts.timestamp()), self.question.adjustment).written(self.sealed)


def read_asked(
    *,
    start: Start = None,
    end: End = None,
    limit: Limit = None,
    as_of: AsOf = None,
    session: Session = None,
    cursor: Next = None,
    form: Form = None,
    anchor: AnchorAt = None,
    adjustment: Level = None,
    quarantined: Quarantined = None,
) -> Asked:
    """The parameters that all calls for bars share."""
    hours, kind = _one_of(Hours, "session", session), _one_of(Format, "format", form)
    counted = _one_of(Anchor, "anchor", anchor) or Anchor.SESSION
    level = _one_of(Adjustment, "adjustment", adjustment)
    include = _one_of(Include, "quarantined", quarantined) is Include.INCLUDE
    return Asked(start, end, _limit(limit), as_of, hours, cursor, kind, counted, level, include)


def _limit(text: str | None) -> int | Literal["all"] | None:
    if text is None or text == "all":
        return None if text is None else "all"
    try:
        limit = int(text[:20])
    except ValueError:
        raise BadQuestion(f"limit: {text[:20]!r} is neither a number nor `all`") from None
    check_limit(limit)
    return limit


def _one_of(kinds: type[Kind], name: str, text: str | None) -> Kind | None:
    if text is None or text in set(kinds):
        return None if text is None else kinds(text)
    raise BadQuestion(f"{name}: {text[:20]!r} is not one of {', '.join(kinds)}")


Asking = NamedDependency[SkipValidation[Asked]]
"""The type of a handler's `asked` argument."""


def check_session(length: Length, hours: Hours | None) -> None:
    """BadQuestion where bars of this length cannot be of these hours."""
    if length.stored is Interval.D1 and hours is Hours.ALL:
        raise BadQuestion(
            "session: a 1d bar of all hours has no session to begin with: use regular or extended, or leave "
            "session out for daily bars as providers tell them"
        )


def _check_anchor(length: Length, anchor: Anchor) -> None:
    try:
        check_anchor(anchor, length)
    except ValueError as error:
        raise BadQuestion(f"anchor: {error}") from None


def check_quarantined(question: Question) -> None:
    """BadQuestion where quarantined bars are asked for among bars that are built: none is built from them."""
    if question.quarantined and question.built:
        raise BadQuestion(
            "quarantined: no bar is built from quarantined ones: ask for interval 1m, or 1d without session"
        )


def reading(
    asked: Asked,
    instrument: Instrument,
    interval: str,
    *,
    default_start: Callable[[int], int],
    now: float,
) -> Reading:
    """The question, by default from `default_start(end)`; BadQuestion says what would be right."""
    length, as_of = read_length(interval), read_as_of(asked.as_of)
    check_session(length, asked.hours)
    _check_anchor(length, asked.anchor)
    sealed = _sealed(asked, instrument, length)
    at = None if asked.cursor is None else read_cursor(asked.cursor, sealed)
    if at is not None:
        window, span = at.window, Span(at.at, at.window.end)
    else:
        window = read_span(length, start=asked.start, end=asked.end, default_start=default_start, now=now)
        if asked.start is None and asked.anchor is Anchor.CLOCK:
            # the session begins within this bar
            window = Span(window.start // length.seconds * length.seconds, window.end)
        # a daily bar is labelled 00:00 of its date: a window that begins within a day has that day
        day = length.stored is Interval.D1
        span = Span(Interval.D1.floor(window.start), window.end) if day else window
    question = Question(
        instrument.symbol,
        length,
        span,
        hours_of(instrument.exchange, instrument.asset_type, as_of),
        asked.hours,
        as_of,
        adjustment="" if at is None else at.adjustment,
        anchor=asked.anchor,
        quarantined=asked.quarantined,
    )
    check_quarantined(question)
    return Reading(question, window, sealed)


def _sealed(asked: Asked, instrument: Instrument, length: Length) -> tuple[str | None, ...]:
    """What the cursor of a page belongs to."""
    fixed = (asked.hours, asked.start, asked.end, asked.as_of, asked.anchor, asked.adjustment)
    quarantined = ("quarantined",) if asked.quarantined else ()
    return (instrument.symbol, str(length), *fixed, *quarantined)
