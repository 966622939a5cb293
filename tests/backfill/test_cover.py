"""Coverage: runs that add up to the window, each with its reason."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.backfill.completeness import FOREVER
from market_data.backfill.cover import (
    NEVER_SENT,
    NOT_SCANNED,
    SCANNED,
    Condition,
    Known,
    Run,
    State,
    condition,
    runs,
)
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


NOBODY = np.array([], np.int64)


def vacancy(span: Span, *providers: str, confirmed: bool = True, newer: bool = True) -> Vacancy:
    look_at = None if confirmed else 1_720_100_000.0
    return Vacancy(span, providers, confirmed, newer, 0, look_at, 0.0, 1_720_014_000.0)


def states(
    window: Span,
    settled: int = FOREVER,
    listed: Span = ALWAYS,
    *,
    bars: list[int] | Times = NOBODY,
    quarantined: list[int] | Times = NOBODY,
    vacancies: Sequence[Vacancy] = (),
    backfills: Sequence[Open] = (),
    since: int = 0,
    unknown: bool = False,
) -> list[Run]:
    known = Known(
        bars=np.array(bars, np.int64),
        quarantined=np.array(quarantined, np.int64),
        vacancies=vacancies,
        backfills=backfills,
        settled=settled,
        since=since,
        unknown=unknown,
    )
    return runs(window, Interval.M1, grid=HOURS.regular, listed=listed, known=known)


def test_each_minute_has_its_reason() -> None:
    found = states(
        Span(OPEN - 600, OPEN + 600),
        settled=OPEN + 540,
        bars=[OPEN, OPEN + 60],
        vacancies=[vacancy(Span(OPEN + 120, OPEN + 180), "finnhub", "yahoo")],
        backfills=[
            Open(7, Span(OPEN + 180, OPEN + 240), "queued", ""),
            Open(8, Span(OPEN + 240, OPEN + 300), "running", ""),
            Open(9, Span(OPEN + 300, OPEN + 360), "dead", "nobody has it"),
        ],
    )
    assert [(one.span.start - OPEN, one.span.end - OPEN, one.state, one.why) for one in found] == [
        (-600, 0, State.CLOSED, ""),
        (0, 120, State.FILLED, ""),
        (120, 180, State.VACANT, "confirmed by finnhub, yahoo at 2024-07-03T13:40Z"),
        (180, 240, State.QUEUED, "backfill 7"),
        (240, 300, State.RUNNING, "backfill 8"),
        (300, 360, State.FAILED, "backfill 9: nobody has it"),
        (360, 540, State.QUEUED, SCANNED),
        (540, 600, State.PENDING, ""),
    ]


def test_a_late_bar_in_a_vacant_span_counts_first() -> None:
    found = states(Span(OPEN, OPEN + 120), bars=[OPEN], vacancies=[vacancy(Span(OPEN, OPEN + 120), "yahoo")])
    assert [one.state for one in found] == [State.FILLED, State.VACANT]


def test_after_the_half_day_and_before_the_listing_it_is_closed() -> None:
    assert [one.state for one in states(Span(CLOSE, CLOSE + 7200))] == [State.CLOSED]
    assert [one.state for one in states(Span(OPEN, CLOSE), listed=Span(CLOSE, FOREVER))] == [State.CLOSED]


def test_a_vacancy_says_how_sure_it_is_and_by_whom() -> None:
    span = Span(OPEN, OPEN + 60)
    one = states(span, vacancies=[vacancy(span, "yahoo")])[0]
    assert one.why == "confirmed by one: yahoo at 2024-07-03T13:40Z"
    found = states(span, vacancies=[vacancy(span, "yahoo", confirmed=False)])[0]
    assert (
        found.why == "provisional: yahoo sent nothing at 2024-07-03T13:40Z; asked again at 2024-07-04T13:33Z"
    )
    assert found.explained
    assert not states(span, vacancies=[vacancy(span, "yahoo", confirmed=False, newer=False)])[0].explained


def test_what_no_scan_looks_for_is_not_promised() -> None:
    found = states(Span(OPEN, OPEN + 120), since=OPEN + 60)
    assert [(one.state, one.why) for one in found] == [
        (State.MISSING, NOT_SCANNED),
        (State.QUEUED, SCANNED),
    ]


def test_a_symbol_that_nobody_has_ever_sent_is_unknown() -> None:
    found = states(Span(OPEN, OPEN + 120), settled=OPEN + 60, unknown=True)
    assert [(one.state, one.why) for one in found] == [(State.UNKNOWN, NEVER_SENT), (State.PENDING, "")]


def test_a_quarantined_bar_is_not_missing() -> None:
    found = states(Span(OPEN, OPEN + 120), bars=[OPEN + 60], quarantined=[OPEN, OPEN + 60])
    assert [one.state for one in found] == [State.QUARANTINED, State.FILLED]


CERTAIN = vacancy(ALWAYS, "yahoo")
UNPROVEN = vacancy(ALWAYS, "yahoo", confirmed=False, newer=False)


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ([(State.CLOSED, None)], None),
        ([(State.CLOSED, None), (State.FILLED, None), (State.VACANT, CERTAIN)], Condition.AVAILABLE),
        ([(State.FILLED, None), (State.VACANT, UNPROVEN)], Condition.DEGRADED),
        ([(State.FILLED, None), (State.PENDING, None)], Condition.PENDING),
        ([(State.FILLED, None), (State.FAILED, None)], Condition.DEGRADED),
        ([(State.FILLED, None), (State.QUARANTINED, None)], Condition.DEGRADED),
        ([(State.QUEUED, None), (State.VACANT, CERTAIN)], Condition.MISSING),
        ([(State.UNKNOWN, None)], Condition.MISSING),
    ],
)
def test_a_day_in_one_word(kinds: list[tuple[State, Vacancy | None]], word: Condition | None) -> None:
    found = [Run(Span(i, i + 1), state, "", proof) for i, (state, proof) in enumerate(kinds)]
    assert condition(found) == word


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
        vacancies=[vacancy(one, "yahoo") for one in vacant],
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
