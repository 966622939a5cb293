"""What is kept for those who come back: against a plain list of all that ever came."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.push.ring import Message, Ring
from market_data.stream import START, Position, Publication, Series

from .publications import LIFE, message

SYMBOLS = ["AAPL", "KO", "MSFT"]


@dataclass(frozen=True)
class Filled:
    ring: Ring
    messages: list[Message]
    most: int


@st.composite
def filled(draw: st.DrawFn) -> Filled:
    most = draw(st.integers(1, 12))
    ring = Ring(most)
    first = draw(st.integers(1, 3))
    if first > 1:
        ring.begin(Position(LIFE, first - 1))
    messages = [
        message(number, symbol)
        for number, symbol in enumerate(draw(st.lists(st.sampled_from(SYMBOLS), max_size=40)), first)
    ]
    for one in messages:
        assert ring.follows(one.position)
        ring.add(one)
    return Filled(ring, messages, most)


@given(filled(), st.integers(0, 45), st.sampled_from([None, ["AAPL"], ["AAPL", "KO"], SYMBOLS, ["PEP"], []]))
def test_a_position_that_is_known_is_answered_with_exactly_what_came_after_it(
    found: Filled, number: int, symbols: list[str] | None
) -> None:
    since = Position(LIFE, number)
    if not found.ring.knows(since):
        return
    assert found.ring.since(since, "1m", symbols) == [
        one
        for one in found.messages
        if one.position > since and (symbols is None or one.series.symbol in symbols)
    ]
    assert found.ring.since(since, "1d", symbols) == []


@given(filled(), st.integers(0, 45))
def test_a_position_is_known_if_and_only_if_all_after_it_is_kept(found: Filled, number: int) -> None:
    if not found.messages:
        return
    first, last = found.messages[0].position.number, found.messages[-1].position.number
    oldest = max(first, last - found.most + 1)
    assert found.ring.knows(Position(LIFE, number)) == (oldest - 1 <= number <= last)
    assert len(found.ring) == min(found.most, len(found.messages))


@given(filled())
def test_the_position_of_another_life_is_not_known(found: Filled) -> None:
    for life in (LIFE - 1, LIFE + 1):
        assert not found.ring.knows(Position(life, 1))


def test_only_the_next_number_follows() -> None:
    ring = Ring(10)
    assert ring.follows(Position(LIFE, 1))
    assert not ring.follows(Position(LIFE, 2))
    ring.add(message(1))
    assert ring.follows(Position(LIFE, 2))
    for other in (Position(LIFE, 1), Position(LIFE, 3), Position(LIFE + 1, 1), Position(LIFE + 1, 2)):
        assert not ring.follows(other)


def test_a_ring_that_begins_anew_knows_nothing_from_before() -> None:
    ring = Ring(10)
    ring.add(message(1))
    ring.begin(Position(LIFE + 1, 6))
    assert (len(ring), ring.position) == (0, Position(LIFE + 1, 6))
    assert not ring.knows(Position(LIFE, 1))
    assert ring.knows(Position(LIFE + 1, 6))
    assert ring.since(Position(LIFE + 1, 6), "1m", None) == []


@pytest.mark.parametrize("text", ["0-0", "1720000000000-1", "1-99999999999"])
def test_a_position_is_read_as_it_is_told(text: str) -> None:
    assert str(Position.read(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "1",
        "1-",
        "-1",
        "1-2-3",
        "a-b",
        "1 -2",
        "+1-2",
        "1-\u0662",
        "1.5-2",
        "9" * 30 + "-" + "9" * 30,
    ],
)
def test_what_is_no_position_is_refused_with_what_would_be_one(text: str) -> None:
    with pytest.raises(ValueError, match="1790947800000-42"):
        Position.read(text)


def test_positions_are_ordered_by_life_and_number() -> None:
    assert START < Position(1, 1) < Position(1, 2) < Position(1, 10) < Position(2, 1)


def test_series_are_told_apart_by_their_interval() -> None:
    ring = Ring(10)
    daily = Publication(Position(LIFE, 1), Series("AAPL", "1d"), "1", 1, 0.0, b"{}")
    ring.add(Message.of(daily))
    ring.add(message(2))
    assert [one.position.number for one in ring.since(Position(LIFE, 0), "1d", ["AAPL"])] == [1]
    assert [one.position.number for one in ring.since(Position(LIFE, 0), "1m", None)] == [2]
