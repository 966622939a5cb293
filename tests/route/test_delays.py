"""What is learned of how late a provider's minutes arrive."""

from datetime import datetime

from market_data.calendar import hours_of
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import epoch
from market_data.route.delays import Delays, Learned

HOURS = hours_of("XNYS", AssetType.EQUITY)
NOON = epoch(datetime.fromisoformat("2024-06-12T16:00:00+00:00"))


def heard(delays: Delays, at: int, newest: int) -> None:
    delays.heard("yahoo", HOURS, Interval.M1, newest=newest, at=at)


def seconds(delays: Delays) -> float:
    return delays.of("yahoo", "XNYS", Interval.M1).seconds


def test_of_what_was_never_heard_no_delay_is_known() -> None:
    assert Delays().of("yahoo", "XNYS", Interval.M1) == Learned(0.0, 0)


def test_the_shortest_lag_is_the_delay_whatever_thin_symbols_say() -> None:
    delays = Delays()
    heard(delays, NOON, NOON - 960)
    heard(delays, NOON + 5, NOON - 3600)
    assert seconds(delays) == 900
    heard(delays, NOON + 10, NOON - 60)
    assert seconds(delays) == 10


def test_one_that_becomes_slower_is_noticed_after_half_an_hour() -> None:
    delays = Delays()
    heard(delays, NOON, NOON - 60)
    for minute in range(1, 40):
        heard(delays, NOON + 60 * minute, NOON + 60 * minute - 960)
    assert seconds(delays) == 900


def test_outside_the_session_nothing_is_learned_but_the_newest_bar() -> None:
    delays, close = Delays(), NOON + 4 * 3600
    heard(delays, close + 3600, close - 60)
    assert delays.of("yahoo", "XNYS", Interval.M1) == Learned(0.0, close - 60)


def test_what_others_have_learned_is_adopted_and_ours_is_kept() -> None:
    delays = Delays()
    heard(delays, NOON, NOON - 60)
    key, other = ("yahoo", "XNYS", Interval.M1), ("alpaca", "XNYS", Interval.M1)
    delays.adopt({key: Learned(300.0, NOON), other: Learned(20.0, NOON)})
    assert delays.of(*key) == Learned(0.0, NOON)
    assert delays.of(*other) == Learned(20.0, NOON)
    assert set(delays.taken()) == {key}
    assert not delays.taken()
