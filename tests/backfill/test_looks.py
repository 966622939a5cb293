"""When a vacancy is looked at again, and when it is confirmed."""

import pytest

from market_data.backfill.looks import EVENING_SECONDS, Next, next_look
from market_data.calendar import hours_of
from market_data.market.instrument import AssetType
from market_data.market.interval import Interval
from market_data.market.span import Span

from .moments import at

HOURS = hours_of("XNYS", AssetType.EQUITY)
NOON = Span(at("2024-06-12 16:00"), at("2024-06-12 16:05"))
FIRST = at("2024-06-12 16:07") + 0.0
EVENINGS = [at(f"2024-06-{day} 22:00") + 0.0 for day in (12, 13, 20)]
"""Of its own session, of the next one, and of the fifth: 19 June is a holiday."""


def look(
    now: float, *, span: Span = NOON, first: float = FIRST, witnesses: int = 1, whole: bool = False
) -> Next:
    return next_look(span, Interval.M1, HOURS, first_at=first, now=now, witnesses=witnesses, whole=whole)


@pytest.mark.parametrize(
    ("now", "following"),
    [
        (FIRST, at("2024-06-12 16:10")),
        (FIRST + 300, EVENINGS[0]),
        (EVENINGS[0], EVENINGS[1]),
        (EVENINGS[1], EVENINGS[2]),
    ],
)
def test_it_is_looked_at_soon_in_the_evening_next_day_and_after_five_sessions(
    now: float, following: float
) -> None:
    assert look(now) == Next(following, confirmed=False)


def test_then_it_is_confirmed_by_one_provider_too() -> None:
    assert look(EVENINGS[2]) == Next(None, confirmed=True)


def test_a_whole_empty_session_is_looked_at_for_weeks_and_never_confirmed_by_one_provider() -> None:
    later = look(EVENINGS[2], whole=True)
    assert later == Next(at("2024-06-27 22:00"), confirmed=False)
    end = at("2024-07-12 22:00") + 0.0
    assert look(end, whole=True) == Next(None, confirmed=False)
    assert look(end, whole=True, witnesses=2) == Next(None, confirmed=True)


def test_what_is_older_than_that_when_it_is_found_is_looked_at_a_day_later() -> None:
    now = at("2024-09-02 12:00") + 0.0
    assert look(now, first=now) == Next(now + 86_400, confirmed=False)
    assert look(now + 86_400, first=now) == Next(None, confirmed=True)


def test_days_are_looked_at_in_the_evenings_of_later_sessions() -> None:
    day = Span(at("2024-06-12 00:00"), at("2024-06-13 00:00"))
    first = at("2024-06-13 02:00") + 0.0
    found = [first + 600]
    while (
        following := next_look(
            day, Interval.D1, HOURS, first_at=first, now=found[-1], witnesses=1, whole=True
        )
    ).look_at is not None:
        found.append(following.look_at)
    assert [one - EVENING_SECONDS for one in found[1:]] == [
        at("2024-06-13 20:00"),
        at("2024-06-20 20:00"),
        at("2024-06-27 20:00"),
        at("2024-07-12 20:00"),
    ]
