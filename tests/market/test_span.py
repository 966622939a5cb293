"""Spans against sets of whole seconds: half-open, merged, split, overlapped, subtracted."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.span import Span, epoch, merge, moment, subtract

seconds = st.integers(-60, 60)
spans = st.tuples(seconds, st.integers(1, 30)).map(lambda pair: Span(pair[0], pair[0] + pair[1]))
lists = st.lists(spans, max_size=8)
instants = st.datetimes(
    datetime(1960, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.timezones() | st.just(UTC),
)


def covered(parts: list[Span]) -> set[int]:
    return {at for part in parts for at in range(part.start, part.end)}


def apart(parts: list[Span]) -> bool:
    """In order, and with at least a second between two."""
    return all(before.end < after.start for before, after in pairwise(parts))


@given(lists)
def test_merged_spans_cover_the_same_seconds_with_the_fewest_spans(parts: list[Span]) -> None:
    merged = merge(parts)
    assert covered(merged) == covered(parts)
    assert apart(merged)
    assert merge(merged) == merged


@given(lists, lists)
def test_a_difference_covers_the_seconds_that_no_hole_covers(parts: list[Span], holes: list[Span]) -> None:
    left = subtract(parts, holes)
    assert covered(left) == covered(parts) - covered(holes)
    assert apart(left)


@given(spans, spans)
def test_an_overlap_is_the_seconds_of_both(one: Span, other: Span) -> None:
    both = one.overlap(other)
    assert covered([both] if both else []) == covered([one]) & covered([other])
    assert both == other.overlap(one)


@given(spans, st.integers(1, 40))
def test_pieces_follow_each_other_and_none_is_too_long(span: Span, longest: int) -> None:
    pieces = span.split(longest)
    assert (pieces[0].start, pieces[-1].end) == (span.start, span.end)
    assert [piece.end for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    assert all(piece.seconds == longest for piece in pieces[:-1])
    assert pieces[-1].seconds <= longest


@given(spans, seconds)
def test_a_span_holds_its_start_and_not_its_end(span: Span, at: int) -> None:
    assert (at in span) == (at in covered([span]))
    assert (at + 0.5 in span) == (at in span)


@given(instants)
def test_epoch_seconds_are_rounded_down_in_every_time_zone(instant: datetime) -> None:
    at = epoch(instant)
    assert timedelta(0) <= instant - moment(at) < timedelta(seconds=1)
    assert epoch(moment(at)) == at


def test_a_span_is_shown_in_utc() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    span = Span.between(datetime(2026, 3, 9, tzinfo=kolkata), datetime(2026, 3, 9, 1, tzinfo=kolkata))
    assert str(span) == "[2026-03-08T18:30:00Z, 2026-03-08T19:30:00Z)"
    assert span.seconds == 3600


class Nowhere(tzinfo):
    """A time zone that does not know its offset, as Python allows."""

    def utcoffset(self, dt: datetime | None) -> None:
        return None

    dst = utcoffset
    tzname = utcoffset


@pytest.mark.parametrize("zone", [None, Nowhere()])
def test_a_time_without_a_zone_is_refused_with_advice(zone: tzinfo | None) -> None:
    with pytest.raises(ValueError, match=r"2026-03-09T00:00:00 has no time zone: add one, for example 'Z'"):
        epoch(datetime(2026, 3, 9, tzinfo=zone))


@pytest.mark.parametrize(("start", "end"), [(1, 1), (2, 1)])
def test_an_empty_or_reversed_span_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="must end after it starts"):
        Span(start, end)


@pytest.mark.parametrize("longest", [0, -1])
def test_pieces_of_no_length_are_refused(longest: int) -> None:
    with pytest.raises(ValueError, match="longer than 0 s"):
        Span(0, 10).split(longest)


def test_many_holes_are_subtracted_in_one_walk() -> None:
    """A year of minutes with every other one missing: a walk for each hole would take an hour."""
    count = 100_000
    holes = [Span(at * 120, at * 120 + 60) for at in range(count)]
    left = subtract([Span(0, count * 120)], holes)
    assert len(left) == count
    assert all(piece.seconds == 60 for piece in left)
