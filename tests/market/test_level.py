"""At which level an adjusting provider's minutes are: raw, converted by later splits, or not known."""

from datetime import UTC, datetime

import numpy as np
import pytest

from market_data.calendar import hours_of
from market_data.market.bar import Bars, Row, Split, Splits
from market_data.market.instrument import AssetType
from market_data.market.level import Leveled, level_of, leveled
from market_data.market.span import Span
from market_data.market.split import Checked, checked, effects, joined, to_raw

HOURS = hours_of("NASDAQ", AssetType.EQUITY)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


THURSDAY, FRIDAY, MONDAY = (at(f"2024-06-{day}T13:30:00") for day in ("06", "07", "10"))
SPLIT = Split(at("2024-06-10"), 10.0)
ASKED = float(MONDAY + 3600)
SURE = Checked(at("2024-06-01"), at("2024-06-10"), (SPLIT,))
NO_SPLIT = Checked(at("2024-06-01"), at("2024-06-10"))


def minutes(first: int, price: float, count: int = 10, volume: float = 1000.0) -> list[Row]:
    return [(first + 60 * i, price, price, price, price, volume) for i in range(count)]


def level(rows: list[Row], known: Checked | None, stored: list[Row] = []) -> Leveled:  # noqa: B006 - only read
    return leveled(Bars.of(rows), level_of(HOURS, ASKED, known), known, Bars.of(stored))


def test_what_lies_before_a_split_is_converted_and_the_running_session_is_raw() -> None:
    found = level(minutes(FRIDAY, 121.0) + minutes(MONDAY, 120.0), SURE)
    assert found.bars.close.tolist() == [1210.0] * 10 + [120.0] * 10
    assert found.bars.volume.tolist() == [100.0] * 10 + [1000.0] * 10
    assert not len(found.left_out)
    assert found.level.factors(found.bars.ts).tolist() == [10.0] * 10 + [1.0] * 10


def test_two_splits_multiply_and_one_to_come_does_nothing() -> None:
    splits = (Split(at("2024-06-07"), 2.0), SPLIT, Split(at("2024-06-11"), 3.0))
    days = np.array([at("2024-06-06"), at("2024-06-07"), at("2024-06-10")])
    assert effects(days, at("2024-06-10"), splits).tolist() == [20.0, 10.0, 1.0]


def test_the_last_minutes_of_late_trading_belong_to_the_day_before_the_split() -> None:
    """In winter New York's late trading ends after midnight UTC: it is before the split all the same."""
    split = Split(at("2024-12-10"), 10.0)
    known = Checked(at("2024-12-01"), at("2024-12-10"), (split,))
    late = at("2024-12-10T00:30:00")  # 19:30 on the 9th
    found = leveled(
        Bars.of(minutes(late, 12.1, 3)),
        level_of(HOURS, float(at("2024-12-10T15:00:00")), known),
        known,
        Bars.none(),
    )
    assert found.bars.close.tolist() == [121.0] * 3


def test_without_knowledge_older_minutes_have_no_level() -> None:
    found = level(minutes(FRIDAY, 121.0) + minutes(MONDAY, 120.0), None)
    assert (len(found.bars), len(found.left_out)) == (10, 10)
    assert found.left_out.close.tolist() == [121.0] * 10, "as they were sent"
    assert "not known" in found.why


def test_knowledge_of_yesterday_says_nothing_of_today() -> None:
    found = level(minutes(FRIDAY, 121.0), Checked(at("2024-06-01"), at("2024-06-07")))
    assert len(found.left_out) == 10


def test_what_is_stored_denies_that_there_was_no_split() -> None:
    """The provider reports none, yet its minutes are not those that are stored."""
    found = level(minutes(FRIDAY, 121.0) + minutes(MONDAY, 120.0), NO_SPLIT, minutes(FRIDAY, 1210.0, 5))
    assert found.bars.ts.tolist() == [MONDAY + 60 * i for i in range(10)]
    assert found.left_out.ts.tolist() == [FRIDAY + 60 * i for i in range(5, 10)], "the others are stored"
    assert "not reported" in found.why


