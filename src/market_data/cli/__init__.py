"""The commands: declared in commands.py, done in a file each; an error ends as a line and an exit code."""

from market_data.cli.commands import app
from market_data.cli.output import fail
from market_data.errors import MarketDataError


def main() -> None:
    """The entry point: runs a command; an error of ours becomes its line and its exit code."""
    try:
        app()
    except MarketDataError as error:
        fail(error)
