"""Cursors: what was written is read, for its own question alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_data.errors import BadQuestion
from market_data.market.span import Span
from market_data.serve.cursor import LONGEST_CURSOR, Cursor, read_cursor

TIMES = st.integers(0, 4_102_444_799)
CURSORS = st.builds(
    Cursor,
    st.tuples(TIMES, st.integers(1, 10**8)).map(lambda one: Span(one[0], min(sum(one), 4_102_444_800))),
    TIMES,
    st.sampled_from(["", "raw", "split", "all"]),
)
QUESTIONS = st.tuples(
    st.text(max_size=20), st.none() | st.text(max_size=20), st.none() | st.text(max_size=20)
)


@given(CURSORS, QUESTIONS)
def test_a_cursor_is_read_as_it_was_written(cursor: Cursor, question: tuple[str | None, ...]) -> None:
    text = cursor.written(question)
    assert len(text) <= LONGEST_CURSOR
    assert text.isascii()
    assert read_cursor(text, question) == cursor


@given(CURSORS, QUESTIONS, QUESTIONS)
def test_another_question_is_refused(
    cursor: Cursor, question: tuple[str | None, ...], other: tuple[str | None, ...]
) -> None:
    if question != other:
        with pytest.raises(BadQuestion, match="same symbol"):
            read_cursor(cursor.written(question), other)


@given(st.text(max_size=LONGEST_CURSOR + 10))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(BadQuestion, match="repeat the `next`"):
        read_cursor(text, ("AAPL",))
