"""Coverage: runs that add up to the window, each with its reason."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.backfill.cover import NOT_FOUND_YET, Condition, Known, Run, State, condition, runs
from market_data.backfill.find import FOREVER
from market_data.calendar import hours_of
from market_data.market.bar import Times
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span
from market_data.store.ledger import Open
from market_data.store.vacancies import Vacancy

HOURS = hours_of("XNYS", AssetType.EQUITY)
OPEN, CLOSE = 1_720_013_400, 1_720_026_000
"""The half day of 3 July 2024: 13:30 to 17:00 UTC."""
ALWAYS = Span(0, FOREVER)


def known(bars: list[int] | Times = (), vacancies: list[Vacancy] = (), backfills: list[Open] = ()) -> Known:  # type: ignore[assignment]
    return Known(np.array(bars, np.int64), vacancies, backfills)


def states(window: Span, settled: int = FOREVER, listed: Span = ALWAYS, **held: object) -> list[Run]:
    return runs(window, Interval.M1, grid=HOURS.regular, listed=listed, settled=settled, known=known(**held))  # type: ignore[arg-type]


def test_each_minute_has_its_reason() -> None:
    found = states(
        Span(OPEN - 600, OPEN + 600),
        settled=OPEN + 540,
        bars=[OPEN, OPEN + 60],
        vacancies=[Vacancy(Span(OPEN + 120, OPEN + 180), ("yahoo", "finnhub"), 0.0)],
        backfills=[
            Open(7, Span(OPEN + 180, OPEN + 240), "queued", ""),
            Open(8, Span(OPEN + 240, OPEN + 300), "running", ""),
            Open(9, Span(OPEN + 300, OPEN + 360), "dead", "nobody has it"),
        ],
    )
    assert [(one.span.start - OPEN, one.span.end - OPEN, one.state, one.why) for one in found] == [
        (-600, 0, State.CLOSED, ""),
        (0, 120, State.FILLED, ""),
        (120, 180, State.VACANT, "agreed by yahoo, finnhub"),
        (180, 240, State.QUEUED, "backfill 7"),
        (240, 300, State.RUNNING, "backfill 8"),
        (300, 360, State.FAILED, "backfill 9: nobody has it"),
        (360, 540, State.QUEUED, NOT_FOUND_YET),
        (540, 600, State.PENDING, ""),
    ]


def test_a_late_bar_in_a_vacant_span_counts_first() -> None:
    vacancy = Vacancy(Span(OPEN, OPEN + 120), ("yahoo",), 0.0)
    found = states(Span(OPEN, OPEN + 120), bars=[OPEN], vacancies=[vacancy])
    assert [one.state for one in found] == [State.FILLED, State.VACANT]


def test_after_the_half_day_and_before_the_listing_it_is_closed() -> None:
    assert [one.state for one in states(Span(CLOSE, CLOSE + 7200))] == [State.CLOSED]
    assert [one.state for one in states(Span(OPEN, CLOSE), listed=Span(CLOSE, FOREVER))] == [State.CLOSED]


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ([State.CLOSED], None),
        ([State.CLOSED, State.FILLED, State.VACANT], Condition.AVAILABLE),
        ([State.FILLED, State.PENDING], Condition.PENDING),
        ([State.FILLED, State.FAILED], Condition.DEGRADED),
        ([State.QUEUED, State.VACANT], Condition.MISSING),
    ],
)
def test_a_day_in_one_word(kinds: list[State], word: Condition | None) -> None:
    assert condition([Run(Span(i, i + 1), kind) for i, kind in enumerate(kinds)]) == word


SPAN = st.builds(
    lambda start, length: Span(OPEN + start * 60, OPEN + (start + length) * 60),
    st.integers(-50, 260),
    st.integers(1, 200),
)


@given(
    window=SPAN,
    settled=st.integers(-60, 300),
    bars=st.lists(st.integers(0, 209), unique=True),
    vacant=st.lists(SPAN, max_size=3),
    open_=st.lists(st.tuples(SPAN, st.sampled_from(["queued", "running", "dead"])), max_size=3),
)
def test_the_runs_add_up_to_the_window_whatever_is_known(
    window: Span,
    settled: int,
    bars: list[int],
    vacant: list[Span],
    open_: list[tuple[Span, str]],
) -> None:
    found = states(
        window,
        settled=OPEN + settled * 60,
        bars=[OPEN + 60 * one for one in bars],
        vacancies=[Vacancy(one, ("yahoo",), 0.0) for one in vacant],
        backfills=[Open(i, span, status, "") for i, (span, status) in enumerate(open_)],  # type: ignore[arg-type]
    )
    assert (found[0].span.start, found[-1].span.end) == (window.start, window.end)
    for one, after in itertools.pairwise(found):
        assert one.span.end == after.span.start
        assert (one.state, one.why) != (after.state, after.why), "adjoining runs are one"
    open_seconds = sum(one.span.seconds for one in found if one.state is not State.CLOSED)
    session = Span(OPEN, CLOSE).overlap(window)
    assert open_seconds == (session.seconds if session else 0)
    filled = sum(one.span.seconds for one in found if one.state is State.FILLED)
    assert filled == 60 * sum(OPEN + 60 * one in window for one in bars)
