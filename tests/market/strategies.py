"""Weeks of New York as exchange_calendars tells them, minute by minute, and moments to try in them."""

from dataclasses import dataclass

import numpy as np
from exchange_calendars import get_calendar
from hypothesis import strategies as st

from market_data.market.bar import Times
from market_data.market.span import Span, merge

DAY = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Some weeks of New York as the library tells them, in epoch seconds and in order."""

    first: int
    last: int
    minutes: frozenset[int]
    sessions: tuple[Span, ...]  # the runs of its minutes
    opens: list[int]
    days: list[int]
    times: st.SearchStrategy[int]  # often those at which something happens

    def open_at(self, at: float) -> bool:
        return at // 60 * 60 in self.minutes


def seconds(moments: object) -> Times:
    return np.asarray(moments, "datetime64[s]").astype(np.int64)


LIBRARY = get_calendar("XNYS", side="left", start="2001-09-01", end="2026-12-31")
MINUTES, OPENS, DAYS = map(seconds, (LIBRARY.minutes, LIBRARY.opens, LIBRARY.opens.index))


def window(first: str, last: str) -> Window:
    start, end = int(seconds(first)), int(seconds(last)) + DAY

    def within(moments: Times) -> list[int]:
        return [int(at) for at in moments[(moments >= start) & (moments < end)]]

    minutes = within(MINUTES)
    sessions = merge(Span(at, at + 60) for at in minutes)
    edges = [at + by for one in sessions for at in (one.start, one.end) for by in (-1, 0, 1)]
    return Window(
        first=start,
        last=end,
        minutes=frozenset(minutes),
        sessions=tuple(sessions),
        opens=within(OPENS),
        days=within(DAYS),
        times=st.integers(start, end) | st.sampled_from(edges),
    )


windows = st.sampled_from(
    [
        window("2026-03-02", "2026-03-20"),  # summer time begins
        window("2026-10-26", "2026-11-13"),  # and ends
        window("2024-11-18", "2024-12-06"),  # Thanksgiving and the half day after it
        window("2019-06-24", "2019-07-12"),  # a half day, Independence Day
        window("2024-12-16", "2025-01-17"),  # two holidays, a half day, a day of mourning
        window("2001-09-04", "2001-09-21"),  # four days without trading
    ]
)


@st.composite
def moments(draw: st.DrawFn) -> tuple[Window, float]:
    chosen = draw(windows)
    return chosen, draw(chosen.times) + draw(st.sampled_from([0.0, 0.5]))


@st.composite
def stretches(draw: st.DrawFn) -> tuple[Window, Span]:
    chosen = draw(windows)
    start, end = sorted(draw(st.tuples(chosen.times, chosen.times).filter(lambda pair: pair[0] != pair[1])))
    return chosen, Span(start, end)
