"""What a log says of an error: enough to find it, bounded, and no value of any variable."""

import io
import time

import pytest

from market_data.telemetry import trace

SECRET = "hunter2-hunter2"  # noqa: S105 - what must not leak


def raised() -> ValueError:
    try:
        _outer(SECRET)
    except ValueError as error:
        return error
    raise AssertionError


def _outer(password: str) -> None:
    try:
        _inner(password)
    except KeyError as error:
        raise ValueError("it did not work") from error


def _inner(password: str) -> None:
    raise KeyError("name")


def _deep(depth: int) -> None:
    if depth:
        _deep(depth - 1)
    raise ValueError("at the bottom")


def test_an_error_has_its_type_message_frames_and_cause() -> None:
    found = trace.described(raised())
    assert (found["type"], found["message"]) == ("ValueError", "it did not work")
    assert [one["function"] for one in found["frames"]] == ["raised", "_outer"]
    assert found["frames"][0]["file"] == __file__
    assert found["cause"]["type"] == "KeyError"
    assert [one["function"] for one in found["cause"]["frames"]] == ["_outer", "_inner"]


def test_no_value_of_a_variable_is_told_in_either_form() -> None:
    error = raised()
    assert SECRET not in repr(trace.described(error))
    assert SECRET not in trace.text(error)


def test_the_text_says_what_the_object_says() -> None:
    out = io.StringIO()
    error = raised()
    trace.write(out, (type(error), error, error.__traceback__))
    for word in ("ValueError: it did not work", "in _outer", "because of", "KeyError: 'name'", "in _inner"):
        assert word in out.getvalue()


def test_the_members_of_a_group_are_told_with_their_frames() -> None:
    group = ExceptionGroup("both", [raised(), ExceptionGroup("one more", [OSError(5, "i/o")])])
    found = trace.described(group)
    assert [one["type"] for one in found["members"]] == ["ValueError", "ExceptionGroup"]
    assert found["members"][1]["members"][0]["message"] == "[Errno 5] i/o"
    assert "i/o" in trace.text(group)


def test_of_a_deep_stack_the_innermost_frames_are_kept() -> None:
    with pytest.raises(ValueError, match="bottom") as caught:
        _deep(200)
    found = trace.described(caught.value)
    assert len(found["frames"]) == trace.MOST_FRAMES
    assert found["frames"][-1]["function"] == "_deep"
    assert found["left_out"] >= 200 - trace.MOST_FRAMES


def test_a_group_of_many_and_a_long_message_are_cut() -> None:
    group = ExceptionGroup("many", [ValueError("x" * 100_000) for _ in range(500)])
    found = trace.described(group)
    assert len(found["members"]) == trace.MOST_ERRORS - 1
    assert found["members_left_out"] == 500 - (trace.MOST_ERRORS - 1)
    assert len(trace.text(group)) < 2 * trace.MOST_ERRORS * trace.LONGEST_MESSAGE


def test_a_chain_without_end_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert trace.text(first).count("because of") == 1


def test_an_error_whose_text_cannot_be_read_is_told_all_the_same() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise ZeroDivisionError

    assert "ZeroDivisionError" in trace.described(Broken())["message"]


def test_to_describe_an_error_with_large_values_around_takes_no_time() -> None:
    """The traceback with values that this replaces took half a second, in which nothing else ran."""
    values = dict.fromkeys(range(20000), "x" * 1000)
    with pytest.raises(ValueError, match="bottom") as caught:
        _deep(len(values) // 500)
    best = min(_seconds(caught.value) for _ in range(5))
    assert best < 0.005


def _seconds(error: BaseException) -> float:
    began = time.perf_counter()
    trace.text(error)
    return time.perf_counter() - began
