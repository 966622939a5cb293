"""Intervals: spellings, lengths, and the multiples that times are floored to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.market.capability import Capability
from market_data.market.interval import Interval, Length

intervals = st.sampled_from(Interval)


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("5m", 300), ("15m", 900), ("1h", 3600), ("1d", 86_400)]
)
def test_an_interval_is_read_as_it_is_spelled(text: str, seconds: int) -> None:
    interval = Interval.read(text)
    assert (str(interval), interval.seconds) == (text, seconds)


@pytest.mark.parametrize("text", ["", "1M", "60", " 1m", "1w", "2m", "M1"])
def test_another_spelling_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown interval .*: use one of 1m, 5m, 15m, 1h, 1d$"):
        Interval.read(text)


@given(intervals, st.floats(-1e11, 1e11))
def test_the_floor_is_the_newest_multiple_that_is_not_later(interval: Interval, at: float) -> None:
    floor = interval.floor(at)
    assert floor % interval.seconds == 0
    assert floor <= at < floor + interval.seconds
    assert interval.floor(floor) == floor


@given(st.integers(-(10**11), 10**11))
def test_longer_intervals_floor_to_borders_of_shorter_ones(at: int) -> None:
    floors = [interval.floor(at) for interval in Interval]
    assert floors == sorted(floors, reverse=True)
    assert all(Interval.M1.floor(one) == one for one in floors)


def test_a_capability_knows_the_interval_of_its_bars() -> None:
    assert {one: one.interval for one in Capability} == {
        Capability.BARS_1M: Interval.M1,
        Capability.EOD: Interval.D1,
        Capability.QUOTES_L1: None,
    }


@pytest.mark.parametrize(
    ("text", "seconds", "spelled"),
    [
        ("1m", 60, "1m"),
        ("3m", 180, "3m"),
        ("60m", 3600, "1h"),
        ("90m", 5400, "90m"),
        ("120m", 7200, "2h"),
        ("23h", 82_800, "23h"),
        ("1439m", 86_340, "1439m"),
        ("1d", 86_400, "1d"),
    ],
)
def test_a_length_is_read_and_spelled_in_the_largest_unit(text: str, seconds: int, spelled: str) -> None:
    length = Length.read(text)
    assert (length.seconds, str(length)) == (seconds, spelled)
    assert Length.read(str(length)) == length


@pytest.mark.parametrize(
    "text", ["", "m", "0m", "01m", "1440m", "24h", "2d", "1w", "-1m", "1.5h", "1M", "5s", "5"]
)
def test_what_is_no_length_is_told_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match="such as 3m or 2h"):
        Length.read(text)


def test_minutes_and_days_are_stored_and_all_else_is_built() -> None:
    stored = {one: Length.read(one.value).stored for one in Interval}
    assert stored == {**dict.fromkeys(Interval), Interval.M1: Interval.M1, Interval.D1: Interval.D1}
