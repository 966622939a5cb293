"""When a series is due, and for which span."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from market_data.calendar import hours_of
from market_data.collect.cadence import FIRST_BARS, LONGEST_CATCH_UP, OVERLAP_BARS, Rhythm, due
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span
from market_data.store.cursor import Cursor

from .moments import at

NYSE, CRYPTO = hours_of("XNYS", AssetType.EQUITY), hours_of("CRYPTO", AssetType.CRYPTO)
MINUTELY, RARE = Rhythm(45.0, 0.0), Rhythm(300.0, 0.0)
OPEN, CLOSE = at("2024-07-03 13:30"), at("2024-07-03 17:00")
"""A half day in New York, with a holiday after it."""


def minute(cursor: Cursor | None, now: float, rhythm: Rhythm = MINUTELY) -> Span | None:
    return due(Interval.M1, NYSE, cursor, rhythm, now)


def test_a_series_that_was_never_asked_for_is_due_with_a_session_of_minutes() -> None:
    span = minute(None, OPEN + 600)
    assert span is not None
    assert len(NYSE.regular.labels(Span(span.start, OPEN + 600), Interval.M1)) == 390


def test_a_minute_is_due_as_soon_as_it_is_over_and_settled() -> None:
    cursor = Cursor(OPEN + 60, OPEN + 70.0)
    assert minute(cursor, OPEN + 119) is None
    assert minute(cursor, OPEN + 120) == Span(OPEN - OVERLAP_REACH, OPEN + 180)
    assert minute(cursor, OPEN + 120, Rhythm(45.0, 15.0)) is None
    assert minute(cursor, OPEN + 135, Rhythm(45.0, 15.0)) is not None


OVERLAP_REACH = OPEN - int(NYSE.regular.last_labels(OPEN + 60, Interval.M1, 5)[0])


def test_the_span_overlaps_bars_that_were_had_and_reaches_to_the_running_one() -> None:
    now = OPEN + 3600 + 5
    assert minute(Cursor(OPEN + 3540, OPEN + 3541.0), now) == Span(
        OPEN + 3540 - 60 * OVERLAP_BARS, OPEN + 3660
    )


def test_nothing_is_due_twice_within_its_cadence() -> None:
    assert minute(Cursor(OPEN + 60, OPEN + 200.0), OPEN + 400, RARE) is None
    assert minute(Cursor(OPEN + 60, OPEN + 200.0), OPEN + 500, RARE) is not None


def test_who_was_asked_later_than_now_was_asked_nobody_knows_when() -> None:
    assert minute(Cursor(OPEN + 60, OPEN + 18_000.0), OPEN + 400, RARE) is not None
    assert minute(Cursor(OPEN + 60, OPEN + 401.0), OPEN + 400, RARE) is None, "clocks differ a little"


def test_a_cadence_shorter_than_the_bar_does_not_keep_a_bar_that_became_final_waiting() -> None:
    # it was asked for a second before the minute ended; the cadence of 45 s is not over when it is final
    assert minute(Cursor(OPEN + 60, OPEN + 119.0), OPEN + 121) is not None
    assert minute(Cursor(OPEN + 120, OPEN + 121.0), OPEN + 150) is None


def test_the_minute_of_the_close_is_asked_for_once_more_and_then_nothing_until_the_next_session() -> None:
    assert minute(Cursor(CLOSE, CLOSE + 1.0), CLOSE + 30) is None
    assert minute(Cursor(CLOSE, CLOSE + 1.0), CLOSE + 60) is not None
    after = Cursor(CLOSE + 60, CLOSE + 61.0)
    friday = at("2024-07-05 13:30")
    for now in (CLOSE + 120, CLOSE + 3600, at("2024-07-04 15:00"), friday + 59):
        assert minute(after, now) is None
    assert minute(after, friday + 60) is not None


def test_a_long_absence_is_caught_up_with_to_a_bound() -> None:
    span = minute(Cursor(at("2024-01-02 15:00"), 0.0), OPEN + 120)
    assert span is not None
    assert span.start == OPEN + 60 - LONGEST_CATCH_UP[Interval.M1]


def test_a_day_is_due_when_its_session_is_over() -> None:
    daily, day = Rhythm(86_400 - 15, 0.0), at("2024-07-03 00:00")
    tuesday = Cursor(at("2024-07-03 00:00"), at("2024-07-02 20:10"))
    assert due(Interval.D1, NYSE, tuesday, daily, CLOSE - 1) is None
    assert due(Interval.D1, NYSE, tuesday, Rhythm(3600, 0.0), CLOSE + 1) is not None
    had = Cursor(day + 86_400, CLOSE + 10.0)
    assert due(Interval.D1, NYSE, had, daily, at("2024-07-05 13:00")) is None
    first = due(Interval.D1, NYSE, None, daily, CLOSE + 1)
    assert first is not None
    assert len(NYSE.regular.labels(Span(first.start, day + 1), Interval.D1)) == FIRST_BARS[Interval.D1]


@dataclass
class Followed:
    """A series whose every due span is asked for at once, at a provider without delay."""

    hours: MarketHours
    cursor: Cursor | None = None
    asked: int = 0

    def step(self, now: float) -> Span | None:
        span = due(Interval.M1, self.hours, self.cursor, MINUTELY, now)
        if span is not None:
            self.asked += 1
            through = max(min(span.end, int(now // 60) * 60), self.cursor.through if self.cursor else 0)
            self.cursor = Cursor(through, now)
        return span


@given(
    start=st.integers(at("2024-06-27 00:00"), at("2024-07-08 00:00")),
    pauses=st.lists(st.floats(1, 200), min_size=5, max_size=60),
    crypto=st.booleans(),
)
def test_whenever_it_is_looked_each_minute_that_was_over_has_been_asked_for(
    start: int, pauses: list[float], crypto: bool
) -> None:
    hours = CRYPTO if crypto else NYSE
    series, now = Followed(hours), float(start)
    spans: list[Span] = []
    for pause in pauses:
        now += pause
        span = series.step(now)
        if span is not None:
            assert span.start < span.end <= now + 60
            spans.append(span)
    for label in hours.regular.labels(Span(start, int(now) + 1), Interval.M1).tolist():
        if label + 60 <= now:
            assert any(label in span for span in spans), "a minute that is over was not asked for"


@given(st.integers(at("2024-07-01 00:00"), at("2024-07-08 00:00")))
def test_asking_again_at_once_is_never_due(now: int) -> None:
    series = Followed(NYSE)
    series.step(now)
    assert series.step(now) is None
    assert series.step(now + 1) is None or (now + 1) % 60 == 0
