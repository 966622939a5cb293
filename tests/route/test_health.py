"""The score: H = 0.45 breaker + 0.25 latency + 0.20 errors + 0.10 completeness."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.route.health import (
    ERROR_SAMPLES,
    SAMPLES,
    SLOWEST_MS,
    WEIGHTS,
    WINDOW_SECONDS,
    Health,
    Score,
)

NOW = 1_000_000.0


def test_the_weights_are_those_of_the_design() -> None:
    assert WEIGHTS == {"breaker": 0.45, "latency": 0.25, "errors": 0.20, "completeness": 0.10}
    assert Score(0.5, 0.6, 0.7, 0.8).value == pytest.approx(0.45 * 0.5 + 0.25 * 0.6 + 0.2 * 0.7 + 0.1 * 0.8)


def test_answers_of_a_clock_that_has_been_set_back_do_not_count() -> None:
    health = Health()
    health.answered(10.0, NOW - 3600)
    for _ in range(3):
        health.failed(NOW)
    assert health.error_rate(NOW) == 1.0
    assert health.error_rate(NOW - 3599) == 0.0


def test_a_provider_that_was_never_asked_is_trusted() -> None:
    assert Health().score(1.0, NOW) == Score(1.0, 1.0, 1.0, 1.0)
    assert (Health().error_rate(NOW), Health().latency(95, NOW)) == (0.0, None)


@pytest.mark.parametrize(
    ("milliseconds", "part"), [(0, 1.0), (SLOWEST_MS / 2, 0.5), (SLOWEST_MS, 0.0), (10 * SLOWEST_MS, 0.0)]
)
def test_latency_is_relative_to_a_cap(milliseconds: float, part: float) -> None:
    health = Health()
    health.answered(milliseconds, NOW)
    assert health.score(1.0, NOW).latency == pytest.approx(part)


def test_a_failure_takes_its_share_of_every_part() -> None:
    health = Health()
    for _ in range(3):
        health.answered(0.0, NOW)
    health.failed(NOW)
    assert health.error_rate(NOW) == 0.25
    assert health.score(1.0, NOW) == Score(1.0, 0.75, 0.75, 0.75)


def test_failures_do_not_lower_the_merit() -> None:
    health = Health()
    health.answered(SLOWEST_MS / 2, NOW)
    health.failed(NOW)
    assert health.score(1.0, NOW).merit == pytest.approx(1 - 0.25 / 2)
    assert health.score(1.0, NOW).value == pytest.approx(0.45 + (0.25 / 2 + 0.2 + 0.1) / 2)


def test_an_outage_shows_after_few_calls_whatever_was_good_before() -> None:
    health = Health()
    for _ in range(SAMPLES):
        health.answered(0.0, NOW)
    for _ in range(ERROR_SAMPLES):
        health.failed(NOW)
    assert health.error_rate(NOW) == 1.0


def test_missing_bars_lower_completeness_alone() -> None:
    health = Health()
    health.completed(1.0, NOW)
    health.completed(0.5, NOW)
    assert health.score(1.0, NOW) == Score(1.0, 1.0, 1.0, 0.75)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    health = Health()
    health.failed(NOW)
    health.completed(0.0, NOW)
    assert health.samples(NOW + WINDOW_SECONDS) == 1
    assert health.samples(NOW + WINDOW_SECONDS + 1) == 0
    assert health.score(1.0, NOW + WINDOW_SECONDS + 1) == Score(1.0, 1.0, 1.0, 1.0)


def test_percentiles_are_of_good_answers_by_nearest_rank() -> None:
    health = Health()
    for milliseconds in range(1, 21):
        health.answered(float(milliseconds), NOW)
    assert (health.latency(50, NOW), health.latency(95, NOW), health.latency(0, NOW)) == (10.0, 19.0, 1.0)


@given(st.lists(st.one_of(st.none(), st.floats(0, 60_000)), max_size=60), st.sampled_from([0.0, 0.5, 1.0]))
def test_the_score_is_made_of_the_newest_answers_and_stays_between_0_and_1(
    answers: list[float | None], breaker: float
) -> None:
    health, fresh = Health(), Health()
    for kept, one in ((health, answers), (fresh, answers[-SAMPLES:])):
        for milliseconds in one:
            if milliseconds is None:
                kept.failed(NOW)
            else:
                kept.answered(milliseconds, NOW)
    score = health.score(breaker, NOW)
    assert score == fresh.score(breaker, NOW)
    assert 0 <= score.value <= 1
    failing = Health()
    failing.failed(NOW)
    assert failing.score(1.0, NOW).value <= health.score(1.0, NOW).value + 1e-9
