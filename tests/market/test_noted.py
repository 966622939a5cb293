"""What was noted holds for its time, whatever is done to the clock meanwhile."""

from market_data.market.noted import CLOCKS_DIFFER, holds

SINCE, UNTIL = 1000.0, 1060.0


def test_what_was_noted_holds_until_its_time_is_over() -> None:
    assert [holds(SINCE, UNTIL, now) for now in (SINCE, UNTIL - 0.1, UNTIL)] == [True, True, False]


def test_what_was_noted_by_a_clock_that_has_been_set_back_holds_no_more() -> None:
    assert not holds(SINCE, UNTIL, SINCE - 3600)
    assert not holds(SINCE, UNTIL, SINCE - CLOCKS_DIFFER - 0.1)


def test_clocks_of_replicas_differ_a_little() -> None:
    assert holds(SINCE, UNTIL, SINCE - CLOCKS_DIFFER)
