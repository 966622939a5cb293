"""The breaker obeys the score: for any sequence of answers it moves only as its picture says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.route.breaker import SAMPLES_BEFORE_DEMOTION, Breaker, State, Thresholds
from market_data.route.track import Track

RULES = Thresholds(demote=0.55, promote=0.70, cooldown=60.0, trials=3)
CLOSED, HALF_OPEN, OPEN = Breaker(), Breaker(State.HALF_OPEN, 100.0), Breaker(State.OPEN, 100.0)


def test_a_low_score_opens_it_only_after_enough_answers() -> None:
    assert CLOSED.after(False, 0.1, SAMPLES_BEFORE_DEMOTION - 1, 5.0, RULES) == CLOSED
    assert CLOSED.after(False, 0.1, SAMPLES_BEFORE_DEMOTION, 5.0, RULES) == Breaker(State.OPEN, 5.0)
    assert CLOSED.after(False, RULES.demote, 20, 5.0, RULES) == CLOSED


def test_the_cooldown_ends_by_itself_and_the_breaker_does_not_close_by_it() -> None:
    assert OPEN.at(159.9, RULES) == OPEN
    assert OPEN.at(160.0, RULES) == Breaker(State.HALF_OPEN, 160.0)
    assert OPEN.at(1e9, RULES).state is State.HALF_OPEN


def test_a_clock_that_is_set_back_ends_the_cooldown() -> None:
    assert OPEN.at(99.0, RULES) == OPEN, "clocks differ a little"
    assert OPEN.at(-3500.0, RULES) == Breaker(State.HALF_OPEN, -3500.0)


def test_three_good_trials_with_a_good_score_close_it() -> None:
    breaker = HALF_OPEN
    for good in (1, 2):
        breaker = breaker.after(True, 0.95, good, 101.0, RULES)
        assert (breaker.state, breaker.good_trials) == (State.HALF_OPEN, good)
    assert breaker.after(True, 0.95, 3, 102.0, RULES) == Breaker(State.CLOSED, 102.0)


def test_good_trials_with_a_poor_score_do_not_close_it() -> None:
    breaker = HALF_OPEN
    for _ in range(10):
        breaker = breaker.after(True, RULES.promote, 10, 101.0, RULES)
    assert breaker.state is State.HALF_OPEN


def test_one_bad_trial_opens_it_again() -> None:
    tried = HALF_OPEN.after(True, 0.95, 1, 101.0, RULES)
    assert tried.after(False, 0.95, 2, 102.0, RULES) == Breaker(State.OPEN, 102.0)


def test_a_reload_puts_what_is_out_on_trial_and_leaves_the_others() -> None:
    assert OPEN.readmitted(7.0) == Breaker(State.HALF_OPEN, 7.0)
    assert CLOSED.readmitted(7.0) is CLOSED


@pytest.mark.parametrize(("state", "value"), [(State.OPEN, 0.0), (State.HALF_OPEN, 0.5), (State.CLOSED, 1.0)])
def test_the_gauge_has_the_values_of_the_contract(state: State, value: float) -> None:
    assert state.part == value


STEPS = st.lists(
    st.tuples(st.floats(0, 90), st.one_of(st.none(), st.floats(0, 8000))), min_size=1, max_size=120
)
"""Seconds since the step before, and the answer's ms (None: it failed)."""


@given(STEPS)
def test_a_track_moves_only_along_the_picture_whatever_happens(
    steps: list[tuple[float, float | None]],
) -> None:
    track, now = Track(), 0.0
    opened_at, good_in_a_row = None, 0
    before = State.CLOSED
    for pause, milliseconds in steps:
        now += pause
        state = track.state(now, RULES)
        if before is State.OPEN and opened_at is not None:
            assert (state is State.HALF_OPEN) == (now - opened_at >= RULES.cooldown)
        else:
            assert state is before, "time alone moves nothing but an open breaker"
        if milliseconds is None:
            track.failed(now, RULES)
        else:
            track.answered(milliseconds, now, RULES)
        after = track.state(now, RULES)
        if state is State.CLOSED:
            score = track.health.score(1.0, now).value
            demoted = score < RULES.demote and track.health.samples(now) >= SAMPLES_BEFORE_DEMOTION
            assert (after is State.OPEN) == demoted
        else:
            good_in_a_row = good_in_a_row + 1 if milliseconds is not None else 0
            assert (after is State.OPEN) == (milliseconds is None)
            if after is State.CLOSED:
                assert good_in_a_row >= RULES.trials, "it closes on evidence"
        if after is State.OPEN:
            opened_at, good_in_a_row = (
                (now if state is not State.OPEN or milliseconds is None else opened_at),
                0,
            )
        if after is State.CLOSED:
            good_in_a_row = 0
        before = after


@given(STEPS)
def test_hysteresis_between_opening_and_closing_lie_a_cooldown_and_the_trials(
    steps: list[tuple[float, float | None]],
) -> None:
    track, now, opened, since = Track(), 0.0, None, 0
    for pause, milliseconds in steps:
        now += pause
        if milliseconds is None:
            track.failed(now, RULES)
        else:
            track.answered(milliseconds, now, RULES)
        since += 1
        state = track.state(now, RULES)
        if state is State.OPEN:
            opened, since = now if opened is None else opened, 0
        elif state is State.CLOSED and opened is not None:
            assert now - opened >= 0
            assert since >= RULES.trials
            opened = None
