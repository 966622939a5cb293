"""The commands: declared in commands.py, done in a file each; an error ends as a line and an exit code."""

import os
import sys
from pathlib import Path

import typer

from market_data.cli.commands import app
from market_data.cli.output import crash, fail, use_json, wrong_use
from market_data.errors import BadConfig, MarketDataError


def main() -> None:
    """The entry point: runs a command; every error becomes its lines and its exit code, a bug too.

    With LOG_FORMAT=json every line on standard error is a JSON object, from the first on.
    """
    command = typer.main.get_command(app)
    try:
        if not _as_json():
            command()
        use_json()
        sys.exit(command(standalone_mode=False))  # what is wrong with the words is raised, not drawn
    except MarketDataError as error:
        fail(error)
    except OSError as error:  # such as a file that the user named and may not read
        about = f"{error.filename}: " if error.filename else ""
        fail(MarketDataError(f"{about}{error.strerror or error}"))
    except typer.Abort:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - a bug: its traceback must show no values, and fit the format
        if hasattr(error, "format_message"):  # the parser's: its own class is not public
            wrong_use(error.format_message())
        crash(error)


def _as_json() -> bool:
    """Whether LOG_FORMAT is json. Settings are imported only where one of their sources may say so."""
    if "LOG_FORMAT" not in os.environ and "CONFIG_DIR" not in os.environ and not Path(".env").is_file():
        return False
    from market_data.settings import read  # noqa: PLC0415 - help must not wait for it

    try:
        return read().settings.log_format == "json"
    except BadConfig:  # the command says so, in this format
        return os.environ.get("LOG_FORMAT", "").strip() == "json"