def test_what_is_stored_on_either_side_of_a_hole_denies_it_too() -> None:
    beside = minutes(FRIDAY, 1210.0) + minutes(FRIDAY + 1800, 1210.0)
    assert len(level(minutes(FRIDAY + 900, 121.0), NO_SPLIT, beside).left_out) == 10


@pytest.mark.parametrize("close", [1150.0, 1210.0, 1270.0])
def test_a_market_that_moves_is_no_split(close: float) -> None:
    beside = minutes(FRIDAY, 1210.0) + minutes(FRIDAY + 1800, 1210.0)
    assert not len(level(minutes(FRIDAY + 900, close), NO_SPLIT, beside).left_out)


def test_an_older_session_stays_out_where_only_a_later_one_is_at_its_level() -> None:
    rows = minutes(THURSDAY, 120.0) + minutes(FRIDAY, 121.0)
    found = level(rows, NO_SPLIT, minutes(THURSDAY, 1200.0) + minutes(FRIDAY, 121.0))
    assert found.bars.ts.tolist() == [FRIDAY + 60 * i for i in range(10)]
    assert not len(found.left_out), "all of it is stored"


def test_agreement_with_what_is_stored_is_knowledge() -> None:
    assert not len(level(minutes(FRIDAY, 1210.0), None, minutes(FRIDAY, 1210.0, 5)).left_out)


def test_digits_that_the_split_has_cost_do_not_change_what_is_stored() -> None:
    stored = [(FRIDAY + 60 * i, 1210.3711, 1210.4, 1210.1, 1210.3711, 777.0) for i in range(5)]
    sent = [(ts, 121.0371, 121.04, 121.01, 121.0371, 7770.0) for ts, *_ in stored]
    found = level(sent, SURE, stored)
    assert found.bars.rows() == stored


def test_a_correction_that_comes_after_a_split_is_taken() -> None:
    stored = minutes(FRIDAY, 1210.0, 5)
    sent = minutes(FRIDAY, 121.0, 5, volume=10_000.0)
    sent[2] = (sent[2][0], 121.0, 121.5, 121.0, 121.5, 10_000.0)
    assert level(sent, SURE, stored).bars.close.tolist() == [1210.0, 1210.0, 1215.0, 1210.0, 1210.0]


def test_converted_prices_carry_no_rounding_of_doubles() -> None:
    bars = to_raw(Bars.of([(FRIDAY, 12.345, 12.345, 12.345, 12.345, 30.0)]), np.array([10.0]))
    assert bars.rows() == [(FRIDAY, 123.45, 123.45, 123.45, 123.45, 3.0)]


@pytest.mark.parametrize(
    ("end", "through"),
    [
        (MONDAY, "2024-06-07"),  # the session of the split has not opened within the window
        (MONDAY + 1, "2024-06-10"),
        (MONDAY + 86_400, "2024-06-10"),  # of Tuesday nobody knows on Monday
    ],
)
def test_an_answer_states_the_splits_of_sessions_that_opened_in_its_window(end: int, through: str) -> None:
    found = checked(Splits(Span(FRIDAY, end), (SPLIT,)), HOURS, ASKED)
    assert found.through == at(through)
    assert found.splits == ((SPLIT,) if through == "2024-06-10" else ())


def test_what_adjoins_is_joined_and_a_hole_is_not() -> None:
    older = Checked(at("2024-05-01"), at("2024-05-31"), (Split(at("2024-05-15"), 2.0),))
    newer = Checked(at("2024-06-01"), at("2024-06-10"), (SPLIT,))
    assert newer.joined(older) == Checked(
        at("2024-05-01"), at("2024-06-10"), (Split(at("2024-05-15"), 2.0), SPLIT)
    )
    later = Checked(at("2024-06-05"), at("2024-06-10"), (SPLIT,))
    assert older.joined(later) == later
    assert later.joined(None) == later


def test_an_answer_in_parts_states_splits_where_all_parts_do() -> None:
    one, two = Splits(Span(0, 10), (Split(0, 2.0),)), Splits(Span(10, 20))
    assert joined([one, two]) == Splits(Span(0, 20), (Split(0, 2.0),))
    assert joined([one, None]) is None
    assert joined([]) is None
