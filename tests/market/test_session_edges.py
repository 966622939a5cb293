"""Session grids at the ends of what they know, and sessions that make none."""

import numpy as np
import pytest

from market_data.market.interval import Interval
from market_data.market.session import SessionGrid
from market_data.market.span import Span

DAY = 86_400


def test_before_the_first_and_past_the_last_session_nothing_is_known() -> None:
    grid = small([(100_000, 100_600), (186_400, 187_000)])
    assert not grid.is_open(99_999)
    assert (grid.session_at(0), grid.session_before(0), grid.next_open(0)) == (None, None, 100_000)
    assert not grid.is_open(187_000)
    assert (grid.session_at(187_000), grid.next_open(186_400)) == (None, None)
    assert grid.session_before(10**12) == Span(186_400, 187_000)
    assert grid.holds(np.array([0, 99_999, 100_000, 100_599, 100_600, 10**12])).tolist() == [
        *(False, False, True, True, False, False),
    ]
    assert grid.last_labels(10**12, Interval.M5, 99).tolist() == [100_000, 100_300, 186_400, 186_700]
    assert grid.last_labels(10**12, Interval.D1, 99).tolist() == [86_400, 172_800]
    assert grid.labels(Span(0, 100_000), Interval.M1).tolist() == []
    for interval in Interval:
        assert len(grid.last_labels(0, interval, 5)) == 0


def test_what_it_gives_away_may_be_written_to() -> None:
    grid = small([(100_000, 100_600), (186_400, 187_000)])
    for labels in (grid.last_labels(10**12, Interval.D1, 3), grid.labels(Span(0, 10**12), Interval.D1)):
        labels[:] = 0
    assert grid.labels(Span(0, 10**12), Interval.D1).tolist() == [86_400, 172_800]


@pytest.mark.parametrize(
    ("sessions", "days", "problem"),
    [
        ([], [], "at least one"),
        ([(0, 60)], [0, DAY], "as many opens as closes and days"),
        ([(60, 60)], [0], "must not overlap"),
        ([(0, 120), (60, 180)], [0, DAY], "must not overlap"),
        ([(DAY, DAY + 60), (0, 60)], [0, DAY], "in order"),
        ([(0, 60), (60, 120)], [0, 0], "each once"),
        ([(0, 60)], [60], "must be dates"),
    ],
)
def test_sessions_that_make_no_grid_are_refused(
    sessions: list[tuple[int, int]], days: list[int], problem: str
) -> None:
    with pytest.raises(ValueError, match=rf"TEST: .*{problem}"):
        small(sessions, days)


def small(sessions: list[tuple[int, int]], days: list[int] | None = None) -> SessionGrid:
    opens = np.array([start for start, _ in sessions], np.int64)
    closes = np.array([end for _, end in sessions], np.int64)
    return SessionGrid(
        "TEST", opens, closes, opens - opens % DAY if days is None else np.array(days, np.int64)
    )
