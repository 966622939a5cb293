"""The commands: one file each, joined here; an error ends as one line and an exit code."""

import sys

import typer

from market_data import __version__
from market_data.cli import universe
from market_data.cli.bars import bars
from market_data.cli.doctor import doctor
from market_data.cli.migrate import migrate
from market_data.cli.output import EXIT_CODES, fail
from market_data.cli.serve import demo, serve
from market_data.cli.simulate import simulate
from market_data.errors import MarketDataError

app = typer.Typer(
    name="market-data",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""A self-hosted market data service.

Start with `market-data demo`: the whole service on simulated data, nothing to configure.
`market-data serve` is the same with real providers.
`market-data doctor` says what is set up and what is missing.""",
    epilog="Exit codes: "
    + ", ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    + ". Settings: environment, CONFIG_DIR and .env; see docs/configuration.md.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"market-data {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Options of the program itself."""


for command in (demo, serve, simulate, migrate, bars, doctor):
    app.command()(command)
app.add_typer(universe.app, name="universe")


def main() -> None:
    """The entry point: runs a command; an error of ours becomes its line and its exit code."""
    try:
        app()
    except MarketDataError as error:
        fail(error)
    except KeyboardInterrupt:
        sys.exit(130)
