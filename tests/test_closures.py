"""Announced closures: what becomes of the hours of an exchange, without a store."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data import calendar
from market_data.calendar import hours_of, schedule_of
from market_data.market.closure import Closure, Shut, reasons
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.session import MarketHours
from market_data.market.span import Span, epoch

LEARNED = datetime(2025, 7, 1, 12, tzinfo=UTC)
DAY = date(2025, 7, 2)
LABEL = epoch(datetime(2025, 7, 2, tzinfo=UTC))
OPEN, CLOSE = LABEL + 13 * 3600 + 1800, LABEL + 20 * 3600
NOON = datetime(2025, 7, 2, 16, tzinfo=UTC)


def closure(
    number: int = 1, *, closes: datetime | None = None, revoked: datetime | None = None, day: date = DAY
) -> Closure:
    return Closure(
        id=number,
        calendar="XNYS",
        day=day,
        closes=closes,
        reason="National day of mourning",
        learned_at=LEARNED,
        revoked_at=revoked,
    )


def now() -> MarketHours:
    return hours_of("NASDAQ", AssetType.EQUITY)


@pytest.fixture(autouse=True)
def _as_published() -> Iterator[None]:
    calendar.announce(())
    yield
    calendar.announce(())


def test_a_closed_day_has_no_session_and_no_daily_bar() -> None:
    before = now()
    calendar.announce([closure()])
    for grid in (now().regular, now().extended, now().kept):
        assert grid.sessions(Span(LABEL, LABEL + 86_400)) == []
        assert LABEL not in grid.days
        assert len(grid.days) == len(before.regular.days) - 1
    assert now().regular.session_before(CLOSE) == before.regular.session_before(LABEL)
    calendar.announce([closure(revoked=NOON)])
    assert now() is before


def test_an_early_close_ends_what_is_expected_but_not_what_is_kept() -> None:
    before = now()
    calendar.announce([closure(closes=NOON)])
    assert now().regular.session_at(OPEN) == Span(OPEN, epoch(NOON))
    assert now().extended.session_at(OPEN) == Span(OPEN - 19_800, epoch(NOON) + 14_400)
    np.testing.assert_array_equal(now().kept.closes, before.kept.closes)
    assert now().regular.ends(np.array([LABEL]), Interval.D1).tolist() == [epoch(NOON)]


def test_other_exchanges_and_crypto_keep_their_hours() -> None:
    before = hours_of("24/7", AssetType.CRYPTO), hours_of("XLON", AssetType.EQUITY)
    calendar.announce([closure()])
    assert (hours_of("24/7", AssetType.CRYPTO), hours_of("XLON", AssetType.EQUITY)) == before
    assert hours_of("NASDAQ", AssetType.CRYPTO) is before[0]


def test_hours_are_the_same_object_until_something_changes_for_their_exchange() -> None:
    calendar.announce([closure()])
    first = now()
    calendar.announce([closure(), closure(2, day=date(2025, 7, 3), revoked=NOON)])
    assert now() is first
    calendar.announce([closure(), closure(3, day=date(2025, 7, 3))])
    assert now() is not first


def test_hours_as_of_a_time_follow_what_was_known_then() -> None:
    calendar.announce([closure(revoked=NOON)])

    def known(at: datetime) -> bool:
        return LABEL in hours_of("US", AssetType.EQUITY, at).regular.days

    assert known(datetime(2025, 7, 1, 11, 59, tzinfo=UTC))
    assert not known(LEARNED)
    assert not known(datetime(2025, 7, 2, 15, 59, tzinfo=UTC))
    assert known(NOON)
    assert hours_of("US", AssetType.EQUITY, NOON) is now()


def test_a_closure_that_the_published_calendar_has_as_well_changes_nothing() -> None:
    before = now()
    holiday, half = date(2025, 7, 4), date(2025, 7, 3)
    calendar.announce(
        [closure(day=holiday), closure(2, day=half, closes=datetime(2025, 7, 3, 17, tzinfo=UTC))]
    )
    np.testing.assert_array_equal(now().regular.closes, before.regular.closes)
    assert now().shut == ()


@pytest.mark.parametrize("closes", ["2025-07-02T13:30:00Z", "2025-07-01T00:00:00Z"])
def test_a_close_before_the_open_closes_the_day(closes: str) -> None:
    calendar.announce([closure(closes=datetime.fromisoformat(closes))])
    assert LABEL not in now().regular.days


def test_a_session_that_opens_the_evening_before_has_times_of_two_dates() -> None:
    schedule = schedule_of("CMES")
    session = schedule.session(DAY)
    assert session is not None
    late = schedule.within(DAY, time(18))
    early = schedule.within(DAY, time(9))
    assert late is not None
    assert early is not None
    assert (late.day, early.day) == (1, 2)
    assert epoch(late) in session
    assert epoch(early) in session


shuts = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9), st.booleans()), max_size=5)


@given(shuts, st.integers(0, 15), st.integers(1, 30), st.sampled_from(Interval))
def test_the_pieces_of_a_closed_stretch_adjoin_and_add_up(
    drawn: list[tuple[int, int, bool]], start: int, length: int, interval: Interval
) -> None:
    shut = [
        Shut(Span(at, at + long), Span(at // 5 * 5, at // 5 * 5 + 5), whole, f"{at}")
        for at, long, whole in drawn
    ]
    span = Span(start, start + length)
    pieces = list(reasons(span, interval, shut))
    assert (pieces[0][0].start, pieces[-1][0].end) == (span.start, span.end)
    assert all(one.end == other.start for (one, _), (other, _) in pairwise(pieces))
    named = {why for _, why in pieces if why}
    assert named <= {f"announced: {one.reason}" for one in shut}
