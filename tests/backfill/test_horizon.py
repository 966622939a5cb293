"""Which older part a scan looks at, and how far back."""

import pytest

from market_data.backfill.horizon import RECENT, turn
from market_data.backfill.recheck import due_session
from market_data.calendar import hours_of
from market_data.market.instrument import AssetType
from market_data.market.span import Span

from .moments import at

PARTS = [Span(at, at + 1) for at in range(40, 0, -1)]
HOURS = hours_of("XNYS", AssetType.EQUITY)


@pytest.mark.parametrize("count", [1, RECENT - 1, RECENT])
def test_a_few_parts_take_turns(count: int) -> None:
    parts = PARTS[:count]
    assert {turn(parts, walk) for walk in range(count)} == set(parts)


def test_the_newest_take_every_second_turn_and_all_are_come_to() -> None:
    found = [turn(PARTS, walk) for walk in range(2 * (len(PARTS) - RECENT))]
    assert set(found) == set(PARTS)
    assert sum(one in PARTS[:RECENT] for one in found) == len(found) // 2


def test_without_older_parts_there_is_none() -> None:
    assert turn([], 7) is None


@pytest.mark.parametrize(
    ("after", "now", "day"),
    [
        (0, "2024-06-12 21:59", "2024-06-11 00:00"),
        (0, "2024-06-12 22:00", "2024-06-12 00:00"),
        (1, "2024-06-12 22:00", "2024-06-11 00:00"),
        (5, "2024-06-21 22:00", "2024-06-13 00:00"),  # 19 June is a holiday
    ],
)
def test_a_session_is_asked_for_again_in_the_evening_and_some_sessions_later(
    after: int, now: str, day: str
) -> None:
    found = due_session(HOURS, after, at(now))
    assert found is not None
    assert found[0] == at(day)
    assert found[1].start > at(day)
