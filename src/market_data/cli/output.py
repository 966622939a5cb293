"""How the commands speak: data to standard output, words to standard error, codes that scripts can use."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from time import perf_counter
from typing import NoReturn, TypeVar

import msgspec
from rich.console import Console

from market_data.errors import BadConfig, BadQuestion, MarketDataError, NoProvider

EXIT_CODES = {
    0: "done",
    1: "something that is needed cannot be reached",
    2: "wrong use",
    3: "the configuration cannot be used",
    4: "there is no such thing",
    130: "interrupted",
}
PIPE_WIDTH = 200
"""Columns of a table that no terminal shows: wide enough to cut nothing off."""

data = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
"""Tables; `--json` output goes through `print_json`."""
words = Console(stderr=True)
"""Progress, advice, errors."""

_T = TypeVar("_T")


def say(text: str, level: int = logging.INFO) -> None:
    """Tell the user something, as it is: no markup, no colours, no wrapping; or as a JSON line of the log."""
    from market_data.telemetry import lines

    if lines.as_json():
        lines.write(level, text)
    else:
        words.print(text, highlight=False, markup=False, soft_wrap=True)


def use_json() -> None:
    """Write all that goes to standard error as JSON lines, until the settings are read and say otherwise."""
    from market_data.telemetry import lines

    lines.set_up("INFO", "json")
    lines.catch()


@contextmanager
def step(text: str) -> Iterator[None]:
    """Tell what is being done and how long it took; on a terminal with a spinner meanwhile."""
    began = perf_counter()
    from market_data.telemetry import lines

    if words.is_terminal and not lines.as_json():
        with words.status(text):
            yield
        say(f"{text}: {perf_counter() - began:.1f} s")
    else:
        say(f"{text} …")
        yield


def tracked(items: Iterable[_T], text: str, total: int | None = None) -> Iterable[_T]:
    """The same items; on a terminal with a progress bar while they are gone through."""
    from rich.progress import track

    from market_data.telemetry import lines

    seen = words.is_terminal and not lines.as_json()
    return track(items, text, total, console=words, transient=True, disable=not seen)


def print_json(value: object) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
    sys.stdout.flush()


def print_json_line(value: object) -> None:
    """Write one JSON document as one line, for a program that reads it."""
    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()


def exit_code(error: MarketDataError) -> int:
    """The exit code of an error."""
    match error:
        case BadConfig():
            return 3
        case BadQuestion(status=404):
            return 4
        case BadQuestion():
            return 2
        case _:
            return 1


def fail(error: MarketDataError) -> NoReturn:
    """Say what is wrong and end the program with its code."""
    problems = error.problems if isinstance(error, BadConfig) else str(error).splitlines()
    for problem in problems:
        say(f"error: {problem}", logging.ERROR)
    if isinstance(error, NoProvider):
        say("`market-data doctor` shows what each provider needs.")
    sys.exit(exit_code(error))


def wrong_use(text: str) -> NoReturn:
    """Say what is wrong with the words of a command, and end the program."""
    say(f"error: {text}", logging.ERROR)
    sys.exit(2)


def crash(error: Exception) -> NoReturn:
    """Log a bug that nobody caught, without the values of variables and without secrets; end the program."""
    from market_data.settings import read
    from market_data.telemetry import lines, logs

    with suppress(BadConfig):  # then there are none to hide: nothing could be opened with them
        logs.hide(read())
    lines.crashed(error)
    sys.exit(1)
