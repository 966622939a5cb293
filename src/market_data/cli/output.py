"""How the commands speak: data to standard output, words to standard error, codes that scripts can use."""

import sys
from typing import NoReturn

import msgspec
from rich.console import Console

from market_data.errors import BadConfig, BadQuestion, MarketDataError, NoProvider

EXIT_CODES = {
    0: "done",
    1: "something that is needed cannot be reached",
    2: "wrong use",
    3: "the configuration cannot be used",
    4: "there is no such thing",
}

data = Console()
"""Tables; `--json` output goes through `print_json`."""
words = Console(stderr=True)
"""Progress, advice, errors."""


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
    problems = error.problems if isinstance(error, BadConfig) else [str(error)]
    for problem in problems:
        words.print(f"[bold red]error[/] {problem}", highlight=False, soft_wrap=True)
    if isinstance(error, NoProvider):
        words.print("`market-data doctor` shows what each provider needs.", highlight=False)
    sys.exit(exit_code(error))
