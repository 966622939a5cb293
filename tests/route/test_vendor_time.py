"""The time as the providers tell it: one that is wrong moves nothing, and ours may be set at any moment."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.provider import Response, sent_at, served_at
from market_data.route.vendor_time import KEPT_SECONDS, LONGEST_TRIP_SECONDS, SAMPLES, VendorTime

TRUE = 1_720_000_000.0


@dataclass
class World:
    """The true time; a machine's clock that is `wrong` by so much, and a steady one that nobody sets."""

    true: float = TRUE
    wrong: float = 0.0
    time: VendorTime = field(init=False)

    def __post_init__(self) -> None:
        self.time = VendorTime(lambda: self.true + self.wrong, lambda: self.true - TRUE)

    def told(self, provider: str, ahead: float = 0.0, trip: float = 0.1, times: int = 1) -> None:
        """An answer with a `Date` of whole seconds, of a provider whose clock is ahead by so much."""
        for _ in range(times):
            sent = self.time.steady()
            date = float(int(self.true + trip / 2 + ahead))
            self.true += trip
            self.time.note(provider, date, sent)

    @property
    def off(self) -> float:
        """By how much the service's time is wrong."""
        return self.time.now() - self.true


def test_while_nobody_tells_the_time_it_is_ours() -> None:
    world = World(wrong=3600.0)
    assert world.off == pytest.approx(3600.0)
    assert not world.time.offset().known
    assert not world.time.offset().wrong
    assert "not compared" in str(world.time.offset())


@pytest.mark.parametrize("wrong", [18_000.0, 30.0, 2.6, -2.6, -30.0, -86_400.0])
def test_a_clock_that_is_wrong_is_corrected_by_the_first_answer(wrong: float) -> None:
    world = World(wrong=wrong)
    world.told("yahoo")
    assert abs(world.off) <= 0.6
    offset = world.time.offset()
    assert offset.wrong
    assert offset.seconds == pytest.approx(wrong, abs=0.6)
    assert ("ahead of" if wrong > 0 else "behind") in str(offset)
    assert "yahoo" in str(offset)


@given(st.floats(-0.4, 0.4), st.lists(st.floats(0.0, LONGEST_TRIP_SECONDS), min_size=1, max_size=20))
def test_a_clock_that_is_right_is_left_alone(wrong: float, trips: list[float]) -> None:
    world = World(wrong=wrong)
    for trip in trips:
        world.told("yahoo", trip=trip)
    assert world.off == pytest.approx(wrong, abs=1e-3)
    assert not world.time.offset().wrong


@given(st.floats(-1e6, 1e6), st.sampled_from([2, 3, 4, 7]), st.integers(0, 6))
def test_one_provider_whose_clock_is_wrong_moves_nothing(ahead: float, providers: int, which: int) -> None:
    world = World()
    for number in range(providers):
        world.told(f"p{number}", ahead if number == which % providers else 0.0, times=3)
    assert abs(world.off) <= 0.6
    assert not world.time.offset().wrong


def test_of_three_the_one_in_the_middle_decides_against_our_clock_too() -> None:
    world = World(wrong=30.0)
    for name, ahead in (("a", 0.0), ("b", 5000.0), ("c", 0.0)):
        world.told(name, ahead)
    assert abs(world.off) <= 0.6


def test_two_who_agree_outvote_our_clock() -> None:
    world = World(wrong=-100.0)
    world.told("a")
    world.told("b")
    assert abs(world.off) <= 0.6


def test_when_our_clock_is_set_nothing_has_to_be_learned_anew() -> None:
    world = World(wrong=18_000.0)
    world.told("yahoo")
    for world.wrong in (0.0, -3600.0, 18_000.0):
        assert abs(world.off) <= 0.6
        assert world.time.offset().seconds == pytest.approx(world.wrong, abs=0.6)


def test_a_provider_that_sets_its_clock_is_followed_after_a_few_answers() -> None:
    world = World()
    world.told("yahoo", times=SAMPLES)
    world.told("yahoo", 100.0, times=SAMPLES // 2 + 1)
    assert world.off == pytest.approx(100.0, abs=0.6)


def test_an_answer_that_took_long_or_tells_no_time_says_nothing() -> None:
    world = World(wrong=30.0)
    world.told("yahoo", trip=LONGEST_TRIP_SECONDS + 0.1)
    world.time.note("yahoo", None, world.time.steady())
    assert not world.time.offset().known


def test_a_clock_that_is_set_while_an_answer_is_under_way_says_nothing() -> None:
    clock = [TRUE]
    turned = VendorTime(lambda: clock[0])
    sent = turned.steady()
    clock[0] -= 3600
    turned.note("yahoo", TRUE, sent)
    assert not turned.offset().known


def test_what_is_old_is_forgotten() -> None:
    world = World(wrong=30.0)
    world.told("yahoo")
    world.true += KEPT_SECONDS + 1
    assert world.off == pytest.approx(30.0)
    assert not world.time.offset().known


def test_a_clock_of_another_kind_that_is_set_back_forgets_what_it_learned_later() -> None:
    clock = [TRUE + 18_000]
    turned = VendorTime(lambda: clock[0])
    turned.note("yahoo", TRUE, turned.steady())
    assert turned.now() == pytest.approx(TRUE, abs=0.6)
    clock[0] = TRUE + 60
    assert turned.now() == TRUE + 60


def test_what_a_cache_kept_is_as_old_as_it_says_but_the_clock_is_right() -> None:
    headers = {"date": "Wed, 03 Jul 2024 10:00:00 GMT", "age": "45"}
    response = Response(200, headers, b"")
    assert sent_at(response) == 1_720_000_800.0
    assert served_at(response) == 1_720_000_845.0
    assert served_at(Response(200, {**headers, "age": "-1"}, b"")) == 1_720_000_800.0
    assert served_at(Response(200, {}, b"")) is None
