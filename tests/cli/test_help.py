"""Help teaches, at once, and wrong use is told apart from trouble."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from market_data import __version__
from market_data.cli.commands import app

from .conftest import Run

HEAVY = ("litestar", "aiohttp", "asyncpg", "redis", "numpy", "pydantic", "uvicorn", "exchange_calendars")
COMMANDS = {
    *("demo", "serve", "simulate", "migrate", "bars", "coverage", "doctor", "universe", "backfill"),
    *("coordinate", "plan", "export", "backup", "restore", "calendar", "quality", "repair"),
}


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))


ALL = dict(_commands(typer.main.get_command(app)))


def test_the_commands_are_those_that_are_documented() -> None:
    assert {path[0] for path in ALL} == COMMANDS


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_and_every_option_has_help(path: tuple[str, ...]) -> None:
    command = ALL[path]
    assert len(command.help) > 20
    for parameter in command.params:
        assert parameter.hidden or parameter.help, parameter.name


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_help_is_shown_for_every_command(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"], terminal_width=200)
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


def test_help_imports_nothing_that_takes_time() -> None:
    code = "import sys, market_data.cli; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(found.stdout.split())


def test_the_exit_codes_are_part_of_the_help(run: Run) -> None:
    shown = run("--help")
    assert shown.code == 0
    assert "Exit codes:" in shown.out


def test_the_version_is_shown(run: Run) -> None:
    assert run("--version").out.strip() == f"market-data {__version__}"


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["bars"],
        ["bars", "AAPL", "--limit", "0"],
        ["bars", "AAPL", "--interval", "2s"],
        ["bars", "AAPL", "--session", "night"],
        ["bars", "AAPL", "--start", "yesterday"],
        ["bars", "no symbol"],
        ["universe", "add", "AAPL", "--tier", "T9"],
        ["universe", "load", "missing.csv"],
        ["serve", "--port", "70000"],
        ["simulate", "--fault", "yahoo:nonsense"],
        ["simulate", "--plan", "golden"],
        ["simulate", "--now", "yesterday"],
        ["simulate", "--recorded", "AAPL"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2_and_a_line_without_a_trace(run: Run, words: list[str]) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err
    assert "Traceback" not in ran.err


def test_the_faults_of_the_simulator_are_listed(run: Run) -> None:
    shown = run("simulate", "--faults")
    assert shown.code == 0
    assert "http_429" in shown.out
    assert "out_of_order" in shown.out
