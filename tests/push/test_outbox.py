"""One client's buffer: bounded, in order, and what is left out for a slow client is old news."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from market_data.push.outbox import Outbox
from market_data.push.ring import Message
from market_data.stream import Position

from .publications import LIFE, message

SYMBOLS = ["AAPL", "KO", "MSFT", "PEP"]
sizes = st.integers(1, 12)


@st.composite
def streams(draw: st.DrawFn) -> list[Message]:
    kinds = draw(st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 3)), max_size=60))
    return [message(number, symbol, minute=minute) for number, (symbol, minute) in enumerate(kinds, 1)]


def put(outbox: Outbox, messages: Sequence[Message]) -> int:
    return sum(outbox.put(one) for one in messages)


@given(sizes, streams())
def test_it_never_holds_more_than_its_size_and_counts_exactly_what_it_leaves_out(
    size: int, messages: list[Message]
) -> None:
    outbox, left_out = Outbox(size), 0
    for number, one in enumerate(messages, 1):
        left_out += outbox.put(one)
        assert len(outbox) <= size
        assert len(outbox) + left_out == number
        assert outbox.left_out == left_out


@given(sizes, streams())
def test_what_waits_is_in_order_and_each_once(size: int, messages: list[Message]) -> None:
    outbox = Outbox(size)
    put(outbox, messages)
    taken = outbox.take()
    assert taken == sorted(set(taken), key=lambda one: one.position)


@given(sizes, streams())
def test_the_newest_of_each_series_is_there_unless_it_is_full(size: int, messages: list[Message]) -> None:
    outbox = Outbox(size)
    put(outbox, messages)
    newest = {one.series: one for one in messages}
    if outbox.full:
        assert len(newest) >= size
    else:
        assert set(newest.values()) <= set(outbox.take())


@given(sizes, streams())
def test_all_that_was_left_out_came_after_the_position_to_ask_from(
    size: int, messages: list[Message]
) -> None:
    outbox = Outbox(size)
    put(outbox, messages)
    since, taken = outbox.since, outbox.take()
    missing = [one for one in messages if one not in taken]
    assert since == (Position(LIFE, missing[0].position.number - 1) if missing else None)


@given(st.integers(8, 12), st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=60))
def test_where_it_suffices_only_older_revisions_make_way(size: int, kinds: list[tuple[int, int]]) -> None:
    messages = [
        message(number, SYMBOLS[symbol], minute=minute, revision=number)
        for number, (symbol, minute) in enumerate(kinds, 1)
    ]
    outbox = Outbox(size)
    put(outbox, messages)
    newest = {(one.series, one.bar): one for one in messages}
    assert set(newest.values()) <= set(outbox.take())


def test_what_was_taken_is_forgotten() -> None:
    outbox = Outbox(2)
    put(outbox, [message(number) for number in range(1, 9)])
    assert outbox.since == Position(LIFE, 0)
    assert outbox.take()
    assert [len(outbox), outbox.since, outbox.left_out, outbox.full] == [0, None, 0, False]
    assert put(outbox, [message(20)]) == 0
    assert outbox.take() == [message(20)]
