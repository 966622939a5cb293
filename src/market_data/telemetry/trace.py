"""What a log says of an error: types, messages, frames, causes; never a value of a variable.

Nothing is read from disk and all is bounded, so that to describe an error takes less than a millisecond.
"""

import sys
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import NotRequired, TextIO, TypedDict

MOST_FRAMES = 30
"""Frames of one error; the innermost are kept."""
MOST_ERRORS = 12
"""Errors of one description: causes, and members of groups."""
LONGEST_MESSAGE = 1000
"""Characters of one error's message."""

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class Frame(TypedDict):
    """Where a call was."""

    file: str
    line: int
    function: str


class Described(TypedDict):
    """An error for a log; `frames` has the outermost call first."""

    type: str
    message: str
    frames: list[Frame]
    left_out: NotRequired[int]  # frames before the first of `frames`
    cause: NotRequired["Described"]  # what it was raised from, or what was being handled
    members: NotRequired[list["Described"]]  # of a group
    members_left_out: NotRequired[int]


def described(error: BaseException) -> Described:
    """An error with its causes and members: MOST_ERRORS in all."""
    return _described(error, {id(error)})


def _described(error: BaseException, seen: set[int]) -> Described:
    frames, left_out = _frames(error.__traceback__)
    found = Described(type=_name(type(error)), message=_message(error), frames=frames)
    if left_out:
        found["left_out"] = left_out
    if isinstance(error, BaseExceptionGroup):
        members = [_described(member, seen) for member in error.exceptions if _first(member, seen)]
        found["members"] = members
        if len(error.exceptions) > len(members):
            found["members_left_out"] = len(error.exceptions) - len(members)
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and _first(cause, seen):
        found["cause"] = _described(cause, seen)
    return found


def _first(error: BaseException, seen: set[int]) -> bool:
    """Whether there is room for it, and it was not described before."""
    if id(error) in seen or len(seen) >= MOST_ERRORS:
        return False
    seen.add(id(error))
    return True


def _frames(trace: TracebackType | None) -> tuple[list[Frame], int]:
    kept: deque[Frame] = deque(maxlen=MOST_FRAMES)
    count = 0
    while trace is not None:
        code = trace.tb_frame.f_code
        kept.append(Frame(file=code.co_filename, line=trace.tb_lineno, function=code.co_qualname))
        trace, count = trace.tb_next, count + 1
    return list(kept), count - len(kept)


def _name(kind: type[BaseException]) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001 - whatever its own __str__ does must not lose the line
        return f"its text cannot be read ({type(broken).__name__})"
    return text if len(text) <= LONGEST_MESSAGE else f"{text[:LONGEST_MESSAGE]}…"


def write(out: TextIO, error: ExcInfo) -> None:
    """An error as lines of text, for the text format."""
    out.write("\n" + "\n".join(_lines(described(error[1]), "")))


def text(error: BaseException) -> str:
    """An error as lines of text."""
    return "\n".join(_lines(described(error), ""))


def _lines(error: Described, indent: str) -> Iterator[str]:
    yield f"{indent}{error['type']}: {error['message']}"
    if left_out := error.get("left_out"):
        yield f"{indent}  … {left_out} frames"
    for frame in error["frames"]:
        yield f"{indent}  {frame['file']}:{frame['line']} in {frame['function']}"
    for number, member in enumerate(error.get("members", []), 1):
        yield f"{indent}  member {number}:"
        yield from _lines(member, f"{indent}    ")
    if left_out := error.get("members_left_out"):
        yield f"{indent}  … {left_out} members"
    if cause := error.get("cause"):
        yield f"{indent}because of"
        yield from _lines(cause, indent)


def of(exc_info: object) -> BaseException | None:
    """The error that `exc_info` names as logging and structlog take it: an error, its triple, or True."""
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case None | False | tuple():
            return None
        case _:
            return sys.exception()
