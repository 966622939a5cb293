"""Session grids, held against the minutes that exchange_calendars lists one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market_data.calendar import hours_of
from market_data.market.bar import Times
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import Hours
from market_data.market.span import Span, merge

from .strategies import DAY, Window, moments, stretches, windows

NYSE = hours_of("XNYS", AssetType.EQUITY).regular
ALWAYS = hours_of("CRYPTO", AssetType.CRYPTO).regular
INTRADAY = st.sampled_from([Interval.M1, Interval.M5, Interval.M15, Interval.H1])


@given(moments())
def test_a_moment_is_open_if_the_library_lists_its_minute(case: tuple[Window, float]) -> None:
    chosen, at = case
    assert NYSE.is_open(at) == chosen.open_at(at)


@given(moments())
def test_the_session_of_a_moment_is_the_run_of_minutes_around_it(case: tuple[Window, float]) -> None:
    chosen, at = case
    assert NYSE.session_at(at) == next((one for one in chosen.sessions if at in one), None)


@given(moments())
def test_the_session_before_is_the_newest_that_has_opened(case: tuple[Window, float]) -> None:
    chosen, at = case
    begun = [one for one in chosen.sessions if one.start <= at]
    found = NYSE.session_before(at)
    assert found == begun[-1] if begun else found is not None and found.end < chosen.first


@given(moments())
def test_the_next_open_is_the_first_one_later(case: tuple[Window, float]) -> None:
    chosen, at = case
    later = [opens for opens in chosen.opens if opens > at]
    found = NYSE.next_open(at)
    assert found == later[0] if later else found is not None and found >= chosen.last


@given(stretches())
def test_sessions_of_a_span_are_all_that_overlap_it_whole(case: tuple[Window, Span]) -> None:
    chosen, span = case
    assert NYSE.sessions(span) == [one for one in chosen.sessions if one.overlap(span)]


@given(windows, st.data())
def test_many_times_are_held_as_each_alone_is(chosen: Window, data: st.DataObject) -> None:
    times = data.draw(st.lists(chosen.times, max_size=50))
    held = NYSE.holds(np.array(times, np.int64))
    assert held.tolist() == [chosen.open_at(at) for at in times]


@given(stretches())
def test_labels_of_minutes_are_the_librarys_minutes(case: tuple[Window, Span]) -> None:
    chosen, span = case
    labels = NYSE.labels(span, Interval.M1)
    assert labels.tolist() == sorted(at for at in chosen.minutes if at in span)
    assert labels.dtype == np.int64


@given(stretches(), INTRADAY)
def test_labels_of_longer_bars_are_counted_from_the_opening_bell(
    case: tuple[Window, Span], interval: Interval
) -> None:
    chosen, span = case
    expected = [
        at
        for session in chosen.sessions
        for at in range(session.start, session.end, interval.seconds)
        if at in span
    ]
    assert NYSE.labels(span, interval).tolist() == expected


@given(stretches())
def test_the_label_of_a_day_is_midnight_utc_of_its_date(case: tuple[Window, Span]) -> None:
    chosen, span = case
    assert NYSE.labels(span, Interval.D1).tolist() == [day for day in chosen.days if day in span]


@given(stretches(), st.sampled_from(Interval), st.data())
def test_labels_of_two_halves_are_those_of_the_whole(
    case: tuple[Window, Span], interval: Interval, data: st.DataObject
) -> None:
    _, span = case
    cuts = st.integers(span.start, span.end).filter(lambda at: span.start < at < span.end)
    if span.seconds < 2:
        return
    cut = data.draw(cuts)
    halves = [NYSE.labels(part, interval) for part in (Span(span.start, cut), Span(cut, span.end))]
    assert np.concatenate(halves).tolist() == NYSE.labels(span, interval).tolist()


@given(moments(), st.sampled_from(Interval), st.integers(0, 900))
def test_the_last_labels_are_the_end_of_all_labels_before(
    case: tuple[Window, float], interval: Interval, count: int
) -> None:
    _, before = case
    all_before = NYSE.labels(Span(int(before) - 400 * count - DAY * 200, int(before) + DAY), interval)
    all_before = all_before[all_before < before]
    expected: Times = all_before[len(all_before) - min(count, len(all_before)) :]
    found = NYSE.last_labels(before, interval, count)
    assert found[-len(expected) :].tolist() == expected.tolist()
    assert len(found) == count


@given(windows, INTRADAY)
def test_bars_end_where_the_next_begins_or_with_their_session(chosen: Window, interval: Interval) -> None:
    labels = NYSE.labels(Span(chosen.first, chosen.last), interval)
    ends = NYSE.ends(labels, interval)
    spans = [Span(*pair) for pair in zip(labels.tolist(), ends.tolist(), strict=True)]
    assert tuple(merge(spans)) == chosen.sessions
    assert sum(one.seconds for one in spans) == sum(one.seconds for one in chosen.sessions)
    assert max(one.seconds for one in spans) == interval.seconds


@given(windows)
def test_the_bar_of_a_day_ends_with_its_session(chosen: Window) -> None:
    days = np.array(chosen.days, np.int64)
    assert NYSE.ends(days, Interval.D1).tolist() == [one.end for one in chosen.sessions]


@given(st.integers(0, 2**31), st.sampled_from(Interval), st.integers(1, 3000))
def test_an_always_open_market_has_every_label(at: int, interval: Interval, count: int) -> None:
    start = 725_760_000 + at // 2
    first = interval.floor(start + interval.seconds - 1)
    labels = np.arange(first, first + count * interval.seconds, interval.seconds)
    span = Span(start, first + (count - 1) * interval.seconds + 1)
    assert ALWAYS.is_open(start)
    assert ALWAYS.labels(span, interval).tolist() == labels.tolist()
    assert ALWAYS.last_labels(span.end, interval, count).tolist() == labels.tolist()
    assert ALWAYS.ends(labels, interval).tolist() == (labels + interval.seconds).tolist()


@given(stretches(), st.integers(1, 1439).map(lambda minutes: 60 * minutes))
def test_the_next_label_is_the_first_of_all_that_is_not_earlier(case: tuple[Window, Span], step: int) -> None:
    chosen, span = case
    labels = [at for one in chosen.sessions for at in range(one.start, one.end, step)]
    later = [at for at in labels if at >= span.start]
    found = NYSE.next_label(span.start, step)
    assert found == later[0] if later else found is not None and found >= chosen.last


def test_adjoined_sessions_reach_from_open_to_open() -> None:
    around = NYSE.adjoined()
    assert (around.opens == NYSE.opens).all()
    assert (around.closes[:-1] == NYSE.opens[1:]).all()
    assert hours_of("XNYS", AssetType.EQUITY).of(Hours.ALL).is_open(int(NYSE.closes[0]) + 3600)


def test_hours_choose_their_sessions() -> None:
    market = hours_of("XNYS", AssetType.EQUITY)
    assert market.of(Hours.REGULAR) is market.regular
    assert market.of(Hours.EXTENDED) is market.extended
